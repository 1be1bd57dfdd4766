import test from 'ava'
import { endpointSliceMirroringController } from '../../../src/controllers/endpoint-slices/mirror-controller.ts'
import { endpointsController } from '../../../src/controllers/endpoints/controller.ts'
import { planSubsets } from '../../../src/controllers/endpoints/plan-subsets.ts'
import { COLLECTIONS, eventually, fakeApi, quiet, startControllers } from './harness.ts'

type Subset = { addresses?: { ip: string }[]; notReadyAddresses?: { ip: string }[]; ports?: { port: number }[] }

const service = (spec: object = {}) => ({
  metadata: { name: 'web', namespace: 'default', uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z', labels: { team: 'a' } },
  spec: { clusterIP: '10.96.0.10', ipFamilies: ['IPv4'], selector: { app: 'web' }, ports: [{ port: 80, targetPort: 'http' }], ...spec },
})
const pod = (index: number, options: { ready?: boolean; port?: number; terminating?: boolean } = {}) => ({
  metadata: { name: `p${index}`, namespace: 'default', uid: `u${index}`, resourceVersion: '1', creationTimestamp: '', labels: { app: 'web' }, ...(options.terminating && { deletionTimestamp: '2026-01-01T00:00:00Z' }) },
  spec: { nodeName: 'n1', containers: [{ name: 'c', ports: [{ name: 'http', containerPort: options.port ?? 8080 }] }] },
  status: { phase: 'Running', podIP: `10.244.${index >> 8}.${index & 255}`, conditions: [{ type: 'Ready', status: options.ready === false ? 'False' : 'True' }] },
})
const plan = (svc: object, pods: object[]) => planSubsets(svc as never, pods as never)

test('addresses with equal ports share a subset, those not ready apart, terminating ones not at all', t => {
  const { subsets } = plan(service(), [pod(2), pod(1), pod(3, { ready: false }), pod(4, { port: 9090 }), pod(5, { terminating: true })])
  t.deepEqual((subsets as Subset[]).map(subset => [subset.ports?.map(port => port.port), subset.addresses?.map(address => address.ip), subset.notReadyAddresses?.map(address => address.ip)]), [
    [[8080], ['10.244.0.1', '10.244.0.2'], ['10.244.0.3']],
    [[9090], ['10.244.0.4'], undefined],
  ])
})

test('publishNotReadyAddresses makes all addresses ready ones; a headless Service without ports has none', t => {
  const { subsets } = plan(service({ publishNotReadyAddresses: true, clusterIP: 'None', ports: undefined }), [pod(1, { ready: false }), pod(2, { terminating: true })])
  t.deepEqual((subsets as Subset[]).map(subset => [subset.addresses?.length, subset.notReadyAddresses, subset.ports]), [[2, undefined, undefined]])
})

test('beyond a thousand addresses those not ready are cut off first', t => {
  const { subsets, truncated } = plan(service(), Array.from({ length: 1_100 }, (_, index) => pod(index + 1, { ready: index >= 300 })))
  t.true(truncated)
  t.deepEqual((subsets as Subset[]).map(subset => [subset.addresses?.length, subset.notReadyAddresses?.length]), [[800, 200]])
})

test('Endpoints follow their Service from its creation to its end, and those that people wrote stay', async t => {
  const api = await fakeApi(t)
  const endpoints = () => api.all(COLLECTIONS.endpoints) as unknown as { metadata: { name: string; labels: Record<string, string> }; subsets: Subset[] }[]
  api.put(COLLECTIONS.endpoints, { metadata: { name: 'manual', namespace: 'default' }, subsets: [] })
  api.put(COLLECTIONS.services, service())
  await startControllers(t, api, [endpointsController()])
  api.put(COLLECTIONS.pods, pod(1))
  await eventually(() => endpoints().find(({ metadata }) => metadata.name === 'web')?.subsets[0]?.addresses?.[0]?.ip === '10.244.0.1', endpoints)
  t.deepEqual(endpoints().find(({ metadata }) => metadata.name === 'web')!.metadata.labels, { team: 'a', 'endpoints.kubernetes.io/managed-by': 'endpoint-controller' })
  api.remove(COLLECTIONS.services, 'default', 'web')
  await eventually(() => endpoints().length === 1)
  await quiet(api)
  t.is(endpoints()[0]!.metadata.name, 'manual')
})

test('Endpoints of a Service without a selector are mirrored, by family, until one of the two goes (scenario 73)', async t => {
  const api = await fakeApi(t)
  const slices = () => api.all(COLLECTIONS.slices) as unknown as { addressType: string; metadata: { labels: Record<string, string>; annotations?: object; ownerReferences: { kind: string }[] }; endpoints: { addresses: string[]; conditions: object }[]; ports: object[] }[]
  api.put(COLLECTIONS.services, service({ selector: undefined }))
  api.put(COLLECTIONS.endpoints, {
    metadata: { name: 'web', namespace: 'default', labels: { own: 'label' }, annotations: { note: 'kept', 'kubectl.kubernetes.io/last-applied-configuration': '{}' } },
    subsets: [{ addresses: [{ ip: '192.0.2.1' }, { ip: '2001:db8::1' }], notReadyAddresses: [{ ip: '192.0.2.2' }], ports: [{ port: 80 }] }],
  })
  api.put(COLLECTIONS.endpoints, { metadata: { name: 'skipped', namespace: 'default', labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } }, subsets: [{ addresses: [{ ip: '192.0.2.9' }] }] })
  await startControllers(t, api, [endpointSliceMirroringController()])
  await eventually(() => slices().length === 2, slices)
  const v4 = slices().find(slice => slice.addressType === 'IPv4')!
  t.deepEqual(v4.endpoints.map(endpoint => [endpoint.addresses, endpoint.conditions]), [[['192.0.2.1'], { ready: true }], [['192.0.2.2'], { ready: false }]])
  t.deepEqual(v4.metadata.labels, { own: 'label', 'kubernetes.io/service-name': 'web', 'endpointslice.kubernetes.io/managed-by': 'endpointslicemirroring-controller.k8s.io' })
  t.deepEqual(v4.metadata.annotations, { note: 'kept' })
  t.is(v4.metadata.ownerReferences[0]!.kind, 'Endpoints')
  api.put(COLLECTIONS.services, service())
  await eventually(() => slices().length === 0)
})
