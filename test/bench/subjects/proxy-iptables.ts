// The iptables mode beside a real kube-proxy: first programming, one change, growth of the work per change.

import { setTimeout as delay } from 'node:timers/promises'
import { parsePrefix } from '../../../src/net/ip/prefix.ts'
import { formatRestoreInput } from '../../../src/net/iptables/restore-input.ts'
import { NFT_BATCH_SIZE } from '../../../src/proxy/iptables/plan-batches.ts'
import { planTransaction } from '../../../src/proxy/iptables/plan-transaction.ts'
import { Ruleset } from '../../../src/proxy/iptables/ruleset.ts'
import { ServiceTable } from '../../../src/proxy/service-table/service-table.ts'
import { Tracker } from '../../../src/proxy/tracker/tracker.ts'
import { eventually } from '../../lab/eventually.ts'
import { alternate } from '../alternate.ts'
import type { Figure, Result, Skip } from '../figure.ts'
import type { BenchContext } from '../subject.ts'
import { changeOnce } from './proxy/change-once.ts'
import { KUBE_PROXY_NAME, kubeProxy, ProxyCluster, serviceOf, sliceOf, type RunningProxy, type Size } from './proxy/cluster.ts'
import { residentMb } from './proxy/resident.ts'

const SYNCED = 'kubeproxy_sync_proxy_rules_last_timestamp_seconds{ip_family="IPv4"}'
const FLAGS = ['--proxy-mode=iptables']

export async function measure(context: BenchContext): Promise<Omit<Result, 'subject'>> {
  const figures: Figure[] = []
  const skips: Skip[] = []
  const peers: readonly ('weft' | 'kube-proxy')[] = kubeProxy() === undefined ? ['weft'] : ['weft', 'kube-proxy']
  if (peers.length === 1) skips.push({ key: 'kube-proxy', reason: 'npm run peers has not fetched kube-proxy' })
  figures.push(await firstProgramming(context, peers))
  figures.push(...(await oneChange(context, peers)))
  figures.push(planGrowth(context))
  return { figures, series: [], skips }
}

const withPeer = (figure: Omit<Figure, 'weft'>, [weft, peer]: readonly (readonly number[])[]): Figure =>
  peer === undefined ? { ...figure, weft: weft! } : { ...figure, weft: weft!, peerName: KUBE_PROXY_NAME, peer }

/** From the start of the process to the end of its first sync. */
async function firstProgramming(context: BenchContext, programs: readonly ('weft' | 'kube-proxy')[]): Promise<Figure> {
  const size: Size = context.quick ? { services: 500, endpoints: 10 } : { services: 5_000, endpoints: 10 }
  await using cluster = await ProxyCluster.open(size, context)
  let unfinished = false
  const samples = await alternate(programs.map(name => ({
    name,
    once: async () => {
      await using running = await cluster.startProxy(name, FLAGS)
      const finished = await synced(running)
      if (!finished && name === 'weft') throw new Error('the first sync did not end in time')
      unfinished ||= !finished
      const ms = performance.now() - running.startedAt
      context.say(`${name}: first programming ${Math.round(ms)} ms`)
      return ms
    },
  })), { rounds: context.quick ? 1 : 5, warmup: 0 })
  return withPeer({ key: `first-programming/${size.services}x${size.endpoints}`, what: `from start of the process to all rules in force, ${size.services} services of ${size.endpoints} endpoints, iptables-nft`, unit: 'ms', ...(unfinished ? { note: `the peer had not finished after ${LIMIT_MS / 1000} s, which is what counts here` } : {}) }, samples)
}

/** Long enough for either proxy on an idle machine. */
const LIMIT_MS = 300_000

/** False when the first sync was not over within the limit. */
const synced = ({ proxy }: RunningProxy): Promise<boolean> =>
  eventually(async () => (await proxy.metric(SYNCED).catch(() => 0)) > 0, { timeoutMs: LIMIT_MS, intervalMs: 20 }).then(() => true, () => false)

/** From the API server's answer to a write of a slice to the commit of the rules that follow from it. */
async function oneChange(context: BenchContext, programs: readonly ('weft' | 'kube-proxy')[]): Promise<readonly Figure[]> {
  const size: Size = context.quick ? { services: 500, endpoints: 10 } : { services: 10_000, endpoints: 10 }
  await using cluster = await ProxyCluster.open(size, context)
  const memory: number[][] = []
  const samples: number[][] = []
  for (const name of programs) {
    await using running = await cluster.startProxy(name, FLAGS)
    if (!(await synced(running))) {
      context.say(`${name} did not finish its first sync; its changes are not measured`)
      break
    }
    await delay(3_000)
    const list: number[] = []
    samples.push(list)
    for (let round = 0; round < (context.quick ? 5 : 60); round += 1) {
      // Beyond minSyncPeriod: a lone change is what is measured.
      await delay(name === 'weft' ? 1_300 : 2_500)
      list.push(await changeOnce(cluster, running, { table: 'nat', round, size }))
    }
    memory.push([residentMb(running.proxy.pid)])
    context.say(`${name}: one change ${list.map(Math.round).join(' ')} ms, ${Math.round(memory.at(-1)![0]!)} MB resident`)
  }
  return [
    withPeer({ key: `one-change/${size.services}`, what: `one endpoint changes among ${size.services} services: from the API server's answer to the kernel's commit, iptables-nft`, unit: 'ms' }, samples),
    withPeer({ key: `resident/${size.services}x${size.endpoints}`, what: 'resident memory after that', unit: 'MB' }, memory),
  ]
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
