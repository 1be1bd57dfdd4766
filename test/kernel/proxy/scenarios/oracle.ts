// Random Services, changed one into the next on a living ruleset, and random packets: the kernel does what the
// specification's tables say.

import fc from 'fast-check'
import { HTTP, service, slice, up, type EndpointSpec } from '../objects.ts'
import { addressOf, verdict, type Case, type Destination } from '../oracle.ts'
import type { Scenario } from '../scenario.ts'
import type { Family, HostName } from '../topology.ts'
import { prefixIn } from '../topology.ts'

const NODE_PORT = 30_011
const DESTINATIONS: readonly Destination[] = ['cluster IP', 'external IP', 'load balancer', 'node port']
// Not R1 and R2: unmasqueraded answers between them would go past node-1.
const SOURCES: readonly HostName[] = ['C', 'E', 'B', 'node-1', 'L1', 'L2']

const state = fc.constantFrom({}, {}, { ready: false, serving: false }, { ready: false, serving: true, terminating: true }, { ready: false, serving: false, terminating: true })
const endpoints = fc.tuple(...(['L1', 'L2', 'R1', 'R2'] as const).map(at => fc.option(state.map((more): EndpointSpec => up(at, more)), { nil: undefined })))
  .map(list => list.filter(endpoint => endpoint !== undefined))

const policy = fc.constantFrom('Cluster' as const, 'Local' as const)
const cases = (family: Family): fc.Arbitrary<Case> =>
  fc.record({ external: policy, internal: policy, endpoints, guarded: fc.boolean() }).map(({ guarded, endpoints: list, ...policies }) => ({
    spec: {
      type: 'LoadBalancer', ports: [{ ...HTTP, nodePort: NODE_PORT }], externalIps: ['external'], vips: ['vip'], ...policies,
      ...(guarded ? { ranges: [prefixIn(family, 'nearE'), prefixIn(family, 'nodes')] } : {}),
    },
    endpoints: list,
    admitted: guarded ? ['E', 'node-1'] : undefined,
  }))

const probes = fc.uniqueArray(fc.tuple(fc.constantFrom(...SOURCES), fc.constantFrom(...DESTINATIONS)), { minLength: 6, maxLength: 6, selector: pair => pair.join() })

export const oracleScenarios: readonly Scenario[] = [
  {
    numbers: 'specification 1.5 and 2', title: 'random services and random packets meet what the tables say',
    run: async (t, w) => {
      const { seed } = fc.readConfigureGlobal()
      for (const [one, pairs] of fc.sample(fc.tuple(cases(w.family), probes), 20)) {
        await w.apply(service(w.family, one.spec), slice(w.family, one.endpoints))
        for (const [from, destination] of pairs) {
          const wanted = verdict(one, from, destination, w.backendName)
          const port = destination === 'node port' ? NODE_PORT : 80
          const what = `seed ${seed}: ${from} -> ${destination} of ${JSON.stringify(one)}`
          if (wanted.kind !== 'served') {
            await w.fails(t, from, addressOf[destination], port, wanted.kind)
            continue
          }
          for (let i = 0; i < 4; i += 1) {
            const { server, clientAddress } = await w.tcp(from, addressOf[destination], port).catch((error: Error) => Promise.reject(new Error(`${error.message}: ${what}`, { cause: error })))
            t.true(wanted.by.includes(server as HostName), `${server}: ${what}`)
            const own = from === 'node-1' ? [w.address('node-1'), w.address('node-1 pods')] : [w.address(from as never)]
            const masqueraded = w.address(server.startsWith('L') ? 'node-1 pods' : 'node-1')
            // An endpoint that meets itself is masqueraded whatever the policy, if this node is where it lives; the
            // node's own connections start from its address anyway.
            const local = from === server && from.startsWith('L')
            const allowed = wanted.masqueraded || local ? [masqueraded] : own
            t.true(allowed.includes(clientAddress), `${server} saw ${clientAddress}, not ${allowed.join(' or ')}: ${what}`)
          }
        }
      }
    },
  },
]
