// Creating, replacing, patching and deleting over the wire.

import test from 'ava'
import { ApiRequests } from '../../lab/api-request.ts'
import { ApiServerLab } from '../../lab/apiserver.ts'

const lab = await ApiServerLab.open()
const api = new ApiRequests(lab)
test.after.always(async () => {
  api[Symbol.dispose]()
  await lab[Symbol.asyncDispose]()
})

const namespace = async (name: string): Promise<string> => {
  await api.post('/api/v1/namespaces', { metadata: { name } })
  return `/api/v1/namespaces/${name}`
}
const container = { name: 'c', image: 'nginx' }
const deployment = (name: string) => ({
  metadata: { name }, spec: { replicas: 2, selector: { matchLabels: { app: name } }, template: { metadata: { labels: { app: name } }, spec: { containers: [container] } } },
})

test('a stale version, another uid and a stated version on create are refused (scenarios 32, 33)', async t => {
  const ns = await namespace('concurrency')
  const made = (await api.post(`${ns}/configmaps`, { metadata: { name: 'c' }, data: { a: '1' } })).json
  await api.patch(`${ns}/configmaps/c`, 'merge', { data: { a: '2' } })
  const stale = await api.put(`${ns}/configmaps/c`, made)
  t.is(stale.code, 409)
  t.is(stale.json.message, 'Operation cannot be fulfilled on configmaps "c": the object has been modified; please apply your changes to the latest version and try again')
  t.is((await api.put(`${ns}/configmaps/c`, { metadata: { name: 'c' }, data: { a: '3' } })).code, 200)
  const other = await api.put(`${ns}/configmaps/c`, { metadata: { name: 'c', uid: '00000000-0000-0000-0000-000000000000' } })
  t.is(other.code, 409)
  t.regex(other.json.message, /Precondition failed: UID in precondition: 0{8}-/)
  const versioned = await api.post(`${ns}/configmaps`, { metadata: { name: 'd', resourceVersion: '5' } })
  t.is(versioned.code, 500)
  t.is(versioned.json.message, 'resourceVersion should not be set on objects to be created')
  const lease = await api.post('/apis/coordination.k8s.io/v1/namespaces/concurrency/leases', { metadata: { name: 'l' }, spec: { holderIdentity: 'a' } })
  t.is(lease.code, 201)
  t.is((await api.put('/apis/coordination.k8s.io/v1/namespaces/concurrency/leases/l', { metadata: { name: 'l' }, spec: { holderIdentity: 'b' } })).code, 422)
})

test('of concurrent patches without a version none is lost', async t => {
  const ns = await namespace('patches')
  await api.post(`${ns}/configmaps`, { metadata: { name: 'c' } })
  const codes = await Promise.all(Array.from({ length: 40 }, async (_, i) => (await api.patch(`${ns}/configmaps/c`, 'merge', { data: { [`k${i}`]: 'v' } })).code))
  t.deepEqual([...new Set(codes)], [200])
  t.is(Object.keys((await api.get(`${ns}/configmaps/c`)).json.data).length, 40)
})

test('writing the same again changes nothing and tells nobody', async t => {
  const ns = await namespace('same')
  const made = (await api.post(`${ns}/configmaps`, { metadata: { name: 'c' }, data: { a: '1' } })).json
  t.is((await api.put(`${ns}/configmaps/c`, { metadata: { name: 'c' }, data: { a: '1' } })).json.metadata.resourceVersion, made.metadata.resourceVersion)
  t.is((await api.patch(`${ns}/configmaps/c`, 'merge', { data: { a: '1' } })).json.metadata.resourceVersion, made.metadata.resourceVersion)
})

test('names are generated, required, and must agree with the URL (scenario 37)', async t => {
  const ns = await namespace('names')
  const made = (await api.post(`${ns}/configmaps`, { metadata: { generateName: 'x-' } })).json
  t.regex(made.metadata.name, /^x-[bcdfghjklmnpqrstvwxz2456789]{5}$/)
  const nameless = await api.post(`${ns}/configmaps`, { metadata: {} })
  t.is(nameless.code, 422)
  t.regex(nameless.json.message, /metadata\.name: Required value: name or generateName is required/)
  const bad = await api.post(`${ns}/configmaps`, { metadata: { name: 'A_b' } })
  t.is(bad.code, 422)
  t.is((await api.put(`${ns}/configmaps/c`, { metadata: { name: 'd' } })).code, 400)
  t.is((await api.post(`${ns}/configmaps`, { metadata: { name: 'c', namespace: 'default' } })).code, 400)
  const twice = await api.post(`${ns}/configmaps`, { metadata: { name: made.metadata.name } })
  t.deepEqual([twice.code, twice.json.reason], [409, 'AlreadyExists'])
  const lost = await api.post('/api/v1/namespaces/nowhere/configmaps', { metadata: { name: 'c' } })
  t.is(lost.code, 404)
  t.is(lost.json.message, 'namespaces "nowhere" not found')
})

