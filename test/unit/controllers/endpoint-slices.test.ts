import test from 'ava'
import { endpointSliceController } from '../../../src/controllers/endpoint-slices/controller.ts'
import { COLLECTIONS, eventually, fakeApi, quiet, startControllers } from './harness.ts'

type Slice = { metadata: { name: string; uid: string; resourceVersion: string; annotations?: Record<string, string> }; endpoints: { addresses: string[]; conditions: { ready: boolean } }[]; ports: { port: number }[] }

const service = (name = 'web', spec: object = {}) => ({
  metadata: { name, namespace: 'default' },
  spec: { clusterIP: '10.96.0.10', ipFamilies: ['IPv4'], selector: { app: name }, ports: [{ port: 80, targetPort: 8080, protocol: 'TCP' }], ...spec },
})
const pod = (name: string, ip: string, ready = true, more: object = {}) => ({
  metadata: { name, namespace: 'default', labels: { app: 'web' } },
  spec: { nodeName: 'n1', containers: [{ name: 'c' }] },
  status: { phase: 'Running', podIPs: [{ ip }], conditions: [{ type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime: '2026-01-01T00:00:05Z' }] },
  ...more,
})
const ip = (index: number): string => `10.244.${index >> 8}.${index & 255}`

async function setup(t: import('ava').ExecutionContext) {
  const api = await fakeApi(t)
  api.put(COLLECTIONS.nodes, { metadata: { name: 'n1', labels: { 'topology.kubernetes.io/zone': 'z1' } } })
  const slices = (): Slice[] => api.all(COLLECTIONS.slices) as unknown as Slice[]
  const addresses = (): string[] => slices().flatMap(slice => slice.endpoints.flatMap(endpoint => endpoint.addresses)).sort()
  return { api, slices, addresses }
}

test('slices follow pods from the first to the last (scenario 74)', async t => {
  const { api, slices, addresses } = await setup(t)
  api.put(COLLECTIONS.services, service())
  await startControllers(t, api, [endpointSliceController()])
  await eventually(() => slices().length === 1 && slices()[0]!.endpoints.length === 0, slices)
  const uid = slices()[0]!.metadata.uid
  api.put(COLLECTIONS.pods, pod('a', '10.244.0.1'))
  await eventually(() => addresses().join() === '10.244.0.1', addresses)
  t.is(slices()[0]!.metadata.uid, uid, 'the empty slice was filled')
  t.is(slices()[0]!.metadata.annotations?.['endpoints.kubernetes.io/last-change-trigger-time'], '2026-01-01T00:00:05Z')
  api.put(COLLECTIONS.pods, pod('a', '10.244.0.1', false))
  await eventually(() => slices()[0]!.endpoints[0]!.conditions.ready === false, slices)
  api.remove(COLLECTIONS.pods, 'default', 'a')
  await eventually(() => addresses().length === 0, addresses)
})

test('250 pods that appear one by one end in three slices, none written more often than needed', async t => {
  const { api, slices, addresses } = await setup(t)
  api.put(COLLECTIONS.services, service())
  await startControllers(t, api, [endpointSliceController()])
  for (let index = 1; index <= 250; index += 1) api.put(COLLECTIONS.pods, pod(`p${index}`, ip(index)))
  await eventually(() => addresses().length === 250, () => addresses().length)
  await quiet(api)
  t.is(slices().length, 3)
  t.is(new Set(addresses()).size, 250)
  const before = api.seen.length
  api.remove(COLLECTIONS.pods, 'default', 'p130')
  await eventually(() => addresses().length === 249)
  await quiet(api)
  t.is(api.seen.length - before, 1, 'one pod deleted is one slice updated')
})

test('no slice is made twice while the watch is slow to show our own', async t => {
  const { api, slices, addresses } = await setup(t)
  api.put(COLLECTIONS.services, service())
  await startControllers(t, api, [endpointSliceController()])
  await eventually(() => slices().length === 1)
  await quiet(api)
  // Everything that the controller writes stays invisible to it, while pods come through.
  const muted = COLLECTIONS.slices
  api.muteCollection(muted)
  for (let index = 1; index <= 5; index += 1) {
    api.put(COLLECTIONS.pods, pod(`p${index}`, ip(index)))
    await eventually(() => addresses().length === index, addresses)
  }
  t.is(slices().length, 1)
})

