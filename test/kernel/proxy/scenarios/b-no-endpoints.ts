// Section B: services without usable endpoints.

import { HTTP, service, slice, up } from '../objects.ts'
import { IPTABLES, type Scenario } from '../scenario.ts'
import type { World } from '../world.ts'
import type { Service } from 'kubernetes-types/core/v1.d.ts'

const NODE_PORT = 30_001
const everything = (w: World): Service =>
  service(w.family, { type: 'LoadBalancer', ports: [{ ...HTTP, nodePort: NODE_PORT }], externalIps: ['external'], vips: ['vip'] })

export const noEndpointScenarios: readonly Scenario[] = [
  {
    numbers: '28, 29', title: 'without endpoints every address of a service refuses every client',
    run: async (t, w) => {
      await w.apply(everything(w))
      await w.fails(t, 'C', 'clusterIp', 80, 'refused')
      await w.fails(t, 'E', 'external', 80, 'refused')
      for (const from of ['C', 'E'] as const) {
        await w.fails(t, from, 'node-1', NODE_PORT, 'refused')
        await w.fails(t, from, 'vip', 80, 'refused')
      }
      await w.fails(t, 'node-1', 'clusterIp', 80, 'refused')
      await w.fails(t, 'node-1', 'node-1', NODE_PORT, 'refused')
    },
  },
  {
    // Specification 8.2: the same answer whoever asks.
    numbers: '30', title: 'processes of the node are refused at external addresses too',
    run: async (t, w) => {
      await w.apply(everything(w))
      await w.fails(t, 'node-1', 'vip', 80, 'refused')
      await w.fails(t, 'node-1', 'external', 80, 'refused')
    },
  },
  {
    numbers: '31', title: 'refusals are ICMP port unreachable for TCP and UDP, never a reset',
    run: async (t, w) => {
      await w.apply(service(w.family, { ports: [HTTP, { name: 'dns', port: 53, protocol: 'UDP' }] }))
      const capture = w.host('C').exec(['timeout', '4', 'tcpdump', '-i', 'eth0', '-n', '-l', w.family === 4 ? 'icmp[0] == 3 and icmp[1] == 3' : 'icmp6 and ip6[40] == 1 and ip6[41] == 4'], { check: false })
      await new Promise(resolve => setTimeout(resolve, 500))
      await w.fails(t, 'C', 'clusterIp', 80, 'refused')
      await w.fails(t, 'C', 'clusterIp', 53, 'refused', 'udp')
      const { stdout } = await capture
      t.regex(stdout, /tcp port 80|tcp port http/)
      t.regex(stdout, /udp port 53|udp port domain/)
    },
  },
  {
    numbers: '32', title: 'an endpoint appears and is used, vanishes and is refused, while its open connection goes on',
    run: async (t, w) => {
      await w.apply(service(w.family))
      await w.fails(t, 'C', 'clusterIp', 80, 'refused')
      await w.apply(slice(w.family, [up('L1')]))
      await w.reaches(t, 'C', 'clusterIp', 80, ['L1'], 'U')
      await using connection = await w.host('C').openTcp(w.address('clusterIp'), 80)
      await w.apply(slice(w.family, []))
      await w.fails(t, 'C', 'clusterIp', 80, 'refused')
      t.is(await connection.send('still open'), 'still open')
    },
  },
  {
    numbers: '33', title: 'endpoints that are not ready count for nothing unless they terminate',
    run: async (t, w) => {
      await w.apply(service(w.family), slice(w.family, [up('L1', { ready: false, serving: false })]))
      await w.fails(t, 'C', 'clusterIp', 80, 'refused')
      await w.apply(slice(w.family, [up('L1', { ready: false, serving: true })]))
      await w.fails(t, 'C', 'clusterIp', 80, 'refused')
    },
  },
  {
    // Specification 8.2: only accepted addresses refuse; elsewhere the local stack answers.
    numbers: '34', title: 'a node port is refused on accepted addresses only', families: [4], backends: [...IPTABLES, 'nftables'],
    settings: () => ({ nodePortAddresses: [{ family: 4, network: 0xc0a80000n, length: 24 } as never] }),
    run: async (t, w) => {
      await w.apply(everything(w))
      const server = await w.host('node-1').echo({ port: NODE_PORT })
      try {
        await w.fails(t, 'E', 'node-1', NODE_PORT, 'refused')
        t.is((await w.tcp('E', 'node-1b', NODE_PORT)).server, 'node-1')
      } finally {
        await server[Symbol.asyncDispose]()
      }
    },
  },
]
