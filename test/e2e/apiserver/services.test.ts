// Services: addresses and ports, through all their changes, over the wire.

import test from 'ava'
import { ApiRequests } from '../../lab/api-request.ts'
import { ApiServerLab } from '../../lab/apiserver.ts'

const lab = await ApiServerLab.open()
const api = new ApiRequests(lab)
test.after.always(async () => {
  api[Symbol.dispose]()
  await lab[Symbol.asyncDispose]()
})

const SERVICES = '/api/v1/namespaces/default/services'
const ADDRESSES = '/apis/networking.k8s.io/v1/ipaddresses'
const service = (name: string, spec: object = {}) => ({ metadata: { name }, spec: { ports: [{ port: 80 }], ...spec } })

test('the kubernetes Service has the first address, endpoints, and comes back when deleted (scenario 13)', async t => {
  t.timeout(30_000)
  const before = (await api.get(`${SERVICES}/kubernetes`)).json
  t.is(before.spec.clusterIP, '10.96.0.1')
  const slice = (await api.get('/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes')).json
  t.deepEqual([slice.endpoints[0].addresses, slice.ports[0].port], [['192.0.2.1'], lab.port])
  t.is((await api.get('/api/v1/namespaces/default/endpoints/kubernetes')).json.subsets[0].addresses[0].ip, '192.0.2.1')
  await api.delete(`${SERVICES}/kubernetes`)
  const deadline = Date.now() + 15_000
  for (;;) {
    const again = await api.get(`${SERVICES}/kubernetes`)
    if (again.code === 200) {
      t.is(again.json.spec.clusterIP, '10.96.0.1')
      t.not(again.json.metadata.uid, before.metadata.uid)
      return
    }
    if (Date.now() > deadline) return t.fail('it did not come back')
    await new Promise(resolve => setTimeout(resolve, 100))
  }
})

test('defaults and families are filled, and the address is outside the static band (scenario 17)', async t => {
  const { spec } = (await api.post(SERVICES, service('s1'))).json
  const [, , c, d] = spec.clusterIP.split('.').map(Number)
  t.true(spec.clusterIP.startsWith('10.96.') && c * 256 + d > 256, spec.clusterIP)
  t.deepEqual([spec.clusterIPs, spec.ipFamilies, spec.ipFamilyPolicy, spec.internalTrafficPolicy, spec.sessionAffinity, spec.type], [[spec.clusterIP], ['IPv4'], 'SingleStack', 'Cluster', 'None', 'ClusterIP'])
})

test('a given address is had once, and only from the range; its record names the Service (scenario 18)', async t => {
  t.is((await api.post(SERVICES, service('given', { clusterIP: '10.96.0.10' }))).code, 201)
  const twice = await api.post(SERVICES, service('given2', { clusterIP: '10.96.0.10' }))
  t.is(twice.code, 422)
  t.is(twice.json.details.causes[0].field, 'spec.clusterIPs')
  t.regex(twice.json.message, /failed to allocate IP 10\.96\.0\.10: provided IP is already allocated/)
  t.regex((await api.post(SERVICES, service('outside', { clusterIP: '10.99.0.1' }))).json.message, /not in the valid range\. The range of valid IPs is 10\.96\.0\.0\/16/)
  const record = (await api.get(`${ADDRESSES}/10.96.0.10`)).json
  t.deepEqual(record.spec.parentRef, { group: '', resource: 'services', namespace: 'default', name: 'given' })
  t.is((await lab.kubectl('get', 'ipaddress', '10.96.0.10', '--no-headers')).split(/\s+/)[1], 'services/default/given')
})

test('an address reserved by hand is nobody\'s', async t => {
  t.is((await api.post(ADDRESSES, { metadata: { name: '10.96.0.99' }, spec: { parentRef: { resource: 'gateways', namespace: 'default', name: 'g' } } })).code, 201)
  t.regex((await api.post(SERVICES, service('reserved', { clusterIP: '10.96.0.99' }))).json.message, /10\.96\.0\.99: provided IP is already allocated/)
})

test('node ports: taken, outside, any, and shared by the protocols of one port (scenario 19)', async t => {
  const ports = (nodePort: number) => ({ type: 'NodePort', ports: [{ port: 80, nodePort }] })
  t.is((await api.post(SERVICES, service('n1', ports(30080)))).code, 201)
  t.regex((await api.post(SERVICES, service('n2', ports(30080)))).json.message, /spec\.ports\[0\]\.nodePort: Invalid value: 30080: provided port is already allocated/)
  t.regex((await api.post(SERVICES, service('n3', ports(29999)))).json.message, /provided port is not in the valid range\. The range of valid ports is 30000-32767/)
  const any = (await api.post(SERVICES, service('n4', { type: 'NodePort' }))).json
  t.true(any.spec.ports[0].nodePort > 30085)
  const both = (await api.post(SERVICES, service('n5', { type: 'NodePort', ports: [{ name: 'a', port: 53, protocol: 'TCP' }, { name: 'b', port: 53, protocol: 'UDP' }] }))).json
  t.is(both.spec.ports[0].nodePort, both.spec.ports[1].nodePort)
})

