// Servers over a shared etcd: one view, no address or port given twice.

import test from 'ava'
import { ApiRequests } from '../../lab/api-request.ts'
import { ApiServerLab } from '../../lab/apiserver.ts'
import { EtcdLab, hasEtcd } from '../../lab/etcd.ts'

const withEtcd = hasEtcd() ? test.serial : test.serial.skip

withEtcd('two servers over one etcd show one state: what one writes, the other reads and watches', async t => {
  await using etcd = await EtcdLab.open()
  const flags = ['--etcd-servers', etcd.url]
  await using first = await ApiServerLab.open({ flags })
  await using second = await ApiServerLab.open({ flags: [...flags, '--advertise-address', '192.0.2.9'], beside: first })
  using a = new ApiRequests(first)
  using b = new ApiRequests(second)
  const from = (await b.get('/api/v1/namespaces/default/configmaps')).json.metadata.resourceVersion
  const seen = b.events(`/api/v1/namespaces/default/configmaps?watch=true&resourceVersion=${from}`, 20)
  for (let i = 0; i < 20; i += 1) {
    const made = await a.post('/api/v1/namespaces/default/configmaps', { metadata: { name: `c${i}` }, data: { i: String(i) } })
    t.is(made.code, 201)
    const read = (await b.get(`/api/v1/namespaces/default/configmaps/c${i}`)).json
    t.is(read.metadata.resourceVersion, made.json.metadata.resourceVersion)
    t.is((await b.get('/api/v1/namespaces/default/configmaps')).json.items.length, i + 1)
  }
  t.deepEqual((await seen).map(event => event.object.metadata.name), Array.from({ length: 20 }, (_, i) => `c${i}`))
  t.is((await b.patch('/api/v1/namespaces/default/configmaps/c0', 'merge', { data: { i: 'b' } })).code, 200)
  t.is((await a.get('/api/v1/namespaces/default/configmaps/c0')).json.data.i, 'b')
  const slice = (await b.get('/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes')).json
  t.deepEqual(slice.endpoints.map((endpoint: any) => endpoint.addresses[0]), ['192.0.2.1', '192.0.2.9'])
  const keys = Object.keys(await etcd.all('/registry/'))
  for (const key of ['/registry/configmaps/default/c0', '/registry/services/specs/default/kubernetes', '/registry/namespaces/default', '/registry/clusterroles/view']) t.true(keys.includes(key), key)
})

withEtcd('Services created through both at once never share an address or a node port', async t => {
  await using etcd = await EtcdLab.open()
  const flags = ['--etcd-servers', etcd.url, '--service-cluster-ip-range', '10.96.0.0/25', '--service-node-port-range', '30000-30099']
  await using first = await ApiServerLab.open({ flags })
  await using second = await ApiServerLab.open({ flags, beside: first })
  using a = new ApiRequests(first)
  using b = new ApiRequests(second)
  const codes = await Promise.all([a, b].flatMap((api, server) => Array.from({ length: 30 }, async (_, i) =>
    (await api.post('/api/v1/namespaces/default/services', { metadata: { name: `s${server}-${i}` }, spec: { type: 'NodePort', ports: [{ port: 80 }] } })).code)))
  t.deepEqual([...new Set(codes)], [201])
  const services: any[] = (await a.get('/api/v1/services')).json.items
  const addresses = services.map(service => service.spec.clusterIP)
  const ports = services.flatMap(service => service.spec.ports.flatMap((port: any) => port.nodePort ?? []))
  t.deepEqual([addresses.length, ports.length], [61, 60])
  t.is(new Set(addresses).size, addresses.length)
  t.is(new Set(ports).size, ports.length)
  const [gone] = services.filter(service => service.metadata.name === 's0-0')
  await b.delete('/api/v1/namespaces/default/services/s0-0')
  const again = await a.post('/api/v1/namespaces/default/services', { metadata: { name: 'again' }, spec: { type: 'NodePort', clusterIP: gone.spec.clusterIP, ports: [{ port: 80, nodePort: gone.spec.ports[0].nodePort }] } })
  t.is(again.code, 201, again.text)
  t.is((await b.post('/api/v1/namespaces/default/services', { metadata: { name: 'taken' }, spec: { clusterIP: gone.spec.clusterIP, ports: [{ port: 80 }] } })).code, 422)
})

withEtcd('a server that loses etcd says so, and goes on when it returns', async t => {
  await using etcd = await EtcdLab.open()
  await using lab = await ApiServerLab.open({ flags: ['--etcd-servers', etcd.url] })
  using api = new ApiRequests(lab)
  t.is((await api.post('/api/v1/namespaces/default/configmaps', { metadata: { name: 'before' } })).code, 201)
  await etcd.stop()
  const lost = await api.post('/api/v1/namespaces/default/configmaps', { metadata: { name: 'during' } })
  t.is(lost.code, 503)
  t.is((await api.get('/livez')).code, 500)
  await etcd.start()
  const deadline = Date.now() + 30_000
  for (;;) {
    const made = await api.post('/api/v1/namespaces/default/configmaps', { metadata: { name: 'after' } })
    if (made.code === 201) break
    if (Date.now() > deadline) return t.fail(`it did not recover: ${made.text}`)
    await new Promise(resolve => setTimeout(resolve, 200))
  }
  t.is((await api.get('/api/v1/namespaces/default/configmaps/before')).code, 200)
  const [event] = await api.events('/api/v1/namespaces/default/configmaps?watch=true&resourceVersion=0&fieldSelector=metadata.name%3Dafter', 1)
  t.is(event!.type, 'ADDED')
})
