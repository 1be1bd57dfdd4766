// Section E: external and internal traffic policies.

import { HTTP, service, slice, up, type EndpointSpec, type ServiceSpec } from '../objects.ts'
import { IPTABLES, type Scenario } from '../scenario.ts'
import type { AddressName } from '../topology.ts'
import type { World } from '../world.ts'

const NODE_PORT = 30_002
const BOTH: readonly EndpointSpec[] = [up('L2'), up('R2')]

async function program(w: World, spec: ServiceSpec, endpoints = BOTH): Promise<void> {
  await w.apply(service(w.family, { type: 'LoadBalancer', ports: [{ ...HTTP, nodePort: NODE_PORT }], vips: ['vip2'], externalIps: ['external2'], ...spec }), slice(w.family, endpoints))
}

const EXTERNAL: readonly (readonly [AddressName, number])[] = [['node-1', NODE_PORT], ['vip2', 80], ['external2', 80]]

export const policyScenarios: readonly Scenario[] = [
  {
    numbers: '60, 61, 62, 63', title: 'external policy Local keeps outside traffic here and its source; pods and node may leave',
    run: async (t, w) => {
      await program(w, { external: 'Local' })
      for (const [to, port] of EXTERNAL) {
        await w.reaches(t, 'E', to, port, ['L2'], 'U')
        await w.reaches(t, 'C', to, port, ['L2', 'R2'], 'U')
      }
      await w.reaches(t, 'node-1', 'vip2', 80, ['L2', 'R2'], 'M')
      await w.reaches(t, 'node-1', 'node-1', NODE_PORT, ['L2', 'R2'], 'M')
      await w.reaches(t, 'C', 'clusterIp', 80, ['L2', 'R2'], 'U')
      await w.reaches(t, 'node-1', 'clusterIp', 80, ['L2', 'R2'], 'M')
      await w.reaches(t, 'E', 'clusterIp', 80, ['L2', 'R2'], 'M')
    },
  },
  {
    numbers: '62', title: 'external policy Local and the loopback net', backends: IPTABLES, families: [4],
    run: async (t, w) => {
      await program(w, { external: 'Local' })
      await w.reaches(t, 'node-1', 'loopback', NODE_PORT, ['L2', 'R2'], 'M')
    },
  },
  {
    numbers: '64', title: 'without a detector pods count as outside traffic under external policy Local', settings: () => ({ detector: { kind: 'none' } }),
    run: async (t, w) => {
      await program(w, { external: 'Local' })
      await w.reaches(t, 'C', 'vip2', 80, ['L2'], 'U')
      await w.reaches(t, 'C', 'node-1', NODE_PORT, ['L2'], 'U')
      await w.reaches(t, 'node-1', 'vip2', 80, ['L2', 'R2'], 'M')
    },
  },
  {
    numbers: '65', title: 'external policy Local without local endpoints drops outside traffic only',
    run: async (t, w) => {
      await program(w, { external: 'Local' }, [up('R2')])
      for (const [to, port] of EXTERNAL) await w.fails(t, 'E', to, port, 'dropped')
      await w.reaches(t, 'C', 'vip2', 80, ['R2'], 'U')
      await w.reaches(t, 'node-1', 'vip2', 80, ['R2'], 'M')
      await w.reaches(t, 'C', 'clusterIp', 80, ['R2'], 'U')
      await w.apply(slice(w.family, []))
      for (const [to, port] of EXTERNAL) await w.fails(t, 'E', to, port, 'refused')
      await w.fails(t, 'C', 'vip2', 80, 'refused')
    },
  },
  {
    numbers: '66, 67', title: 'internal policy Local keeps cluster IP traffic here whoever asks, and leaves external traffic alone',
    run: async (t, w) => {
      await program(w, { internal: 'Local' })
      await w.reaches(t, 'C', 'clusterIp', 80, ['L2'], 'U')
      await w.reaches(t, 'node-1', 'clusterIp', 80, ['L2'], 'M')
      await w.reaches(t, 'E', 'clusterIp', 80, ['L2'], 'M')
      await w.reaches(t, 'C', 'node-1', NODE_PORT, ['L2', 'R2'], 'M')
      await w.reaches(t, 'E', 'vip2', 80, ['L2', 'R2'], 'M')
      await program(w, { internal: 'Local' }, [up('L1'), up('L2')])
      await w.reaches(t, 'C', 'clusterIp', 80, ['L1', 'L2'], 'U')
    },
  },
  {
    numbers: '68', title: 'internal policy Local without local endpoints drops, and refuses when there are none at all',
    run: async (t, w) => {
      await program(w, { internal: 'Local' }, [up('R2')])
      for (const from of ['C', 'node-1', 'E'] as const) await w.fails(t, from, 'clusterIp', 80, 'dropped')
      await w.reaches(t, 'E', 'vip2', 80, ['R2'], 'M')
      await w.apply(slice(w.family, []))
      await w.fails(t, 'C', 'clusterIp', 80, 'refused')
    },
  },
  {
    numbers: '69', title: 'both policies Local',
    run: async (t, w) => {
      await program(w, { internal: 'Local', external: 'Local' })
      await w.reaches(t, 'C', 'clusterIp', 80, ['L2'], 'U')
      await w.reaches(t, 'E', 'vip2', 80, ['L2'], 'U')
      await w.reaches(t, 'C', 'vip2', 80, ['L2', 'R2'], 'U')
    },
  },
  {
    numbers: '70', title: 'external policy Local on a cluster IP service counts only with an external IP',
    run: async (t, w) => {
      const plain = { type: 'ClusterIP', ports: [HTTP], vips: [], external: 'Local' } as const
      await program(w, { ...plain, externalIps: [] })
      await w.reaches(t, 'E', 'clusterIp', 80, ['L2', 'R2'], 'M')
      await program(w, { ...plain, externalIps: ['external2'] })
      await w.reaches(t, 'E', 'external2', 80, ['L2'], 'U')
    },
  },
  {
    numbers: '71', title: 'the external policy is flipped live and back',
    run: async (t, w) => {
      for (const external of ['Local', 'Cluster', 'Local'] as const) {
        await program(w, { external })
        await w.reaches(t, 'E', 'node-1', NODE_PORT, external === 'Local' ? ['L2'] : ['L2', 'R2'], external === 'Local' ? 'U' : 'M')
      }
    },
  },
  {
    numbers: '72', title: 'an endpoint in the host network is local like a pod',
    run: async (t, w) => {
      const server = await w.host('node-1').echo({ port: 8080 })
      try {
        const ports = [{ name: 'http', port: 8080, protocol: 'TCP' as const }]
        await w.apply(service(w.family, { type: 'NodePort', ports: [{ ...HTTP, nodePort: NODE_PORT }], external: 'Local' }), slice(w.family, [up('node-1')], { ports }))
        t.is((await w.tcp('C', 'clusterIp', 80)).server, 'node-1')
        t.like(await w.tcp('E', 'node-1', NODE_PORT), { server: 'node-1', clientAddress: w.address('E') })
      } finally {
        await server[Symbol.asyncDispose]()
      }
    },
  },
  {
    numbers: '73', title: 'an endpoint without a node is not local',
    run: async (t, w) => {
      await program(w, { external: 'Local', internal: 'Local' }, [{ at: 'L1' }, up('L2')])
      await w.reaches(t, 'E', 'vip2', 80, ['L2'], 'U')
      await w.reaches(t, 'C', 'clusterIp', 80, ['L2'], 'U')
    },
  },
  {
    numbers: '2, 73', title: 'an endpoint without a node reaches itself through its service all the same',
    run: async (t, w) => {
      await w.apply(service(w.family), slice(w.family, [{ at: 'L1' }]))
      await w.reaches(t, 'L1', 'clusterIp', 80, ['L1'], 'M')
    },
  },
  {
    numbers: '74', title: 'under external policy Local an endpoint that meets itself is masqueraded, otherwise not',
    run: async (t, w) => {
      await program(w, { external: 'Local' })
      const seen = new Set<string>()
      for (let i = 0; i < 60; i += 1) {
        const { server, clientAddress } = await w.tcp('L2', 'vip2', 80)
        t.is(clientAddress, server === 'L2' ? w.address('node-1 pods') : w.address('L2'))
        seen.add(server)
      }
      t.deepEqual([...seen].sort(), ['L2', 'R2'])
    },
  },
]
