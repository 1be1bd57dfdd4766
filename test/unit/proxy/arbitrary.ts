// Random Services, EndpointSlices and histories of them for the property tests. Few names and addresses, so that
// things collide, move and come back.

import fc from 'fast-check'
import type { Service } from 'kubernetes-types/core/v1.d.ts'
import type { EndpointSlice } from 'kubernetes-types/discovery/v1.d.ts'
import type { Tracker } from '../../../src/proxy/tracker/tracker.ts'

export type Step =
  | Readonly<{ kind: 'service'; service: Service }>
  | Readonly<{ kind: 'no-service'; name: string }>
  | Readonly<{ kind: 'slice'; slice: EndpointSlice }>
  | Readonly<{ kind: 'no-slice'; name: string }>

const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(value, { nil: undefined })

const serviceNumber = fc.integer({ min: 0, max: 11 })
const portNames = ['http', 'dns', ''] as const
const protocols = ['TCP', 'UDP', 'SCTP'] as const

const port = fc.record({
  name: fc.constantFrom(...portNames),
  protocol: fc.constantFrom(...protocols),
  port: fc.constantFrom(53, 80, 443),
  nodePort: maybe(fc.integer({ min: 30_000, max: 30_007 })),
})

/** A Service as an API server would hand it out; several may claim one external address or node port. */
export const service: fc.Arbitrary<Service> = fc.record({
  number: serviceNumber,
  type: fc.constantFrom('ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName'),
  ports: fc.uniqueArray(port, { minLength: 1, maxLength: 3, selector: p => `${p.name}${p.protocol}` }),
  external: fc.constantFrom('Cluster', 'Local'),
  internal: fc.constantFrom('Cluster', 'Local'),
  affinity: fc.constantFrom('None', 'ClientIP'),
  externalIPs: fc.subarray(['192.168.99.11', '192.168.99.12', '2001:db8:99::11']),
  vips: fc.subarray(['1.2.3.4', '5.6.7.8', '2001:db8:5::8']),
  ranges: fc.subarray(['192.168.0.0/24', '203.0.113.0/25', '2001:db8::/64']),
  check: maybe(fc.integer({ min: 32_000, max: 32_002 })),
  created: fc.integer({ min: 0, max: 2 }),
}).map(({ number, type, ports, external, internal, affinity, externalIPs, vips, ranges, check, created }): Service => ({
  metadata: { namespace: 'ns', name: `svc-${number}`, creationTimestamp: `2026-01-0${created + 1}T00:00:00Z` as never },
  spec: {
    type, ports: ports.map(({ nodePort, ...rest }) => (nodePort === undefined ? rest : { ...rest, nodePort })),
    clusterIP: `172.30.0.${number + 1}`, clusterIPs: [`172.30.0.${number + 1}`, `fd00:172:30::${number + 1}`], ipFamilies: ['IPv4', 'IPv6'],
    externalTrafficPolicy: external, internalTrafficPolicy: internal, sessionAffinity: affinity, externalIPs,
    loadBalancerSourceRanges: ranges, ...(check === undefined ? {} : { healthCheckNodePort: check }),
  },
  status: { loadBalancer: { ingress: vips.map(ip => ({ ip })) } },
}))

const hints = fc.record({ forZones: fc.subarray([{ name: 'zone-a' }, { name: 'zone-b' }]), forNodes: fc.subarray([{ name: 'node-1' }]) })

const endpoint = fc.record({
  host: fc.integer({ min: 1, max: 40 }),
  node: fc.constantFrom('node-1', 'node-2', undefined),
  ready: fc.boolean(), serving: fc.boolean(), terminating: fc.boolean(),
  hints: maybe(hints),
})

export const slice: fc.Arbitrary<EndpointSlice> = fc.record({
  number: fc.integer({ min: 0, max: 17 }),
  owner: serviceNumber,
  family: fc.constantFrom(4, 6),
  ports: fc.array(fc.record({ name: fc.constantFrom(...portNames), protocol: fc.constantFrom(...protocols), port: fc.constantFrom(80, 8080) }), { maxLength: 2 }),
  endpoints: fc.array(endpoint, { maxLength: 40 }),
}).map(({ number, owner, family, ports, endpoints }): EndpointSlice => ({
  addressType: family === 4 ? 'IPv4' : 'IPv6',
  metadata: { namespace: 'ns', name: `slice-${number}`, labels: { 'kubernetes.io/service-name': `svc-${owner}` } },
  ports,
  endpoints: endpoints.map(({ host, node, ready, serving, terminating, hints: hint }) => ({
    addresses: [family === 4 ? `10.180.0.${host}` : `fd00:10::${host}`],
    ...(node === undefined ? {} : { nodeName: node }),
    conditions: { ready, serving, terminating },
    ...(hint === undefined ? {} : { hints: hint }),
  })) as EndpointSlice['endpoints'],
}))

export const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: service.map((value): Step => ({ kind: 'service', service: value })) },
  { weight: 1, arbitrary: serviceNumber.map((number): Step => ({ kind: 'no-service', name: `svc-${number}` })) },
  { weight: 6, arbitrary: slice.map((value): Step => ({ kind: 'slice', slice: value })) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 17 }).map((number): Step => ({ kind: 'no-slice', name: `slice-${number}` })) },
)

/** Batches of events, each told to the tracker before the next sync. */
export const history: fc.Arbitrary<readonly (readonly Step[])[]> = fc.array(fc.array(step, { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 8 })

export function tell(tracker: Tracker, event: Step): void {
  switch (event.kind) {
    case 'service': return void tracker.applyService(event.service)
    case 'no-service': return tracker.removeService('ns', event.name)
    case 'slice': return void tracker.applySlice(event.slice)
    case 'no-slice': return tracker.removeSlice('ns', event.name)
    default: return event satisfies never
  }
}

/** The objects that a history leaves in the API server. */
export function lastState(events: readonly Step[]): readonly Step[] {
  const state = new Map<string, Step>()
  for (const event of events) {
    if (event.kind === 'service') state.set(`service ${event.service.metadata!.name}`, event)
    else if (event.kind === 'slice') state.set(`slice ${event.slice.metadata!.name}`, event)
    else state.delete(`${event.kind === 'no-service' ? 'service' : 'slice'} ${event.name}`)
  }
  return [...state.values()]
}