test('slices that somebody deletes or changes are put right', async t => {
  const { api, slices, addresses } = await setup(t)
  api.put(COLLECTIONS.services, service())
  api.put(COLLECTIONS.pods, pod('a', '10.244.0.1'))
  await startControllers(t, api, [endpointSliceController()])
  await eventually(() => addresses().length === 1)
  await quiet(api)
  api.remove(COLLECTIONS.slices, 'default', slices()[0]!.metadata.name)
  await eventually(() => addresses().length === 1)
  await quiet(api)
  const [slice] = slices()
  api.put(COLLECTIONS.slices, { ...slice!, endpoints: [{ addresses: ['203.0.113.9'], conditions: { ready: true } }] } as never)
  await eventually(() => addresses().join() === '10.244.0.1', addresses)
  t.is(slices().length, 1)
})

test('a pod on a node that is not known yet appears with the node', async t => {
  const { api, addresses } = await setup(t)
  api.put(COLLECTIONS.services, service())
  await startControllers(t, api, [endpointSliceController()])
  api.put(COLLECTIONS.pods, { ...pod('a', '10.244.0.1'), spec: { nodeName: 'n2', containers: [] } })
  await quiet(api)
  t.deepEqual(addresses(), [])
  api.put(COLLECTIONS.nodes, { metadata: { name: 'n2' } })
  await eventually(() => addresses().length === 1)
})

test('heartbeats of pods and nodes cause no writes and no look at Services without them', async t => {
  const { api, addresses } = await setup(t)
  api.put(COLLECTIONS.services, service())
  api.put(COLLECTIONS.pods, pod('a', '10.244.0.1'))
  await startControllers(t, api, [endpointSliceController()])
  await eventually(() => addresses().length === 1)
  await quiet(api)
  const before = api.seen.length
  api.put(COLLECTIONS.pods, pod('a', '10.244.0.1', true, { note: 'restarted' }))
  api.put(COLLECTIONS.nodes, { metadata: { name: 'n1', labels: { 'topology.kubernetes.io/zone': 'z1' } }, status: { heartbeat: 1 } })
  await quiet(api)
  t.is(api.seen.length, before)
})

test('changing to ExternalName removes the slices; taking the selector away leaves them to the user', async t => {
  const { api, slices, addresses } = await setup(t)
  api.put(COLLECTIONS.services, service())
  api.put(COLLECTIONS.pods, pod('a', '10.244.0.1'))
  await startControllers(t, api, [endpointSliceController()])
  await eventually(() => addresses().length === 1)
  api.put(COLLECTIONS.services, service('web', { selector: undefined }))
  await quiet(api)
  t.is(addresses().length, 1)
  api.put(COLLECTIONS.services, service('web', { type: 'ExternalName', externalName: 'example.org' }))
  await eventually(() => slices().length === 0)
})

test('an outage of the server loses no change, and failures raise an event', async t => {
  const { api, addresses } = await setup(t)
  api.put(COLLECTIONS.services, service())
  await startControllers(t, api, [endpointSliceController()])
  await eventually(() => api.all(COLLECTIONS.slices).length === 1)
  await api.stop()
  for (let index = 1; index <= 5; index += 1) api.put(COLLECTIONS.pods, pod(`p${index}`, ip(index)))
  await api.start()
  await eventually(() => addresses().length === 5, addresses)
  api.intercept = (seen, reply) => {
    if (seen.method !== 'PUT') return false
    reply.writeHead(500).end('no')
    return true
  }
  api.put(COLLECTIONS.pods, pod('p6', ip(6)))
  await eventually(() => api.all(COLLECTIONS.events).some(event => event['reason'] === 'FailedToUpdateEndpointSlices'))
  api.intercept = undefined
  await eventually(() => addresses().length === 6, addresses)
  t.pass()
})
