// One change in iptables mode without an API server: the work in the process beside few services and beside many, and the
// whole of it beside what the kernel and its program take for a change of nothing.

import { parsePrefix } from '../../../src/net/ip/prefix.ts'
import { formatRestoreInput } from '../../../src/net/iptables/restore-input.ts'
import { NFT_BATCH_SIZE } from '../../../src/proxy/iptables/plan-batches.ts'
import { planTransaction } from '../../../src/proxy/iptables/plan-transaction.ts'
import { Ruleset } from '../../../src/proxy/iptables/ruleset.ts'
import { ServiceTable } from '../../../src/proxy/service-table/service-table.ts'
import { Tracker } from '../../../src/proxy/tracker/tracker.ts'
import { alternate } from '../alternate.ts'
import type { Figure, Result } from '../figure.ts'
import type { BenchContext } from '../subject.ts'
import { openLab } from '../../lab/lab.ts'
import { openBackend, type Plane } from './latency/service-host.ts'
import { serviceOf, sliceOf } from './proxy/cluster.ts'

const FEW = 10
const ENDPOINTS = 10

/**
 * The same ten services change in both, so that the number of services is the only difference; in a third run every
 * change is of another service, which also shows what it costs to fetch things from memory that were not used for long.
 */
export async function measure(context: BenchContext): Promise<Omit<Result, 'subject'>> {
  const { quick } = context
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
      await kernelLimit('iptables-nft', many, context),
      await kernelLimit('iptables-legacy', many, context),
    ],
    series: [], skips: [],
  }
}

/** Legacy replaces the whole table with every change, whoever asks for it and however small it is. */
async function kernelLimit(plane: Exclude<Plane, 'nftables'>, services: number, { quick, signal }: BenchContext): Promise<Figure> {
  await using lab = await openLab({ hosts: 1 })
  const host = lab.host(1)
  await using backend = await openBackend(plane, lab, { signal })
  const tracker = new Tracker({ family: 4, nodeName: 'node-1', allowExternalIps: true, startedAtMs: 0 })
  const table = new ServiceTable({ nodeName: 'node-1', zone: undefined, nodeIps: [] })
  const sync = async (full: boolean): Promise<unknown> => backend.sync({ table, changes: table.apply(tracker.takeChanges().ports), full }, { signal })
  for (let n = 1; n <= services; n += 1) {
    tracker.applyService(serviceOf(n))
    tracker.applySlice(sliceOf(n, 1))
  }
  await sync(true)
  const timed = async (work: () => Promise<unknown>): Promise<number> => {
    const start = performance.now()
    await work()
    return performance.now() - start
  }
  const [ours, bare] = await alternate([
    { name: 'ours', once: async round => {
      tracker.applySlice(sliceOf(1 + ((round + services) * 7919) % services, 1, 1))
      return timed(() => sync(false))
    } },
    { name: 'bare', once: () => timed(() => host.exec([`${plane}-restore`, '--noflush'], { input: '*nat\n:NOTHING - [0:0]\nCOMMIT\n' })) },
  ], { rounds: quick ? 5 : 30, warmup: 2 })
  return {
    key: `change-beside-limit/${plane}`, unit: 'ms', what: `${plane}: one endpoint changes among ${services.toLocaleString('en')} services, from its slice to the end of the restore`,
    weft: ours!, peerName: `${plane}-restore of one empty chain into the same table`, peer: bare!,
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