test('the three patch types do what they say (scenarios 34, 35)', async t => {
  const ns = await namespace('patching')
  await api.post(`${ns}/configmaps`, { metadata: { name: 'c', finalizers: ['x/y'] }, data: { a: '1', b: '2' } })
  const failing = await api.patch(`${ns}/configmaps/c`, 'json', [{ op: 'test', path: '/data/a', value: 'x' }])
  t.is(failing.code, 422)
  t.is((await api.patch(`${ns}/configmaps/c`, 'json', Array.from({ length: 10_001 }, () => ({ op: 'test', path: '/data/a', value: '1' })))).code, 413)
  t.deepEqual((await api.patch(`${ns}/configmaps/c`, 'merge', { data: { a: null } })).json.data, { b: '2' })
  t.deepEqual((await api.patch(`${ns}/configmaps/c`, 'strategic-merge', { metadata: { finalizers: ['a/b'] } })).json.metadata.finalizers.sort(), ['a/b', 'x/y'])
  await api.post('/apis/apps/v1/namespaces/patching/deployments', deployment('d'))
  const recreated = await api.patch('/apis/apps/v1/namespaces/patching/deployments/d', 'strategic-merge', { spec: { strategy: { $retainKeys: ['type'], type: 'Recreate' } } })
  t.deepEqual(recreated.json.spec.strategy, { type: 'Recreate' })
  const unknown = await api.send('PATCH', `${ns}/configmaps/c`, { body: '{}', headers: { 'content-type': 'text/plain' } })
  t.is(unknown.code, 415)
  const forced = await api.patch(`${ns}/configmaps/c?force=true`, 'merge', {})
  t.is(forced.code, 422)
  t.regex(forced.json.message, /force: Forbidden: may not be specified for non-apply patch/)
  t.is((await api.patch(`${ns}/configmaps/none`, 'merge', {})).code, 404)
})

test('an object with finalizers is marked, and leaves with the last of them (scenario 39)', async t => {
  const ns = await namespace('finalizers')
  const made = (await api.post(`${ns}/configmaps`, { metadata: { name: 'c', finalizers: ['x/y'] } })).json
  const marked = await api.delete(`${ns}/configmaps/c`)
  t.is(marked.code, 200)
  t.truthy(marked.json.metadata.deletionTimestamp)
  const more = await api.patch(`${ns}/configmaps/c`, 'merge', { metadata: { finalizers: ['x/y', 'x/z'] } })
  t.is(more.code, 422)
  t.regex(more.json.message, /no new finalizers can be added if the object is being deleted/)
  t.is((await api.patch(`${ns}/configmaps/c`, 'merge', { metadata: { finalizers: [] } })).code, 200)
  t.is((await api.get(`${ns}/configmaps/c`)).code, 404)
  const events = await api.events(`${ns}/configmaps?watch=true&resourceVersion=${made.metadata.resourceVersion}`, 2)
  t.deepEqual(events.map(event => event.type), ['MODIFIED', 'DELETED'])
})

test('preconditions and policies of a delete are checked, and its answer names the uid (scenarios 40, 43)', async t => {
  const ns = await namespace('deleting')
  const made = (await api.post(`${ns}/configmaps`, { metadata: { name: 'c' } })).json
  t.is((await api.delete(`${ns}/configmaps/c`, { preconditions: { uid: 'other' } })).code, 409)
  const policy = await api.delete(`${ns}/configmaps/c?propagationPolicy=Foo`)
  t.is(policy.code, 422)
  t.regex(policy.json.message, /propagationPolicy: Unsupported value: "Foo": supported values: "Foreground", "Background", "Orphan", "nil"/)
  t.is((await api.delete(`${ns}/configmaps/c`, { orphanDependents: true, propagationPolicy: 'Orphan' })).code, 422)
  const gone = (await api.delete(`${ns}/configmaps/c`, { propagationPolicy: 'Background' })).json
  t.deepEqual([gone.kind, gone.status, gone.details], ['Status', 'Success', { name: 'c', kind: 'configmaps', uid: made.metadata.uid }])
  t.is((await api.delete(`${ns}/configmaps/c`)).code, 404)
})

