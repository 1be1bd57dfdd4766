// Section F: endpoints that terminate.

import { draining, gone, HTTP, service, slice, up, type EndpointSpec, type ServiceSpec } from '../objects.ts'
import type { Scenario } from '../scenario.ts'
import type { World } from '../world.ts'

async function program(w: World, spec: ServiceSpec, endpoints: readonly EndpointSpec[]): Promise<void> {
  await w.apply(service(w.family, { type: 'LoadBalancer', ports: [HTTP], vips: ['vip'], ...spec }), slice(w.family, endpoints))
}

export const terminatingScenarios: readonly Scenario[] = [
  {
    numbers: '75', title: 'while something is ready, draining endpoints get nothing',
    run: async (t, w) => {
      await program(w, { external: 'Local' }, [up('L1'), draining('L2'), gone('C'), up('R1')])
      await w.reaches(t, 'C', 'clusterIp', 80, ['L1', 'R1'], 'U')
      await w.reaches(t, 'E', 'vip', 80, ['L1'], 'U')
    },
  },
  {
    numbers: '76', title: 'draining local endpoints serve outside traffic when no local one is ready',
    run: async (t, w) => {
      await program(w, { external: 'Local' }, [draining('L1'), draining('L2'), gone('C'), up('R1')])
      await w.reaches(t, 'C', 'clusterIp', 80, ['R1'], 'U')
      await w.reaches(t, 'E', 'vip', 80, ['L1', 'L2'], 'U')
    },
  },
  {
    numbers: '77, 78', title: 'draining remote endpoints serve the cluster; those that serve no more refuse everybody',
    run: async (t, w) => {
      await program(w, { external: 'Local' }, [draining('R1')])
      await w.reaches(t, 'C', 'clusterIp', 80, ['R1'], 'U')
      await w.fails(t, 'E', 'vip', 80, 'dropped')
      await program(w, { external: 'Local' }, [gone('R1'), gone('L1')])
      await w.fails(t, 'C', 'clusterIp', 80, 'refused')
      await w.fails(t, 'E', 'vip', 80, 'refused')
    },
  },
  {
    numbers: '79, 80, 81', title: 'policy Cluster uses all draining endpoints when none is ready, internal policy Local the local ones',
    run: async (t, w) => {
      await program(w, {}, [up('L1'), up('R1'), draining('L2'), draining('R2')])
      await w.reaches(t, 'C', 'clusterIp', 80, ['L1', 'R1'], 'U')
      await program(w, {}, [draining('L2'), draining('R2')])
      await w.reaches(t, 'C', 'clusterIp', 80, ['L2', 'R2'], 'U')
      await w.reaches(t, 'E', 'vip', 80, ['L2', 'R2'], 'M')
      await program(w, { internal: 'Local' }, [draining('L1'), up('R1')])
      await w.reaches(t, 'C', 'clusterIp', 80, ['L1'], 'U')
      await program(w, {}, [up('L1', { ready: true, serving: false, terminating: true })])
      await w.reaches(t, 'C', 'clusterIp', 80, ['L1'], 'U')
    },
  },
  {
    numbers: '82', title: 'an open connection outlives its endpoint step by step',
    run: async (t, w) => {
      await program(w, {}, [up('L1'), up('R1')])
      await program(w, {}, [up('L1')])
      await using connection = await w.host('C').openTcp(w.address('clusterIp'), 80)
      for (const endpoints of [[draining('L1'), up('R1')], [gone('L1'), up('R1')], [up('R1')]]) {
        await program(w, {}, endpoints)
        t.is(await connection.send('still open'), 'still open')
      }
    },
  },
]