test('what a PUT leaves out is kept, and the address may not change (scenario 20)', async t => {
  const made = (await api.post(SERVICES, service('kept', { type: 'NodePort' }))).json
  const put = (await api.put(`${SERVICES}/kept`, service('kept', { type: 'NodePort' }))).json
  t.deepEqual([put.spec.clusterIP, put.spec.ports[0].nodePort], [made.spec.clusterIP, made.spec.ports[0].nodePort])
  const other = await api.put(`${SERVICES}/kept`, { ...made, metadata: { name: 'kept' }, spec: { ...made.spec, clusterIP: '10.96.7.7' } })
  t.is(other.code, 422)
  t.regex(other.json.message, /spec\.clusterIPs\[0\]: .*may not change once set/)
})

test('a Service changes its type and takes and gives back what belongs to it (scenario 21)', async t => {
  const made = (await api.post(SERVICES, service('typed'))).json
  const change = async (spec: object) => (await api.patch(`${SERVICES}/typed`, 'merge', { spec })).json
  const node = await change({ type: 'NodePort' })
  const { nodePort } = node.spec.ports[0]
  t.truthy(nodePort)
  t.is((await change({ type: 'ClusterIP' })).spec.ports[0].nodePort, undefined)
  t.is((await api.post(SERVICES, service('reuser', { type: 'NodePort', ports: [{ port: 80, nodePort }] }))).code, 201)
  const external = await change({ type: 'ExternalName', externalName: 'example.org' })
  t.is(external.spec.clusterIP, undefined)
  t.is((await api.get(`${ADDRESSES}/${made.spec.clusterIP}`)).code, 404)
  t.truthy((await change({ type: 'ClusterIP', externalName: null })).spec.clusterIP)
})

test('a deleted Service gives its address and port back', async t => {
  const spec = { type: 'NodePort', clusterIP: '10.96.0.44', ports: [{ port: 80, nodePort: 30044 }] }
  for (let i = 0; i < 3; i += 1) {
    t.is((await api.post(SERVICES, service('passing', spec))).code, 201)
    const gone = (await api.delete(`${SERVICES}/passing`)).json
    t.is(gone.kind, 'Service')
    t.is((await api.get(`${ADDRESSES}/10.96.0.44`)).code, 404)
  }
})

test('a load balancer\'s health check port comes and goes with its policy; its status shows (scenario 22)', async t => {
  const made = (await api.post(SERVICES, service('lb', { type: 'LoadBalancer', externalTrafficPolicy: 'Local' }))).json
  t.true(made.spec.healthCheckNodePort >= 30000)
  const cluster = (await api.patch(`${SERVICES}/lb`, 'merge', { spec: { externalTrafficPolicy: 'Cluster' } })).json
  t.falsy(cluster.spec.healthCheckNodePort)
  t.regex(await lab.kubectl('get', 'svc', 'lb'), /<pending>/)
  const status = await api.put(`${SERVICES}/lb/status`, { ...cluster, status: { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } } })
  t.deepEqual(status.json.status.loadBalancer.ingress, [{ ip: '192.0.2.1', ipMode: 'VIP' }])
})

test('families: what one family can do and what it cannot (scenarios 23, 24)', async t => {
  t.regex((await api.post(SERVICES, service('d1', { ipFamilyPolicy: 'RequireDualStack' }))).json.message, /spec\.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services/)
  t.deepEqual((await api.post(SERVICES, service('d2', { ipFamilyPolicy: 'PreferDualStack' }))).json.spec.ipFamilies, ['IPv4'])
  const { spec } = (await api.post(SERVICES, { metadata: { name: 'd3' }, spec: { clusterIP: 'None' } })).json
  t.deepEqual([spec.clusterIPs, spec.ipFamilies, spec.ipFamilyPolicy], [['None'], ['IPv4', 'IPv6'], 'RequireDualStack'])
})

test('two ports need names, and kubectl says so (scenario 25)', async t => {
  const unnamed = await api.post(SERVICES, service('u', { ports: [{ port: 80 }, { port: 81 }] }))
  t.is(unnamed.code, 422)
  t.deepEqual(unnamed.json.details.causes.map((cause: any) => [cause.field, cause.reason]), [['spec.ports[0].name', 'FieldValueRequired'], ['spec.ports[1].name', 'FieldValueRequired']])
})

test('an address whose record was lost has one again after a start, and the Service an event that says so', async t => {
  await using own = await ApiServerLab.open()
  const made = await own.kubectl('create', 'service', 'clusterip', 'web', '--tcp=80', '-o', 'jsonpath={.spec.clusterIP}')
  await own.kubectl('delete', 'ipaddress', made)
  await own.stop()
  await own.start()
  t.is(await own.kubectl('get', 'ipaddress', made, '-o', 'jsonpath={.spec.parentRef.name}'), 'web')
  t.regex(await own.kubectl('get', 'events', '-o', 'jsonpath={.items[*].reason} {.items[*].involvedObject.name}'), /^IPAddressNotAllocated web$/)
})
