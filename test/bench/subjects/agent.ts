// The agent beside flanneld: leases to kernel, cost at rest, and what its tunnels carry.

import { setTimeout as delay } from 'node:timers/promises'
import { findPeer, missingPeer } from '../../peers/cache.ts'
import { alternate } from '../alternate.ts'
import type { Figure, Result, Series, Skip } from '../figure.ts'
import type { BenchContext } from '../subject.ts'
import { FLANNELD, FLANNELD_NAME, LeaseStore, processorMs, type Program } from './agent/lease-store.ts'
import { simulate, type Simulated } from './agent/simulation.ts'
import { Tunnel, type Maker } from './agent/tunnel.ts'
import { residentMb } from './proxy/resident.ts'

export async function measure(context: BenchContext): Promise<Omit<Result, 'subject'>> {
  const skips: Skip[] = []
  const programs: readonly Program[] = findPeer(FLANNELD) === undefined ? ['weft'] : ['weft', 'flanneld']
  if (programs.length === 1) skips.push({ key: 'flanneld', reason: missingPeer(FLANNELD) })
  const figures: Figure[] = [...(await leases(context, programs)), ...(await tunnels(context, programs))]
  const { figures: simulated, series } = await simulation(context)
  return { figures: [...figures, ...simulated], series, skips }
}

const withPeer = (figure: Omit<Figure, 'weft'>, [weft, peer]: readonly (readonly number[])[]): Figure =>
  peer === undefined || peer.length === 0 ? { ...figure, weft: weft! } : { ...figure, weft: weft!, peerName: FLANNELD_NAME, peer }

/** Start, one more lease, rest: all in one life of the process, the programs in turn. */
async function leases(context: BenchContext, programs: readonly Program[]): Promise<readonly Figure[]> {
  const { quick, say, signal } = context
  const count = quick ? 200 : 1_000
  const restMs = quick ? 2_000 : 5_000
  await using store = await LeaseStore.open(count)
  const empty = (): number[][] => programs.map(() => [])
  const [added, processor, resident] = [empty(), empty(), empty()]
  const applied = await alternate(programs.map((program, index) => ({
    name: program,
    once: async () => {
      const { agent, appliedMs } = await store.start(program, signal)
      await using _ = agent
      await delay(2_000)
      const before = processorMs(agent.pid)
      await delay(restMs)
      processor[index]!.push(((processorMs(agent.pid) - before) / restMs) * 100)
      resident[index]!.push(residentMb(agent.pid))
      for (let round = 0; round < (quick ? 10 : 50); round += 1) {
        added[index]!.push(await store.addLease(signal))
        await delay(40)
      }
      await store.reset()
      say(`${program}: ${count} leases applied after ${Math.round(appliedMs)} ms; one more ${added[index]!.slice(-5).map(ms => ms.toFixed(1)).join(' ')} ms; ${resident[index]!.at(-1)!.toFixed(0)} MB, ${processor[index]!.at(-1)!.toFixed(1)} % of a core at rest`)
      return appliedMs
    },
  })), { rounds: quick ? 1 : 3, warmup: 0 })
  return [
    withPeer({ key: `apply/${count}`, what: `from the start of the process to the last route of ${count} hosts in the kernel, vxlan, leases in etcd`, unit: 'ms' }, applied),
    withPeer({ key: `new-lease/${count}`, what: `from the write of one more lease to the kernel's word of its route, beside ${count}`, unit: 'ms' }, added),
    withPeer({ key: `processor/${count}`, what: `share of one processor at rest, with ${count} leases`, unit: '%' }, processor),
    withPeer({ key: `resident/${count}`, what: `resident memory with ${count} leases`, unit: 'MB' }, resident),
  ]
}

