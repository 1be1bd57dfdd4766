import test from 'ava'
import fc from 'fast-check'
import type { Node, Pod, Service } from 'kubernetes-types/core/v1.js'
import type { Stored } from '../../../src/client/objects.ts'
import { planEndpoints, type Endpoint } from '../../../src/controllers/endpoint-slices/plan-endpoints.ts'
import { planSlices, serviceFrame, type EndpointSlice, type SlicePlan } from '../../../src/controllers/endpoint-slices/plan-slices.ts'

const meta = (name: string, more: object = {}) => ({ name, namespace: 'default', uid: `uid-${name}`, resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z', ...more })

const service = (spec: object = {}, labels: Record<string, string> = {}): Stored<Service> => ({
  metadata: meta('web', { labels }),
  spec: { clusterIP: '10.96.0.10', ipFamilies: ['IPv4'], selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080, protocol: 'TCP' }], ...spec },
} as Stored<Service>)

type PodState = Readonly<{ ready?: boolean; terminating?: boolean; ip?: string; ip6?: string; node?: string; phase?: string; containerPort?: number; hostname?: string; subdomain?: string }>
const pod = (index: number, state: PodState = {}): Stored<Pod> => ({
  metadata: meta(`web-${index}`, { labels: { app: 'web' }, ...(state.terminating === true && { deletionTimestamp: '2026-01-01T00:01:00Z' }) }),
  spec: { nodeName: state.node ?? 'n1', containers: [{ name: 'c', ports: [{ name: 'http', containerPort: state.containerPort ?? 8080 }] }], ...(state.hostname && { hostname: state.hostname, subdomain: state.subdomain }) },
  status: {
    phase: state.phase ?? 'Running',
    podIPs: [{ ip: state.ip ?? `10.244.${index >> 8}.${index & 255}` }, ...(state.ip6 ? [{ ip: state.ip6 }] : [])],
    conditions: [{ type: 'Ready', status: state.ready === false ? 'False' : 'True' }],
  },
} as Stored<Pod>)

const nodes = (name: string): Node | undefined => (name.startsWith('n') ? { metadata: { name, labels: { 'topology.kubernetes.io/zone': `zone-${name}` } } } : undefined)
const options = (svc: Stored<Service>, maxEndpoints = 100) => ({ frame: serviceFrame(svc), maxEndpoints, triggerTime: undefined })
const pods = (from: number, to: number): Stored<Pod>[] => Array.from({ length: to - from }, (_, index) => pod(from + index))

/** What the server would hold after the plan. */
function apply(existing: readonly Stored<EndpointSlice>[], plan: SlicePlan): Stored<EndpointSlice>[] {
  const kept = existing.filter(slice => !plan.delete.includes(slice)).map(slice => plan.update.find(update => update.metadata.uid === slice.metadata.uid) ?? slice)
  return [...kept, ...plan.create.map(slice => ({ ...slice, metadata: { ...slice.metadata, ...meta(`s${nextSlice++}`), labels: slice.metadata?.labels, ownerReferences: slice.metadata?.ownerReferences } }) as Stored<EndpointSlice>)]
}
let nextSlice = 0

const settle = (svc: Stored<Service>, all: readonly Stored<Pod>[], existing: readonly Stored<EndpointSlice>[] = [], max = 100) => {
  const plan = planSlices(planEndpoints(svc, all, nodes), existing, options(svc, max))
  return { plan, slices: apply(existing, plan) }
}
const counts = (plan: SlicePlan): [number, number, number] => [plan.create.length, plan.update.length, plan.delete.length]
const flat = (slices: readonly EndpointSlice[]): string[] =>
  slices.flatMap(slice => slice.endpoints.map(endpoint => `${slice.addressType} ${JSON.stringify(slice.ports)} ${JSON.stringify(endpoint)}`)).sort()

test('250 ready pods make slices of 100, 100 and 50, with labels and owner (scenario 74)', t => {
  const svc = service({}, { team: 'a' })
  const { slices } = settle(svc, pods(0, 250))
  t.deepEqual(slices.map(slice => slice.endpoints.length), [100, 100, 50])
  t.deepEqual(slices[0]!.metadata.labels, { team: 'a', 'kubernetes.io/service-name': 'web', 'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io' })
  t.deepEqual(slices[0]!.metadata.ownerReferences, [{ apiVersion: 'v1', kind: 'Service', name: 'web', uid: 'uid-web', controller: true, blockOwnerDeletion: true }])
  t.deepEqual(slices[0]!.ports, [{ name: '', protocol: 'TCP', port: 8080 }])
})

