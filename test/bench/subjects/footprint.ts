// What the daemons take on a machine: resident memory, and processor time while nothing happens. All run as users run
// them: those of an empty cluster by `weft up`, the proxies with many objects by the launcher.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { LocalCluster } from '../../lab/local-cluster.ts'
import type { Figure, Result, Unit } from '../figure.ts'
import type { BenchContext } from '../subject.ts'
import { ProxyCluster, type Size } from './proxy/cluster.ts'
import { firstSync } from './proxy/programming.ts'
import { processorPercent, residentMb } from './proxy/resident.ts'

const DAEMONS = ['apiserver', 'controller-manager', 'agent', 'proxy', 'node'] as const
const LAUNCHER = join(import.meta.dirname, '..', '..', '..', 'weft')
/** After the last object or pod; daemons give memory back some seconds after a burst. */
const SETTLE_MS = 10_000
const IDLE_SECONDS = 20
const FIRST_SYNC_MS = 90_000

export async function measure(context: BenchContext): Promise<Omit<Result, 'subject'>> {
  const figures = [...(await emptyCluster(context))]
  const iptables: Size = context.quick ? { services: 500, endpoints: 10 } : { services: 10_000, endpoints: 10 }
  const nftables: Size = context.quick ? { services: 200, endpoints: 50 } : { services: 5_006, endpoints: 50 }
  figures.push(...(await proxyWith('iptables', iptables, `proxy-iptables-${iptables.services}x${iptables.services * iptables.endpoints}`, context)))
  figures.push(...(await proxyWith('nftables', nftables, context.quick ? 'proxy-nftables-10000' : 'proxy-nftables-250011', context)))
  return { figures, series: [], skips: [] }
}

const figure = (key: string, what: string, unit: Unit, weft: readonly number[]): Figure => ({ key, what, unit, weft })

async function emptyCluster({ say }: BenchContext): Promise<readonly Figure[]> {
  await using cluster = await LocalCluster.up()
  await delay(SETTLE_MS)
  const found = daemonsOf(cluster.name)
  const pids = DAEMONS.map(name => found.filter(daemon => daemon.name === name).map(({ pid }) => pid))
  const busy = await processorPercent(pids.flat(), IDLE_SECONDS)
  let taken = 0
  return DAEMONS.flatMap((name, i) => {
    const memory = pids[i]!.map(residentMb)
    const idle = busy.slice(taken, (taken += memory.length))
    if (memory.length === 0) throw new Error(`no ${name} runs in the cluster ${cluster.name}`)
    say(`${name}: ${memory.map(Math.round).join(' ')} MB, ${idle.map(percent => percent.toFixed(2)).join(' ')} % of a core`)
    return [figure(`resident/${name}`, `${name} of an idle cluster with three hosts: resident memory`, 'MB', memory), figure(`idle/${name}`, `${name} of an idle cluster with three hosts: part of one core`, '%', idle)]
  })
}

/** The daemons of a cluster, by its folder in their command lines. */
function daemonsOf(cluster: string): readonly Readonly<{ name: string; pid: number }>[] {
  return readdirSync('/proc').filter(entry => /^\d+$/.test(entry)).flatMap(entry => {
    try {
      const words = readFileSync(join('/proc', entry, 'cmdline'), 'utf8').split('\0')
      const main = words.findIndex(word => /\/main\.(?:ts|mjs)$/.test(word))
      const ours = main !== -1 && words.some(word => word.includes(`/clusters/${cluster}/`))
      return ours ? [{ name: words[main + 1]!, pid: Number(entry) }] : []
    } catch {
      return [] // ended meanwhile
    }
  })
}

async function proxyWith(mode: 'iptables' | 'nftables', size: Size, name: string, context: BenchContext): Promise<readonly Figure[]> {
  await using cluster = await ProxyCluster.open(size, context)
  await using running = await cluster.startProxy('weft', [`--proxy-mode=${mode}`], { program: [LAUNCHER, 'proxy'] })
  if ((await firstSync(running, FIRST_SYNC_MS, context.signal)) === undefined) throw new Error(`the proxy did not program ${name}`)
  await delay(SETTLE_MS)
  const { pid } = running.proxy
  const idle = await processorPercent([pid], IDLE_SECONDS)
  const memory = [residentMb(pid)]
  context.say(`${name}: ${Math.round(memory[0]!)} MB, ${idle[0]!.toFixed(2)} % of a core`)
  const what = `proxy in ${mode} mode with ${size.services.toLocaleString('en')} services of ${size.endpoints} endpoints`
  return [figure(`resident/${name}`, `${what}: resident memory`, 'MB', memory), figure(`idle/${name}`, `${what}: part of one core`, '%', idle)]
}