async function tunnels(context: BenchContext, programs: readonly Program[]): Promise<readonly Figure[]> {
  const vxlan = await beside(context, ['weft', 'by hand'], { Type: 'vxlan' })
  const named = { peerName: 'the same devices by hand' }
  const figures: Figure[] = [
    { key: 'throughput/vxlan', what: 'one TCP connection between pods of two hosts, vxlan', unit: 'Mbit/s', weft: vxlan.megabits[0]!, peer: vxlan.megabits[1]!, ...named },
    { key: 'latency/vxlan', what: 'one byte there and back between pods of two hosts, vxlan (medians)', unit: 'us', weft: vxlan.roundTrips[0]!, peer: vxlan.roundTrips[1]!, ...named },
  ]
  const udp = await beside(context, programs, { Type: 'udp' })
  return [
    ...figures,
    withPeer({ key: 'throughput/udp', what: 'one TCP connection between pods of two hosts, udp', unit: 'Mbit/s' }, udp.megabits),
    withPeer({ key: 'latency/udp', what: 'one byte there and back between pods of two hosts, udp (medians)', unit: 'us' }, udp.roundTrips),
  ]
}

type Carried = Readonly<{ megabits: readonly (readonly number[])[]; roundTrips: readonly (readonly number[])[] }>

async function beside({ quick, say }: BenchContext, makers: readonly Maker[], backend: Readonly<{ Type: string }>): Promise<Carried> {
  await using held = new AsyncDisposableStack()
  const tunnelsOf: (readonly [Maker, Tunnel])[] = []
  for (const maker of makers) tunnelsOf.push([maker, held.use(await Tunnel.open(maker, backend))])
  const megabits = await alternate(tunnelsOf.map(([name, tunnel]) => ({ name, once: () => tunnel.megabits(quick ? 0.5 : 1) })), { rounds: quick ? 2 : 10, warmup: 1 })
  // Where the scheduler puts the two ends of a connection decides its round trips, so there are many connections.
  const roundTrips = await alternate(tunnelsOf.map(([name, tunnel]) => ({ name, once: () => tunnel.roundTrip(500) })), { rounds: quick ? 2 : 24, warmup: 1 })
  tunnelsOf.forEach(([name], index) => say(`${backend.Type}, ${name}: ${megabits[index]!.map(Math.round).join(' ')} Mbit/s, ${roundTrips[index]!.map(Math.round).join(' ')} us`))
  return { megabits, roundTrips }
}

/** How work and traffic grow with the number of hosts: the registry, the settling and the planning, without a kernel. */
async function simulation({ quick, say, signal }: BenchContext): Promise<Readonly<{ figures: readonly Figure[]; series: readonly Series[] }>> {
  const sizes = quick ? [100, 500] : [100, 500, 1_000, 2_000, 5_000]
  const results: Simulated[] = []
  for (const hosts of sizes) {
    const result = await simulate(hosts, { changes: quick ? 10 : 40, signal })
    say(`simulation of ${hosts} hosts: start ${result.start.ms.toFixed(0)} ms and ${(result.start.bytes / 1000).toFixed(0)} kB; a change ${result.changeMs.toFixed(2)} ms and ${Math.round(result.changeBytes)} bytes`)
    results.push(result)
  }
  const last = results.at(-1)!
  const line = (name: string, pick: (result: Simulated) => number) => ({ name, points: results.map(result => ({ x: result.hosts, y: pick(result) })) })
  return {
    figures: [
      { key: `simulation-start/${last.hosts}`, what: `one of ${last.hosts} agents reads all leases and plans its kernel (registry only)`, unit: 'ms', weft: [last.start.ms] },
      { key: `simulation-change/${last.hosts}`, what: `one of ${last.hosts} agents takes one changed lease in and plans the difference (registry only)`, unit: 'ms', weft: last.changes },
    ],
    series: [
      { key: 'work', what: 'Work of one agent against the number of hosts (registry only, no kernel)', xName: 'hosts', yName: 'ms', lines: [line('start', result => result.start.ms), line('one change', result => result.changeMs)] },
      { key: 'traffic', what: 'Bytes that one agent receives from etcd against the number of hosts', xName: 'hosts', yName: 'kB', lines: [line('start', result => result.start.bytes / 1000), line('one change', result => result.changeBytes / 1000)] },
    ],
  }
}