test('a pod on a node goes with grace, which may be shortened only; one without a node goes at once (scenario 41)', async t => {
  const ns = await namespace('grace')
  await api.post(`${ns}/pods`, { metadata: { name: 'p' }, spec: { containers: [container] } })
  await api.post(`${ns}/pods/p/binding`, { target: { kind: 'Node', name: 'n1' } })
  const marked = (await api.delete(`${ns}/pods/p`)).json
  t.is(marked.metadata.deletionGracePeriodSeconds, 30)
  const inSeconds = (Date.parse(marked.metadata.deletionTimestamp) - Date.now()) / 1000
  t.true(inSeconds > 27 && inSeconds < 32, `deleted in ${inSeconds} s`)
  t.is((await api.delete(`${ns}/pods/p`, { gracePeriodSeconds: 5 })).json.metadata.deletionGracePeriodSeconds, 5)
  t.is((await api.delete(`${ns}/pods/p`, { gracePeriodSeconds: 60 })).json.metadata.deletionGracePeriodSeconds, 5)
  t.is((await api.delete(`${ns}/pods/p`, { gracePeriodSeconds: 0 })).json.kind, 'Pod')
  t.is((await api.get(`${ns}/pods/p`)).code, 404)
  await api.post(`${ns}/pods`, { metadata: { name: 'q' }, spec: { containers: [container] } })
  await api.delete(`${ns}/pods/q`)
  t.is((await api.get(`${ns}/pods/q`)).code, 404)
})

test('a collection is deleted by selector, and what was deleted is listed (scenario 44)', async t => {
  const ns = await namespace('collection')
  for (const [name, a] of [['x', 'b'], ['y', 'b'], ['z', 'c']]) await api.post(`${ns}/configmaps`, { metadata: { name, labels: { a } } })
  const gone = (await api.delete(`${ns}/configmaps?labelSelector=a%3Db`)).json
  t.deepEqual([gone.kind, gone.items.map((item: any) => item.metadata.name)], ['ConfigMapList', ['x', 'y']])
  t.deepEqual((await api.get(`${ns}/configmaps`)).json.items.map((item: any) => item.metadata.name), ['z'])
})

test('nothing is created in a namespace that is going, and the system\'s own stay (scenario 38)', async t => {
  const ns = await namespace('going')
  const going = await api.delete(ns)
  t.is(going.json.status.phase, 'Terminating')
  const refused = await api.post(`${ns}/configmaps`, { metadata: { name: 'c' } })
  t.is(refused.code, 403)
  t.is(refused.json.message, 'configmaps "c" is forbidden: unable to create new content in namespace going because it is being terminated')
  t.is(refused.json.details.causes[0].reason, 'NamespaceTerminating')
  t.is((await api.delete('/api/v1/namespaces/default')).code, 403)
  const finalized = await api.put(`${ns}/finalize`, { ...going.json, spec: { finalizers: [] } })
  t.is(finalized.code, 200)
  t.is((await api.get(ns)).code, 404)
})

test('the scale of a workload is read and written by itself (scenario 16)', async t => {
  await namespace('scaling')
  const path = '/apis/apps/v1/namespaces/scaling/deployments'
  await api.post(path, deployment('web'))
  const scale = (await api.get(`${path}/web/scale`)).json
  t.deepEqual([scale.kind, scale.spec.replicas, scale.status.selector], ['Scale', 2, 'app=web'])
  t.is((await api.patch(`${path}/web/scale`, 'merge', { spec: { replicas: 5 } })).json.spec.replicas, 5)
  t.is((await api.put(`${path}/web/scale`, { ...scale, spec: { replicas: 1 } })).code, 409)
  const changed = (await api.get(`${path}/web`)).json
  t.deepEqual([changed.spec.replicas, changed.metadata.generation], [5, 2])
})

