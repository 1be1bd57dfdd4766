// Section D: external IPs, load balancers and their source ranges.

import { HTTP, service, slice, up, type ServiceSpec } from '../objects.ts'
import { IPTABLES, type Scenario } from '../scenario.ts'
import type { World } from '../world.ts'

const NODE_PORT = 30_001
const SERVERS = ['L1', 'R1']

async function program(w: World, spec: ServiceSpec): Promise<void> {
  await w.apply(service(w.family, { type: 'LoadBalancer', ports: [{ ...HTTP, nodePort: NODE_PORT }], ...spec }), slice(w.family, [up('L1'), up('R1')]))
}

export const externalScenarios: readonly Scenario[] = [
  {
    numbers: '49, 50', title: 'external IPs and load-balancer addresses are served on the node itself, masqueraded',
    run: async (t, w) => {
      await program(w, { externalIps: ['external'], vips: ['vip', 'vip2'] })
      for (const to of ['external', 'vip', 'vip2'] as const) {
        for (const from of ['E', 'C', 'node-1'] as const) await w.reaches(t, from, to, 80, SERVERS, 'M')
      }
    },
  },
  {
    numbers: '51', title: 'a load balancer that proxies, or has a name only, is not short-circuited',
    run: async (t, w) => {
      await program(w, { vips: ['vip'], ipMode: 'Proxy' })
      await w.isNotCaptured(t, 'C', 'vip', 80)
      await program(w, { vips: ['vip'], ipMode: 'VIP' })
      await w.reaches(t, 'C', 'vip', 80, SERVERS, 'M')
    },
  },
  {
    numbers: '52, 54', title: 'source ranges guard the load-balancer addresses and nothing else',
    run: async (t, w) => {
      await program(w, { vips: ['vip', 'vip2'], externalIps: ['external'], ranges: [w.prefix('nodes'), ` ${w.prefix('nearE')}`] })
      for (const vip of ['vip', 'vip2'] as const) {
        await w.reaches(t, 'E', vip, 80, SERVERS, 'M')
        await w.fails(t, 'B', vip, 80, 'dropped')
        await w.fails(t, 'C', vip, 80, 'dropped')
        await w.reaches(t, 'node-1', vip, 80, SERVERS, 'M')
      }
      await w.reaches(t, 'B', 'node-1', NODE_PORT, SERVERS, 'M')
      await w.reaches(t, 'B', 'external', 80, SERVERS, 'M')
      await w.reaches(t, 'B', 'clusterIp', 80, SERVERS, 'M')
    },
  },
  {
    numbers: '53', title: 'a node that owns the load-balancer address reaches it from itself when its own address is in a range',
    run: async (t, w) => {
      const prefix = w.family === 4 ? 32 : 128
      const node = w.host('node-1')
      await node.exec(['ip', 'addr', 'add', `${w.address('vip')}/${prefix}`, 'dev', 'second', ...(w.family === 6 ? ['nodad'] : [])])
      try {
        await program(w, { vips: ['vip'], ranges: [w.prefix('nodes')] })
        t.true(SERVERS.includes((await node.tcp(w.address('vip'), 80, { localAddress: w.address('vip'), timeoutMs: 2_000 })).server))
        await program(w, { vips: ['vip'], ranges: [w.prefix('nearE')] })
        await t.throwsAsync(node.tcp(w.address('vip'), 80, { localAddress: w.address('vip'), timeoutMs: 700 }), { code: 'ETIMEDOUT' })
      } finally {
        await node.exec(['ip', 'addr', 'del', `${w.address('vip')}/${prefix}`, 'dev', 'second'])
      }
    },
  },
  {
    numbers: '55', title: 'a range of everything, or ranges of the other family only, let everybody in',
    run: async (t, w) => {
      await program(w, { vips: ['vip'], ranges: [w.prefix('nodes'), w.prefix('everything')] })
      await w.reaches(t, 'B', 'vip', 80, SERVERS, 'M')
      await program(w, { vips: ['vip'], ranges: [w.family === 4 ? '2001:db8::/64' : '192.168.0.0/24'] })
      await w.reaches(t, 'B', 'vip', 80, SERVERS, 'M')
    },
  },
  {
    numbers: '56', title: 'without endpoints the load-balancer address refuses, inside the ranges and outside', backends: IPTABLES,
    run: async (t, w) => {
      await program(w, { vips: ['vip'], ranges: [w.prefix('nearE')] })
      await w.apply(slice(w.family, []))
      await w.fails(t, 'E', 'vip', 80, 'refused')
      await w.fails(t, 'B', 'vip', 80, 'refused')
    },
  },
  {
    numbers: '57', title: 'overlapping ranges are fine',
    run: async (t, w) => {
      await program(w, { vips: ['vip'], ranges: [w.prefix('nearE'), w.prefix('aroundE')] })
      await w.reaches(t, 'E', 'vip', 80, SERVERS, 'M')
    },
  },
  {
    numbers: '58', title: 'tighter ranges shut new connections out and leave open ones alone',
    run: async (t, w) => {
      await program(w, { vips: ['vip'], ranges: [w.prefix('nearE')] })
      await using connection = await w.host('E').openTcp(w.address('vip'), 80)
      await program(w, { vips: ['vip'], ranges: [w.prefix('nodes')] })
      t.is(await connection.send('still open'), 'still open')
      await w.fails(t, 'E', 'vip', 80, 'dropped')
      await program(w, { vips: ['vip'], ranges: [w.prefix('nearE')] })
      await w.reaches(t, 'E', 'vip', 80, SERVERS, 'M')
    },
  },
  {
    numbers: '59', title: 'the gate AllowServiceExternalIPs closes external IPs only', settings: () => ({ allowExternalIps: false }),
    run: async (t, w) => {
      await program(w, { vips: ['vip'], externalIps: ['external'] })
      await w.isNotCaptured(t, 'E', 'external', 80)
      await w.reaches(t, 'E', 'vip', 80, SERVERS, 'M')
    },
  },
  {
    numbers: 'specification 8.6', title: 'of two services that claim one address the older gets it, and the other when it lets go',
    run: async (t, w) => {
      const aged = (name: string, day: number, ip: 'clusterIp' | 'clusterIp2') => {
        const made = service(w.family, { name, clusterIp: ip, externalIps: ['external'] })
        return { ...made, metadata: { ...made.metadata, creationTimestamp: `2026-01-0${day}T00:00:00Z` as never } }
      }
      await w.apply(aged('a', 2, 'clusterIp'), slice(w.family, [up('L1')]), aged('b', 1, 'clusterIp2'), slice(w.family, [up('L2')], { name: 'b-1', service: 'b' }))
      await w.reaches(t, 'E', 'external', 80, ['L2'], 'M')
      await w.reaches(t, 'C', 'clusterIp', 80, ['L1'], 'U')
      await w.remove('service', 'b')
      await w.reaches(t, 'E', 'external', 80, ['L1'], 'M')
    },
  },
]
