// The iptables mode beside a real kube-proxy: one endpoint changes; memory.

import { setTimeout as delay } from 'node:timers/promises'
import type { Figure, Result, Skip } from '../figure.ts'
import type { BenchContext } from '../subject.ts'
import { changeOnce, changeOnceByMetric } from './proxy/change-once.ts'
import { ProxyCluster, type RunningProxy, type Size } from './proxy/cluster.ts'
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
  await using cluster = await ProxyCluster.open(size, context)
  const found = [await changes(cluster, size, 'legacy', context), await changes(cluster, size, 'nft', context)]
  return {
    figures: found.flatMap(({ figures }) => figures), series: [],
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
