// Endpoints change as fast as the proxy can follow, while clients connect without pause: nobody is refused, nobody is led
// astray, and what is open stays where it is. A few seconds; WEFT_CHURN_SECONDS=60 for the whole minute.

import test from 'ava'
import { nftablesOpener } from './nftables-opener.ts'
import { service, slice, up } from './objects.ts'
import { Topology, type HostName } from './topology.ts'
import { World } from './world.ts'

const SECONDS = Number(process.env['WEFT_CHURN_SECONDS'] ?? 4)
const CHANGES_PER_SECOND = 1_000

test('a thousand endpoint changes per second refuse and misdirect no connection, and move no open one', async t => {
  t.timeout((SECONDS + 60) * 1000)
  await using topology = await Topology.build()
  for (const name of ['L1', 'L2', 'R1'] as const) await topology.host(name).echo({ port: 80 })
  await using world = await World.open({ topology, family: 4, backendName: 'nftables', opener: nftablesOpener })
  const sets: readonly (readonly HostName[])[] = [['L1', 'R1'], ['L1', 'L2', 'R1'], ['L2', 'L1'], ['R1', 'L2', 'L1'], ['L1']]
  const other = { name: 'b', clusterIp: 'clusterIp2' } as const
  await world.apply(service(4), slice(4, [up('L1')]), service(4, other), slice(4, [up('R1')], { name: 'b-1', service: 'b' }))
  await using open = await topology.host('C').openTcp(world.address('clusterIp'), 80)
  const deadline = performance.now() + SECONDS * 1000
  let changes = 0
  const change = async (): Promise<void> => {
    const start = performance.now()
    while (performance.now() < deadline) {
      // Never ahead of the rate; behind it when the machine is busy.
      if (changes >= ((performance.now() - start) / 1000) * CHANGES_PER_SECOND) await new Promise(setImmediate)
      else {
        changes += 1
        await world.apply(slice(4, sets[changes % sets.length]!.map(host => up(host))))
      }
    }
  }
  let connections = 0
  const connect = async (from: HostName, to: 'clusterIp' | 'clusterIp2', allowed: readonly string[]): Promise<void> => {
    while (performance.now() < deadline) {
      const { server } = await world.tcp(from, to, 80, 5_000)
      connections += 1
      if (!allowed.includes(server)) t.fail(`${from} asked ${to} and was answered by ${server}`)
    }
  }
  await Promise.all([
    change(),
    connect('C', 'clusterIp', ['L1', 'L2', 'R1']), connect('E', 'clusterIp', ['L1', 'L2', 'R1']), connect('node-1', 'clusterIp', ['L1', 'L2', 'R1']),
    connect('C', 'clusterIp2', ['R1']),
  ])
  t.is(await open.send('where it was'), 'where it was')
  t.true(connections > 20 * SECONDS, `only ${connections} connections`)
  t.true(changes > 50 * SECONDS, `only ${changes} changes`)
  t.log(`${changes} changes and ${connections} connections in ${SECONDS} s`)
})
