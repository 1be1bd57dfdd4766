// Section C: node ports.

import { parsePrefix } from '../../../../src/net/ip/prefix.ts'
import { readSysctl } from '../../../../src/net/sysctl/sysctl.ts'
import { HTTP, service, slice, up } from '../objects.ts'
import { IPTABLES, type Scenario } from '../scenario.ts'
import { prefixIn, type AddressName, type Family, type HostName } from '../topology.ts'
import type { World } from '../world.ts'
import type { ExecutionContext } from 'ava'

const NODE_PORT = 30_001
const SERVERS = ['L1', 'R1']

async function program(w: World): Promise<void> {
  await w.apply(service(w.family, { type: 'NodePort', ports: [{ ...HTTP, nodePort: NODE_PORT }] }), slice(w.family, [up('L1'), up('R1')]))
}

/** The packet comes to the node's own stack: somebody who listens there answers. */
async function meetsLocalStack(t: ExecutionContext, w: World, from: HostName, to: AddressName): Promise<void> {
  const server = await w.host('node-1').echo({ port: NODE_PORT })
  try {
    t.is((await w.tcp(from, to, NODE_PORT)).server, 'node-1', `${from} -> ${to}`)
  } finally {
    await server[Symbol.asyncDispose]()
  }
}

const on = (...names: readonly ('nodes' | 'nodesB')[]) => (family: Family) => ({ nodePortAddresses: names.map(name => parsePrefix(prefixIn(family, name), 'nodePortAddresses')) })

export const nodePortScenarios: readonly Scenario[] = [
  {
    numbers: '35, 48', title: 'a node port leads to every endpoint, masqueraded, from wherever one asks',
    run: async (t, w) => {
      await program(w)
      for (const from of ['E', 'C', 'node-1'] as const) await w.reaches(t, from, 'node-1', NODE_PORT, SERVERS, 'M')
    },
  },
  {
    numbers: '36', title: 'a node port answers on 127.0.0.1', backends: IPTABLES, families: [4],
    run: async (t, w) => {
      await program(w)
      await w.reaches(t, 'node-1', 'loopback', NODE_PORT, SERVERS, 'M')
      t.is(readSysctl('net/ipv4/conf/all/route_localnet', { netns: w.host('node-1').netns }), '1')
    },
  },
  {
    numbers: '37', title: 'with localhostNodePorts off 127.0.0.1 belongs to the local stack', families: [4], settings: () => ({ localhostNodePorts: false }),
    run: async (t, w) => {
      await program(w)
      await meetsLocalStack(t, w, 'node-1', 'loopback')
      await w.reaches(t, 'E', 'node-1', NODE_PORT, SERVERS, 'M')
    },
  },
  {
    numbers: '38', title: '::1 always belongs to the local stack', families: [6],
    run: async (t, w) => {
      await program(w)
      await meetsLocalStack(t, w, 'node-1', 'loopback')
    },
  },
  {
    numbers: '39', title: 'by default a node port answers on every address of the node', backends: IPTABLES,
    run: async (t, w) => {
      await program(w)
      await w.reaches(t, 'E', 'node-1b', NODE_PORT, SERVERS, 'M')
    },
  },
  {
    numbers: '40', title: 'node port prefixes restrict the addresses', settings: on('nodes'),
    run: async (t, w) => {
      await program(w)
      await w.reaches(t, 'E', 'node-1', NODE_PORT, SERVERS, 'M')
      await meetsLocalStack(t, w, 'E', 'node-1b')
    },
  },
  {
    numbers: '40', title: 'several node port prefixes add up', settings: on('nodes', 'nodesB'),
    run: async (t, w) => {
      await program(w)
      await w.reaches(t, 'E', 'node-1', NODE_PORT, SERVERS, 'M')
      await w.reaches(t, 'E', 'node-1b', NODE_PORT, SERVERS, 'M')
    },
  },
  {
    numbers: '41', title: 'a loopback prefix without localhostNodePorts opens nothing', families: [4], backends: IPTABLES,
    settings: () => ({ localhostNodePorts: false, nodePortAddresses: ['192.168.0.0/24', '127.0.0.1/32'].map(text => parsePrefix(text, 'nodePortAddresses')) }),
    run: async (t, w) => {
      await program(w)
      await meetsLocalStack(t, w, 'node-1', 'loopback')
      await w.reaches(t, 'E', 'node-1', NODE_PORT, SERVERS, 'M')
      const { stdout } = await w.host('node-1').exec([`${w.backendName}-save`, '-t', 'filter'])
      t.notRegex(stdout, /KUBE-FIREWALL/)
    },
  },
  {
    numbers: '42', title: 'a family without a prefix of its own is open on all addresses', backends: IPTABLES,
    settings: family => ({ nodePortAddresses: [parsePrefix(family === 4 ? '2001:db8::/64' : '192.168.0.0/24', 'nodePortAddresses')] }),
    run: async (t, w) => {
      await program(w)
      await w.reaches(t, 'E', 'node-1b', NODE_PORT, SERVERS, 'M')
    },
  },
  {
    numbers: '43', title: '"primary" is the address of the Node object', settings: () => ({ nodePortAddresses: 'primary' }),
    run: async (t, w) => {
      await program(w)
      await w.reaches(t, 'E', 'node-1', NODE_PORT, SERVERS, 'M')
      await meetsLocalStack(t, w, 'E', 'node-1b')
    },
  },
  {
    numbers: '44', title: 'an address that comes later takes node ports after the next look', settings: on('nodes'), families: [4],
    run: async (t, w) => {
      await program(w)
      await w.host('node-1').exec(['ip', 'addr', 'add', '192.168.0.77/32', 'dev', 'second'])
      try {
        await w.refresh()
        t.true(SERVERS.includes((await w.tcp('E', '192.168.0.77', NODE_PORT)).server))
      } finally {
        await w.host('node-1').exec(['ip', 'addr', 'del', '192.168.0.77/32', 'dev', 'second'])
      }
    },
  },
  {
    numbers: '46', title: 'one node port number serves two services by protocol',
    run: async (t, w) => {
      await program(w)
      await w.apply(
        service(w.family, { name: 'b', clusterIp: 'clusterIp2', type: 'NodePort', ports: [{ name: 'dns', port: 53, protocol: 'UDP', nodePort: NODE_PORT }] }),
        slice(w.family, [up('L2')], { name: 'b-1', service: 'b', ports: [{ name: 'dns', port: 53, protocol: 'UDP' }] }),
      )
      await w.reaches(t, 'E', 'node-1', NODE_PORT, SERVERS, 'M')
      await w.reaches(t, 'E', 'node-1', NODE_PORT, ['L2'], 'M', 'udp')
    },
  },
  {
    numbers: '47', title: 'a service that stops being a node port gives the port back',
    run: async (t, w) => {
      await program(w)
      await w.apply(service(w.family))
      await meetsLocalStack(t, w, 'E', 'node-1')
      await w.apply(service(w.family, { type: 'LoadBalancer', vips: ['vip'] }))
      await w.reaches(t, 'E', 'vip', 80, SERVERS, 'M')
      await meetsLocalStack(t, w, 'E', 'node-1')
    },
  },
]
