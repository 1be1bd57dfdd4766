// Scenario 5 of the catalogue with its SCTP part, on every backend and family. Needs a kernel with SCTP: `npm run test:vm`.

import test from 'ava'
import { askSctp, missingSctp, openSctpServer } from '../../lab/sctp.ts'
import { iptablesOpener } from './iptables-opener.ts'
import { nftablesOpener } from './nftables-opener.ts'
import { service, slice, up } from './objects.ts'
import { addressIn, Topology, type Family } from './topology.ts'
import { World, type BackendName, type BackendOpener } from './world.ts'

const BACKENDS: readonly (readonly [BackendName, BackendOpener])[] = [['iptables-nft', iptablesOpener('nft')], ['nftables', nftablesOpener]]
const missing = missingSctp('/proc/thread-self/ns/net')
const run = missing === undefined ? test.serial : test.serial.skip

for (const [backendName, opener] of BACKENDS) {
  for (const family of [4, 6] as const satisfies readonly Family[]) {
    run(`[${backendName} IPv${family}] TCP, UDP and SCTP of one port number reach their own targets, through cluster address and node port (scenario 5)${missing === undefined ? '' : ` (${missing})`}`, async t => {
      t.timeout(600_000)
      await using topology = await Topology.build()
      const { netns } = topology.host('L1')
      await using _sctp = await openSctpServer({ netns, name: 'L1:sctp', family, port: 5353 })
      await using _remote = await openSctpServer({ netns: topology.host('R1').netns, name: 'R1:sctp', family, port: 5353 })
      await topology.host('L1').echo({ port: 5353, name: 'L1:tcp' })
      await topology.host('L1').echo({ port: 53, protocol: 'udp', family, name: 'L1:udp' })
      await using world = await World.open({ topology, family, backendName, opener })
      const ports = [{ name: 'tcp', port: 53, protocol: 'TCP' }, { name: 'udp', port: 53, protocol: 'UDP' }, { name: 'sctp', port: 53, nodePort: 30_053, protocol: 'SCTP' }] as const
      const targets = [{ name: 'tcp', port: 5353, protocol: 'TCP' }, { name: 'udp', port: 53, protocol: 'UDP' }, { name: 'sctp', port: 5353, protocol: 'SCTP' }] as const
      await world.apply(service(family, { type: 'NodePort', ports }), slice(family, [up('L1')], { ports: targets }))
      const ask = (from: 'C' | 'node-1' | 'E', address: string, port: number) => askSctp(topology.host(from).netns, { address, port })
      t.is((await world.tcp('C', 'clusterIp', 53, 10_000)).server, 'L1:tcp')
      t.is((await world.udp('C', 'clusterIp', 53, 10_000)).server, 'L1:udp')
      const reply = await ask('C', addressIn(family, 'clusterIp'), 53)
      t.deepEqual([reply.server, reply.clientAddress], ['L1:sctp', world.address('C')])
      t.is((await ask('E', world.address('node-1'), 30_053)).server, 'L1:sctp')
      // Several associations are spread over the endpoints.
      await world.apply(slice(family, [up('L1'), up('R1')], { ports: targets }))
      const seen = new Set<string>()
      for (let i = 0; i < 60 && seen.size < 2; i += 1) seen.add((await ask('C', addressIn(family, 'clusterIp'), 53)).server)
      t.deepEqual([...seen].toSorted(), ['L1:sctp', 'R1:sctp'])
    })
  }
}