test('a pod that goes changes exactly one slice, and so does a pod whose readiness flips (scenario 74)', t => {
  const svc = service()
  const all = pods(0, 250)
  const { slices } = settle(svc, all)
  t.deepEqual(counts(settle(svc, all.toSpliced(130, 1), slices).plan), [0, 1, 0])
  const { plan } = settle(svc, all.with(7, pod(7, { ready: false })), slices)
  t.deepEqual(counts(plan), [0, 1, 0])
  t.deepEqual(plan.update[0]!.endpoints[7]!.conditions, { ready: false, serving: false, terminating: false })
})

test('a terminating pod that still serves is not ready, serving and terminating (scenario 74)', t => {
  const [group] = planEndpoints(service(), [pod(1, { terminating: true })], nodes)
  t.deepEqual(group!.endpoints[0]!.conditions, { ready: false, serving: true, terminating: true })
})

test('publishNotReadyAddresses makes every endpoint ready and keeps those on unknown nodes', t => {
  const all = [pod(1, { ready: false }), pod(2, { terminating: true }), pod(3, { node: 'gone' })]
  t.is(planEndpoints(service(), all, nodes)[0]!.endpoints.length, 2)
  const [group] = planEndpoints(service({ publishNotReadyAddresses: true }), all, nodes)
  t.deepEqual(group!.endpoints.map(endpoint => endpoint.conditions?.ready), [true, true, true])
  t.deepEqual(group!.endpoints.map(endpoint => endpoint.zone), ['zone-n1', 'zone-n1', undefined])
})

test('pods that ended, have no address or no node are left out', t => {
  const all = [pod(1, { phase: 'Succeeded' }), pod(2, { phase: 'Failed' }), pod(3, { node: '' }), { ...pod(4), status: {} } as Stored<Pod>]
  t.deepEqual(planEndpoints(service(), all, nodes), [{ addressType: 'IPv4', ports: [], endpoints: [] }])
})

test('a named target port gives one group per number it has; a pod without it has no such port', t => {
  const svc = service({ ports: [{ name: 'web', port: 80, targetPort: 'http', protocol: 'TCP' }] })
  const groups = planEndpoints(svc, [pod(1), pod(2, { containerPort: 9090 }), pod(3)], nodes)
  t.deepEqual(groups.map(group => [group.ports.map(port => port.port), group.endpoints.length]), [[[8080], 2], [[9090], 1]])
  const none = planEndpoints(service({ ports: [{ name: 'x', port: 80, targetPort: 'missing' }] }), [pod(1)], nodes)
  t.deepEqual(none[0]!.ports, [])
})

test('a dual-stack Service has slices of both families, each pod in those it has an address of', t => {
  const svc = service({ ipFamilies: ['IPv6', 'IPv4'] })
  const groups = planEndpoints(svc, [pod(1, { ip6: 'fd00::1' }), pod(2)], nodes)
  t.deepEqual(groups.map(group => [group.addressType, group.endpoints.map(endpoint => endpoint.addresses)]), [['IPv6', [['fd00::1']]], ['IPv4', [['10.244.0.1'], ['10.244.0.2']]]])
})

test('a Service without endpoints has one empty slice per family, which the first endpoint then fills', t => {
  const svc = service({ ipFamilies: ['IPv4', 'IPv6'] })
  const { plan, slices } = settle(svc, [])
  t.deepEqual(plan.create.map(slice => [slice.addressType, slice.endpoints, slice.ports]), [['IPv4', [], []], ['IPv6', [], []]])
  t.deepEqual(counts(settle(svc, [], slices).plan), [0, 0, 0])
  t.deepEqual(counts(settle(svc, [pod(1)], slices).plan), [0, 1, 0])
})

test('a headless Service is labelled, and its pods carry the host names they asked for', t => {
  const svc = service({ clusterIP: 'None', ports: undefined })
  const { slices } = settle(svc, [pod(1, { hostname: 'a', subdomain: 'web' }), pod(2, { hostname: 'b', subdomain: 'other' })])
  t.is(slices[0]!.metadata.labels?.['service.kubernetes.io/headless'], '')
  t.deepEqual(slices[0]!.endpoints.map(endpoint => endpoint.hostname), ['a', undefined])
  t.deepEqual(slices[0]!.ports, [])
})

