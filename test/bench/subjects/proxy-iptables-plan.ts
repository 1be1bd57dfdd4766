// Work in the process per change in iptables mode, beside few services and beside many: no kernel, no API server.

import { parsePrefix } from '../../../src/net/ip/prefix.ts'
import { formatRestoreInput } from '../../../src/net/iptables/restore-input.ts'
import { NFT_BATCH_SIZE } from '../../../src/proxy/iptables/plan-batches.ts'
import { planTransaction } from '../../../src/proxy/iptables/plan-transaction.ts'
import { Ruleset } from '../../../src/proxy/iptables/ruleset.ts'
import { ServiceTable } from '../../../src/proxy/service-table/service-table.ts'
import { Tracker } from '../../../src/proxy/tracker/tracker.ts'
import { alternate } from '../alternate.ts'
import type { Result } from '../figure.ts'
import type { BenchContext } from '../subject.ts'
import { serviceOf, sliceOf } from './proxy/cluster.ts'

const FEW = 10
const ENDPOINTS = 10

/**
 * The same ten services change in both, so that the number of services is the only difference; in a third run every
 * change is of another service, which also shows what it costs to fetch things from memory that were not used for long.
 */
export async function measure({ quick }: BenchContext): Promise<Omit<Result, 'subject'>> {
  const many = quick ? 1_000 : 10_000
  const [few, lots, spread] = [new Planning(FEW), new Planning(many), new Planning(many)]
  const samples = await alternate([
    { name: 'few', once: async round => few.change(1 + (round % FEW + FEW) % FEW) },
    { name: 'many', once: async round => lots.change(1 + (round % FEW + FEW) % FEW) },
    { name: 'spread', once: async round => spread.change(1 + ((round + many) * 7919) % many) },
  ], { rounds: quick ? 500 : 5_000, warmup: 1_000 })
  const beside = { unit: 'us', peerName: `beside ${FEW} services`, peer: samples[0]! } as const
  const what = `from an EndpointSlice to the text for iptables-restore, beside ${many.toLocaleString('en')} services`
  return {
    figures: [
      { key: `plan-growth/${many}`, what: `${what}: the same ten services change again and again`, weft: samples[1]!, ...beside },
      { key: `plan-spread/${many}`, what: `${what}: every change is of another service`, weft: samples[2]!, ...beside },
    ],
    series: [], skips: [],
  }
}

/** Tracker, service table and ruleset with this many services. */
class Planning {
  readonly #tracker = new Tracker({ family: 4, nodeName: 'node-1', allowExternalIps: true, startedAtMs: 0 })
  readonly #table = new ServiceTable({ nodeName: 'node-1', zone: undefined, nodeIps: [] })
  readonly #ruleset = new Ruleset({
    family: 4, masqueradeMark: 0x4000, masqueradeAll: false, detector: { kind: 'source', prefix: parsePrefix('10.128.0.0/9', 'pods') },
    guardLoopback: true, dropInvalid: true, randomFully: true, counters: false,
  }, { kind: 'all', loopback: true })
  readonly #shifts = new Map<number, number>()

  constructor(services: number) {
    for (let n = 1; n <= services; n += 1) {
      this.#tracker.applyService(serviceOf(n))
      this.#tracker.applySlice(sliceOf(n, ENDPOINTS))
    }
    this.#ruleset.apply(this.#table.apply(this.#tracker.takeChanges().ports), false)
  }

  /** Replaces one endpoint of service `n`; answers in microseconds. */
  change(n: number): number {
    const shift = 3 - (this.#shifts.get(n) ?? 1)
    this.#shifts.set(n, shift)
    const slice = sliceOf(n, ENDPOINTS, shift)
    const start = performance.now()
    this.#tracker.applySlice(slice)
    formatRestoreInput(planTransaction(this.#ruleset.apply(this.#table.apply(this.#tracker.takeChanges().ports), false), NFT_BATCH_SIZE))
    return (performance.now() - start) * 1000
  }
}
