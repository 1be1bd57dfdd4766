// The iptables mode beside a real kube-proxy: one endpoint changes, growth of the work per change, memory.

import { setTimeout as delay } from 'node:timers/promises'
import { parsePrefix } from '../../../src/net/ip/prefix.ts'
import { formatRestoreInput } from '../../../src/net/iptables/restore-input.ts'
import { NFT_BATCH_SIZE } from '../../../src/proxy/iptables/plan-batches.ts'
import { planTransaction } from '../../../src/proxy/iptables/plan-transaction.ts'
import { Ruleset } from '../../../src/proxy/iptables/ruleset.ts'
import { ServiceTable } from '../../../src/proxy/service-table/service-table.ts'
import { Tracker } from '../../../src/proxy/tracker/tracker.ts'
import type { Figure, Result, Skip } from '../figure.ts'
import type { BenchContext } from '../subject.ts'
import { changeOnce, changeOnceByMetric } from './proxy/change-once.ts'
import { ProxyCluster, serviceOf, sliceOf, type RunningProxy, type Size } from './proxy/cluster.ts'
import { firstSync } from './proxy/programming.ts'
import { residentMb } from './proxy/resident.ts'
import { NO_PEER, programs, versus, type Program } from './proxy/versus.ts'

const FLAGS = ['--proxy-mode=iptables']
const LIMIT_MS = 150_000
/** Both proxies wait a second after a sync; a lone change is what is measured. */
const REST_MS = { weft: 1_300, 'kube-proxy': 1_800 } as const

export async function measure(context: BenchContext): Promise<Omit<Result, 'subject'>> {
  // One endpoint each: kube-proxy's first sync of 110,000 chains takes iptables-nft 1.8.9 longer than anybody waits.
  const size: Size = context.quick ? { services: 300, endpoints: 1 } : { services: 10_000, endpoints: 1 }
  const growth = planGrowth(context)
  await using cluster = await ProxyCluster.open(size, context)
  const found = [await changes(cluster, size, 'legacy', context), await changes(cluster, size, 'nft', context)]
  return {
    figures: [...found.flatMap(({ figures }) => figures), growth], series: [],
    skips: [...found.flatMap(({ skips }) => skips), ...(programs().length === 1 ? [NO_PEER] : [])],
  }
}

/** From the API server's answer to a write of a slice to the commit of the rules that follow from it. */
async function changes(cluster: ProxyCluster, size: Size, variant: 'nft' | 'legacy', context: BenchContext): Promise<{ figures: readonly Figure[]; skips: readonly Skip[] }> {
  const suffix = variant === 'nft' ? '' : '/legacy'
  const key = `one-change/${size.services}${suffix}`
  const skips: Skip[] = []
  const samples: number[][] = []
  const memory: number[][] = []
  for (const name of programs()) {
    await using running = await cluster.startProxy(name, FLAGS, { variant })
    if ((await firstSync(running, LIMIT_MS, context.signal)) === undefined) {
      skips.push({ key: `${name}/${key}`, reason: `${name} had not finished its first sync after ${LIMIT_MS / 1000} s` })
      continue
    }
    await delay(3_000)
    const list = await severalChanges(cluster, running, name, { size, variant, rounds: roundsOf(name, variant, context.quick) })
    samples.push(list)
    memory.push([residentMb(running.proxy.pid)])
    context.say(`${name}, iptables-${variant}: one change ${list.map(Math.round).join(' ')} ms, ${Math.round(memory.at(-1)![0]!)} MB resident`)
  }
  const what = `one endpoint is replaced among ${size.services.toLocaleString('en')} services: from the API server's answer to the kernel's commit, iptables-${variant}`
  const figures = [versus({ key, what, unit: 'ms' }, samples)]
  if (variant === 'nft') figures.push(versus({ key: `resident/${size.services}x${size.endpoints}`, what: 'resident memory after that', unit: 'MB' }, memory))
  return { figures, skips }
}

const roundsOf = (name: Program, variant: 'nft' | 'legacy', quick: boolean): number => (quick ? 3 : variant === 'legacy' ? 8 : name === 'weft' ? 40 : 10)

async function severalChanges(cluster: ProxyCluster, running: RunningProxy, name: Program, { size, variant, rounds }: Readonly<{ size: Size; variant: 'nft' | 'legacy'; rounds: number }>): Promise<number[]> {
  const list: number[] = []
  for (let round = 0; round < rounds; round += 1) {
    await delay(REST_MS[name])
    list.push(variant === 'nft' ? await changeOnce(cluster, running, { table: 'nat', round, size }) : await changeOnceByMetric(cluster, running, { round, size }))
  }
  // Negative: the commit was there before the API server's answer had been read.
  return list.map(ms => Math.max(0, ms))
}

/** Everything in the process between an event and the text for iptables-restore, beside 10 services and beside many. */
function planGrowth(context: BenchContext): Figure {
  const many = context.quick ? 1_000 : 10_000
  const [few, lots] = [10, many].map(services => planWork(services, context.quick ? 200 : 1_000))
  return { key: `plan-growth/${many}`, what: `work in the process per change, beside ${many} services`, unit: 'us', weft: lots!, peerName: 'beside 10 services', peer: few! }
}

function planWork(services: number, rounds: number): readonly number[] {
  const tracker = new Tracker({ family: 4, nodeName: 'node-1', allowExternalIps: true, startedAtMs: 0 })
  const table = new ServiceTable({ nodeName: 'node-1', zone: undefined, nodeIps: [] })
  const ruleset = new Ruleset({
    family: 4, masqueradeMark: 0x4000, masqueradeAll: false, detector: { kind: 'source', prefix: parsePrefix('10.128.0.0/9', 'pods') },
    guardLoopback: true, dropInvalid: true, randomFully: true, counters: false,
  }, { kind: 'all', loopback: true })
  for (let n = 1; n <= services; n += 1) {
    tracker.applyService(serviceOf(n))
    tracker.applySlice(sliceOf(n, 10))
  }
  ruleset.apply(table.apply(tracker.takeChanges().ports), false)
  const samples: number[] = []
  for (let round = 0; round < rounds + 300; round += 1) {
    const change = sliceOf(1 + ((round * 7919) % services), 10, 1 + (Math.floor(round / services) % 2) + (round % 2))
    const start = performance.now()
    tracker.applySlice(change)
    formatRestoreInput(planTransaction(ruleset.apply(table.apply(tracker.takeChanges().ports), false), NFT_BATCH_SIZE))
    if (round >= 300) samples.push((performance.now() - start) * 1000)
  }
  return samples
}