test('hints name the endpoint’s own zone, or its node too, and only where it is ready', t => {
  const all = [pod(1), pod(2, { ready: false }), pod(3, { node: 'n3' })]
  const hints = (trafficDistribution?: string): Endpoint['hints'][] => planEndpoints(service({ trafficDistribution }), all, nodes)[0]!.endpoints.map(endpoint => endpoint.hints)
  t.deepEqual(hints(), [undefined, undefined, undefined])
  t.deepEqual(hints('PreferClose'), [{ forZones: [{ name: 'zone-n1' }] }, undefined, { forZones: [{ name: 'zone-n3' }] }])
  t.deepEqual(hints('PreferSameNode')[2], { forZones: [{ name: 'zone-n3' }], forNodes: [{ name: 'n3' }] })
})

test('new endpoints go to slices being changed, fullest first; else to one that fits them all; else to a new one', t => {
  const svc = service()
  const base = settle(svc, pods(0, 25), [], 10).slices
  t.deepEqual(base.map(slice => slice.endpoints.length), [10, 10, 5])
  const five = settle(svc, [...pods(0, 25), ...pods(100, 105)], base, 10)
  t.deepEqual([counts(five.plan), five.slices.map(slice => slice.endpoints.length)], [[0, 1, 0], [10, 10, 10]])
  const six = settle(svc, [...pods(0, 25), ...pods(100, 106)], base, 10)
  t.deepEqual([counts(six.plan), six.slices.map(slice => slice.endpoints.length)], [[1, 0, 0], [10, 10, 5, 6]])
  const swap = settle(svc, [...pods(1, 25), ...pods(100, 101)], base, 10)
  t.deepEqual([counts(swap.plan), swap.slices.map(slice => slice.endpoints.length)], [[0, 1, 0], [10, 10, 5]])
})

test('when the ports change, slices are rewritten rather than deleted and made anew', t => {
  const { slices } = settle(service(), pods(0, 150))
  const { plan } = settle(service({ ports: [{ port: 80, targetPort: 9999, protocol: 'TCP' }] }), pods(0, 150), slices)
  t.deepEqual(counts(plan), [0, 2, 0])
})

test('labels of the Service are followed, and the trigger time is set or taken off', t => {
  const { slices } = settle(service(), pods(0, 1))
  const relabelled = service({}, { team: 'b', 'kubernetes.io/service-name': 'forged' })
  const plan = planSlices(planEndpoints(relabelled, pods(0, 1), nodes), slices, { ...options(relabelled), triggerTime: '2026-01-01T00:00:09Z' })
  t.like(plan.update[0]!.metadata.labels, { team: 'b', 'kubernetes.io/service-name': 'web' })
  t.is(plan.update[0]!.metadata.annotations?.['endpoints.kubernetes.io/last-change-trigger-time'], '2026-01-01T00:00:09Z')
})

test('whatever happened before, the slices hold exactly what a start from nothing would, and a second look changes nothing', t => {
  const state = fc.record({
    ready: fc.boolean(), terminating: fc.boolean(), node: fc.constantFrom('n1', 'n2', 'gone'), containerPort: fc.constantFrom(8080, 9090),
    ip6: fc.constantFrom('', 'fd00::1'), phase: fc.constantFrom('Running', 'Running', 'Running', 'Failed'),
  })
  const event = fc.record({ index: fc.nat(30), present: fc.boolean(), state })
  const spec = fc.record({
    ipFamilies: fc.constantFrom(['IPv4'], ['IPv6', 'IPv4']), publishNotReadyAddresses: fc.boolean(),
    ports: fc.constantFrom([{ port: 80, targetPort: 'http' }], [{ port: 80, targetPort: 8080 }], [{ name: 'a', port: 1 }, { name: 'b', port: 2 }]),
    trafficDistribution: fc.constantFrom(undefined, 'PreferSameZone'),
  })
  fc.assert(fc.property(fc.array(fc.record({ events: fc.array(event, { maxLength: 12 }), spec })), fc.integer({ min: 1, max: 8 }), (rounds, max) => {
    const world = new Map<number, Stored<Pod>>()
    let slices: Stored<EndpointSlice>[] = []
    for (const round of rounds) {
      for (const { index, present, state: podState } of round.events) {
        if (present) world.set(index, pod(index, { ...podState, ...(podState.ip6 && { ip6: `fd00::${index}` }) }))
        else world.delete(index)
      }
      const svc = service(round.spec)
      slices = settle(svc, [...world.values()], slices, max).slices
      const scratch = settle(svc, [...world.values()], [], max)
      t.deepEqual(flat(slices), flat(scratch.slices))
      t.true(slices.every(slice => slice.endpoints.length <= max))
      t.deepEqual(counts(settle(svc, [...world.values()], slices, max).plan), [0, 0, 0])
    }
  }), { numRuns: 150 })
})
