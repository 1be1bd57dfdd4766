// Section G: topology hints. node-1 is in zone-a.

import { draining, HTTP, service, slice, up, type EndpointSpec, type ServiceSpec } from '../objects.ts'
import type { Scenario } from '../scenario.ts'
import type { World } from '../world.ts'

const NODE_PORT = 30_003
const program = (w: World, endpoints: readonly EndpointSpec[], spec: ServiceSpec = {}): Promise<void> => w.apply(service(w.family, spec), slice(w.family, endpoints))
const hinted = (a: string | undefined, b: string | undefined, c: string | undefined): readonly EndpointSpec[] =>
  (['L1', 'R1', 'R2'] as const).map((at, i) => {
    const zone = [a, b, c][i]
    return up(at, zone === undefined ? {} : { zones: [zone] })
  })

export const topologyScenarios: readonly Scenario[] = [
  {
    numbers: '83, 84', title: 'zone hints keep traffic in the zone when every ready endpoint has one and one is ours',
    run: async (t, w) => {
      await program(w, hinted('zone-a', 'zone-b', 'zone-a'))
      await w.reaches(t, 'C', 'clusterIp', 80, ['L1', 'R2'], 'U')
      await program(w, hinted('zone-b', 'zone-b', 'zone-c'))
      await w.reaches(t, 'C', 'clusterIp', 80, ['L1', 'R1', 'R2'], 'U')
      await program(w, hinted('zone-a', undefined, 'zone-b'))
      await w.reaches(t, 'C', 'clusterIp', 80, ['L1', 'R1', 'R2'], 'U')
    },
  },
  {
    numbers: '85, 87', title: 'only ready endpoints are asked for hints, and one may name several zones',
    run: async (t, w) => {
      await program(w, [up('L1', { zones: ['zone-a'] }), up('R1', { ready: false, serving: false }), up('R2', { zones: ['zone-b'] })])
      await w.reaches(t, 'C', 'clusterIp', 80, ['L1'], 'U')
      await program(w, [up('L1', { zones: ['zone-a'], ready: false, serving: false }), up('R1', { zones: ['zone-b'] }), up('R2', { zones: ['zone-b'] })])
      await w.reaches(t, 'C', 'clusterIp', 80, ['R1', 'R2'], 'U')
      await program(w, [up('L1', { zones: ['zone-b'] }), up('R1', { zones: ['zone-b', 'zone-a'] })])
      await w.reaches(t, 'C', 'clusterIp', 80, ['R1'], 'U')
    },
  },
  {
    numbers: '86', title: 'a node without a zone uses everything, until it gets one',
    run: async (t, w) => {
      for (const zone of [undefined, '']) {
        await w.setZone(zone)
        await program(w, hinted('zone-a', 'zone-b', 'zone-a'))
        await w.reaches(t, 'C', 'clusterIp', 80, ['L1', 'R1', 'R2'], 'U')
      }
      await w.setZone('zone-a')
      await w.reaches(t, 'C', 'clusterIp', 80, ['L1', 'R2'], 'U')
    },
  },
  {
    numbers: '88', title: 'node hints come before zone hints',
    run: async (t, w) => {
      await program(w, [up('L1', { nodes: ['node-1'], zones: ['zone-a'] }), up('R1', { nodes: ['node-2'], zones: ['zone-a'] })])
      await w.reaches(t, 'C', 'clusterIp', 80, ['L1'], 'U')
      await program(w, [up('L1', { nodes: ['node-9'], zones: ['zone-b'] }), up('R1', { nodes: ['node-2'], zones: ['zone-a'] })])
      await w.reaches(t, 'C', 'clusterIp', 80, ['R1'], 'U')
      await program(w, [up('L1', { nodes: ['node-1'], zones: ['zone-b'] }), up('R1', { zones: ['zone-a'] })])
      await w.reaches(t, 'C', 'clusterIp', 80, ['R1'], 'U')
    },
  },
  {
    numbers: '89, 90', title: 'hints never narrow the local set nor what drains',
    run: async (t, w) => {
      await program(w, [up('L1', { zones: ['zone-b'] }), up('R1', { zones: ['zone-a'] })], { type: 'LoadBalancer', ports: [{ ...HTTP, nodePort: NODE_PORT }], vips: ['vip'], external: 'Local' })
      await w.reaches(t, 'E', 'node-1', NODE_PORT, ['L1'], 'U')
      await w.reaches(t, 'C', 'vip', 80, ['R1'], 'U')
      await program(w, [draining('L1', { zones: ['zone-b'] }), draining('R1', { zones: ['zone-c'] })])
      await w.reaches(t, 'C', 'clusterIp', 80, ['L1', 'R1'], 'U')
    },
  },
]
