// What a new connection pays for the services that exist: the last of many beside the only one, and traffic to no service.
// Connections of both hosts alternate one by one, so that whatever disturbs the machine disturbs both.

import type { Figure, Result } from '../figure.ts'
import type { BenchContext } from '../subject.ts'
import { ServiceHost, type Plane } from './latency/service-host.ts'

type Case = Readonly<{ plane: Plane; few: number; many: number; service: string; none: string }>

const CASES: readonly Case[] = [
  { plane: 'iptables-nft', few: 1, many: 10_000, service: 'iptables/last-of-10000', none: 'iptables/no-service-10000' },
  { plane: 'iptables-legacy', few: 1, many: 10_000, service: 'iptables-legacy/last-of-10000', none: 'iptables-legacy/no-service-10000' },
  { plane: 'nftables', few: 10, many: 44_128, service: 'nftables/44128', none: 'nftables/no-service-44128' },
]

const WARM_UP = 300
/** After so many the event loop runs once, so that Ctrl-C is heard. */
const BURST = 50

export async function measure(context: BenchContext): Promise<Omit<Result, 'subject'>> {
  const figures: Figure[] = []
  for (const each of CASES) figures.push(...(await compare(context.quick ? { ...each, many: Math.round(each.many / 10) } : each, context)))
  return { figures, series: [], skips: [] }
}

async function compare({ plane, few, many, service, none }: Case, { quick, say, signal }: BenchContext): Promise<readonly Figure[]> {
  await using small = await ServiceHost.open(plane, few, { signal })
  await using large = await ServiceHost.open(plane, many, { signal })
  const rounds = quick ? 500 : 5_000
  const samples = { service: { small: [] as number[], large: [] as number[] }, none: { small: [] as number[], large: [] as number[] } }
  for (let round = -WARM_UP; round < rounds; round += 1) {
    const taken = { service: { small: small.toService(), large: large.toService() }, none: { small: small.toNoService(), large: large.toNoService() } }
    if (round >= 0) for (const kind of ['service', 'none'] as const) for (const size of ['small', 'large'] as const) samples[kind][size].push(taken[kind][size])
    if (round % BURST === 0) {
      signal.throwIfAborted()
      await new Promise(resolve => setImmediate(resolve))
    }
  }
  say(`${plane}: done`)
  const beside = few === 1 ? '1 service' : `${few} services`
  const figure = (key: string, what: string, kind: 'service' | 'none'): Figure => ({ key, what, unit: 'us', weft: samples[kind].large, peerName: beside, peer: samples[kind].small })
  return [
    figure(service, `${plane}: connect(2) from a pod to the last of ${many.toLocaleString('en')} services`, 'service'),
    figure(none, `${plane}: connect(2) from a pod to a pod, beside ${many.toLocaleString('en')} services`, 'none'),
  ]
}
