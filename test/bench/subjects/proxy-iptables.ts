// The iptables mode beside a real kube-proxy: first programming, with both variants of iptables.

import { alternate } from '../alternate.ts'
import type { Figure, Result } from '../figure.ts'
import type { BenchContext } from '../subject.ts'
import { ProxyCluster, type Size } from './proxy/cluster.ts'
import { firstSync } from './proxy/programming.ts'
import { NO_PEER, programs, versus } from './proxy/versus.ts'

const FLAGS = ['--proxy-mode=iptables']
/**
 * Ten times what ours takes. With iptables-nft 1.8.9 kube-proxy's one restore of 55,000 chains was not over after 300 s
 * (the program walks a sorted list of chains for each line), so that what is shown of it is a lower bound.
 */
const LIMIT_MS = Number(process.env['WEFT_BENCH_PEER_SECONDS'] ?? 60) * 1000

type Round = Readonly<{ size: Size; variant: 'nft' | 'legacy'; rounds: number }>

export async function measure(context: BenchContext): Promise<Omit<Result, 'subject'>> {
  const whole: readonly (readonly Round[])[] = [
    [{ size: { services: 5_000, endpoints: 10 }, variant: 'nft', rounds: 2 }, { size: { services: 5_000, endpoints: 10 }, variant: 'legacy', rounds: 3 }],
    [{ size: { services: 1_000, endpoints: 10 }, variant: 'nft', rounds: 3 }],
  ]
  const quick: typeof whole = [[{ size: { services: 300, endpoints: 10 }, variant: 'nft', rounds: 1 }, { size: { services: 300, endpoints: 10 }, variant: 'legacy', rounds: 1 }]]
  const figures: Figure[] = []
  for (const group of context.quick ? quick : whole) {
    await using cluster = await ProxyCluster.open(group[0]!.size, context)
    for (const each of group) figures.push(await firstProgramming(cluster, each, context))
  }
  return { figures, series: [], skips: programs().length === 1 ? [NO_PEER] : [] }
}

/** From the start of the process to the end of its first sync. */
async function firstProgramming(cluster: ProxyCluster, { size, variant, rounds }: Round, context: BenchContext): Promise<Figure> {
  let unfinished = false
  const samples = await alternate(programs().map(name => ({
    name,
    once: async () => {
      // Once is enough to know that it does not finish.
      if (unfinished && name === 'kube-proxy') return LIMIT_MS
      await using running = await cluster.startProxy(name, FLAGS, { variant })
      const ms = await firstSync(running, LIMIT_MS, context.signal)
      if (ms === undefined && name === 'weft') throw new Error('the first sync did not end in time')
      unfinished ||= ms === undefined
      context.say(`${name}, iptables-${variant}: ${ms === undefined ? `not over after ${LIMIT_MS} ms` : `${Math.round(ms)} ms`}`)
      return ms ?? LIMIT_MS
    },
  })), { rounds, warmup: 0 })
  const suffix = variant === 'nft' ? '' : '/legacy'
  const what = `from the start of the process to all rules in force, ${size.services.toLocaleString('en')} services of ${size.endpoints} endpoints, iptables-${variant}`
  return versus({
    key: `first-programming/${size.services}x${size.endpoints}${suffix}`, unit: 'ms',
    what: unfinished ? `${what}; the peer had not finished after ${LIMIT_MS / 1000} s, which is what counts here` : what,
  }, samples)
}