test('status and spec are written apart (scenario 70)', async t => {
  t.is((await api.post('/api/v1/nodes', { metadata: { name: 'n1' }, status: { capacity: { cpu: '1' } } })).code, 201)
  const node = (await api.get('/api/v1/nodes/n1')).json
  t.true(Object.keys(node.metadata.annotations).length > 0)
  t.is(node.spec.taints[0].key, 'node.kubernetes.io/not-ready')
  const patched = await api.patch('/api/v1/nodes/n1/status', 'strategic-merge', {
    metadata: { annotations: { 'flannel.alpha.coreos.com/public-ip': '192.0.2.1' } }, spec: { unschedulable: true },
    status: { conditions: [{ type: 'NetworkUnavailable', status: 'False' }] },
  })
  t.is(patched.code, 200, patched.text)
  const both = await api.patch('/api/v1/nodes/n1/status', 'strategic-merge', { status: { conditions: [{ type: 'Ready', status: 'True' }] } })
  t.deepEqual(both.json.status.conditions.map((condition: any) => condition.type).sort(), ['NetworkUnavailable', 'Ready'])
  t.is(both.json.metadata.annotations['flannel.alpha.coreos.com/public-ip'], '192.0.2.1')
  t.is(both.json.spec.unschedulable, undefined)
  const once = await api.patch('/api/v1/nodes/n1', 'merge', { spec: { podCIDR: '10.244.0.0/24', podCIDRs: ['10.244.0.0/24'] } })
  t.is(once.code, 200)
  const twice = await api.patch('/api/v1/nodes/n1', 'merge', { spec: { podCIDR: '10.244.1.0/24', podCIDRs: ['10.244.1.0/24'] } })
  t.is(twice.code, 422)
  t.regex(twice.json.message, /node updates may not change podCIDR except from "" to valid/)
})

test('what is too large is refused (scenario 84)', async t => {
  const ns = await namespace('limits')
  const huge = await api.post(`${ns}/configmaps`, Buffer.alloc(3 * 1024 * 1024 + 1, ' '))
  t.is(huge.code, 413)
  t.is(huge.json.message, 'Request entity too large: limit is 3145728')
  const annotated = await api.post(`${ns}/configmaps`, { metadata: { name: 'c', annotations: { a: 'x'.repeat(300 * 1024) } } })
  t.is(annotated.code, 422)
  t.regex(annotated.json.message, /Too long/)
})

test('a dry run tells what would be and leaves nothing behind (scenario 78)', async t => {
  const ns = await namespace('dry')
  const made = await api.post(`${ns}/configmaps?dryRun=All`, { metadata: { name: 'c' } })
  t.is(made.code, 201)
  t.truthy(made.json.metadata.uid)
  t.is((await api.get(`${ns}/configmaps/c`)).code, 404)
  t.is((await api.post(`${ns}/services?dryRun=All`, { metadata: { name: 's' }, spec: { clusterIP: '10.96.0.77', ports: [{ port: 80 }] } })).code, 201)
  t.is((await api.post(`${ns}/services`, { metadata: { name: 's2' }, spec: { clusterIP: '10.96.0.77', ports: [{ port: 80 }] } })).code, 201)
  const other = await api.post(`${ns}/configmaps?dryRun=Some`, { metadata: { name: 'c' } })
  t.is(other.code, 422)
  t.regex(other.json.message, /dryRun: Unsupported value: \["Some"\]: supported values: "All"/)
  await api.post(`${ns}/configmaps`, { metadata: { name: 'kept' }, data: { a: '1' } })
  t.is((await api.patch(`${ns}/configmaps/kept?dryRun=All`, 'merge', { data: { a: '2' } })).json.data.a, '2')
  t.is((await api.delete(`${ns}/configmaps/kept?dryRun=All`)).code, 200)
  t.is((await api.get(`${ns}/configmaps/kept`)).json.data.a, '1')
})

test('an eviction asks the pod\'s budget (scenario 62)', async t => {
  const ns = await namespace('evicting')
  await api.post(`${ns}/pods`, { metadata: { name: 'p', labels: { app: 'a' } }, spec: { containers: [container] } })
  await api.post(`${ns}/pods/p/binding`, { target: { kind: 'Node', name: 'n1' } })
  await api.patch(`${ns}/pods/p/status`, 'merge', { status: { phase: 'Running' } })
  const budgets = '/apis/policy/v1/namespaces/evicting/poddisruptionbudgets'
  t.is((await api.post(budgets, { metadata: { name: 'b' }, spec: { minAvailable: '100%', selector: { matchLabels: { app: 'a' } } } })).code, 201)
  const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'p' } }
  const refused = await api.post(`${ns}/pods/p/eviction`, eviction)
  t.is(refused.code, 429)
  t.is(refused.json.message, 'Cannot evict pod as it would violate the pod\'s disruption budget.')
  t.truthy(refused.headers['retry-after'])
  await api.delete(`${budgets}/b`)
  t.is((await api.post(`${ns}/pods/p/eviction`, { ...eviction, apiVersion: 'policy/v2' })).code, 400)
  t.is((await api.post(`${ns}/pods/p/eviction`, { ...eviction, apiVersion: 'policy/v1beta1' })).code, 201)
  t.truthy((await api.get(`${ns}/pods/p`)).json.metadata.deletionTimestamp)
})
