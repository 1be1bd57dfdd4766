// Rules of single kinds that users meet: pods, nodes, slices, policies; what kubectl describe shows; bookmarks.

import test from 'ava'
import { ApiRequests } from '../../lab/api-request.ts'
import { ApiServerLab } from '../../lab/apiserver.ts'

const CORE = '/api/v1/namespaces/default'
let lab: ApiServerLab
let api: ApiRequests
test.before(async () => {
  lab = await ApiServerLab.open()
  api = new ApiRequests(lab)
})
test.after.always(async () => {
  api[Symbol.dispose]()
  await lab[Symbol.asyncDispose]()
})

test('a pod gets its defaults, its account\'s token and the tolerations of failed nodes (scenario 68)', async t => {
  const { json: { spec, status } } = await api.post(`${CORE}/pods`, { metadata: { name: 'plain' }, spec: { containers: [{ name: 'a', image: 'a:latest' }, { name: 'b', image: 'b:1' }] } })
  t.like(spec, { restartPolicy: 'Always', dnsPolicy: 'ClusterFirst', schedulerName: 'default-scheduler', terminationGracePeriodSeconds: 30, serviceAccountName: 'default', priority: 0 })
  t.deepEqual(spec.containers.map((container: any) => container.imagePullPolicy), ['Always', 'IfNotPresent'])
  t.regex(spec.volumes[0].name, /^kube-api-access-[a-z0-9]{5}$/)
  for (const { volumeMounts } of spec.containers) t.like(volumeMounts[0], { name: spec.volumes[0].name, mountPath: '/var/run/secrets/kubernetes.io/serviceaccount', readOnly: true })
  t.deepEqual(spec.tolerations.map(({ key, tolerationSeconds }: any) => [key, tolerationSeconds]), [['node.kubernetes.io/not-ready', 300], ['node.kubernetes.io/unreachable', 300]])
  t.like(status, { phase: 'Pending', qosClass: 'BestEffort' })
})

test('a node is tainted, annotated, and keeps the pod CIDR that it was given (scenario 69)', async t => {
  const made = await api.post('/api/v1/nodes', { metadata: { name: 'n69' } })
  t.is(made.code, 201)
  t.true(made.json.spec.taints.some((taint: any) => taint.key === 'node.kubernetes.io/not-ready' && taint.effect === 'NoSchedule'))
  t.true(Object.keys(made.json.metadata.annotations).length > 0)
  const give = (cidrs: readonly string[]) => api.patch('/api/v1/nodes/n69', 'strategic-merge', { spec: { podCIDR: cidrs[0], podCIDRs: cidrs } })
  t.is((await give(['10.1.0.0/24', '10.2.0.0/24'])).code, 422)
  t.is((await give(['10.1.0.0/24'])).code, 200)
  const other = await api.patch('/api/v1/nodes/n69', 'merge', { spec: { podCIDR: '10.2.0.0/24', podCIDRs: ['10.2.0.0/24'] } })
  t.is(other.code, 422)
  t.regex(other.json.message, /node updates may not change podCIDR except from "" to valid/)
})

test('slices are held to one family, to their size and to usable addresses (scenario 71)', async t => {
  const path = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices'
  const slice = (name: string, addresses: readonly string[], more: object = {}) => ({ metadata: { name }, addressType: 'IPv4', ports: [{ port: 80 }], endpoints: [{ addresses }], ...more })
  const bad = async (name: string, addresses: readonly string[], wanted: RegExp): Promise<void> => {
    const { code, json } = await api.post(path, slice(name, addresses))
    t.is(code, 422, name)
    t.regex(json.message, wanted)
  }
  await bad('many', Array.from({ length: 101 }, (_, i) => `10.0.0.${i}`), /endpoints\[0\]\.addresses: Too many: 101: must have at most 100 items/)
  await bad('six', ['fd00::1'], /must be an IPv4 address/)
  await bad('loop', ['127.0.0.1'], /may not be in the loopback range/)
  const made = await api.post(path, slice('good', ['10.0.0.1']))
  t.is(made.code, 201, made.text)
  t.is(made.json.endpoints[0].conditions?.ready, undefined)
  const type = await api.patch(`${path}/good`, 'merge', { addressType: 'IPv6', endpoints: [] })
  t.regex(type.json.message, /addressType: Invalid value: "IPv6": field is immutable/)
  const annotated = await api.patch(`${path}/good`, 'merge', { metadata: { annotations: { a: 'b' } } })
  t.is(annotated.json.metadata.generation, made.json.metadata.generation)
  const changed = await api.patch(`${path}/good`, 'merge', { endpoints: [{ addresses: ['10.0.0.2'] }] })
  t.is(changed.json.metadata.generation, made.json.metadata.generation + 1)
})

test('policies name their peers and ports, have types, and print their selector (scenario 72)', async t => {
  const path = '/apis/networking.k8s.io/v1/namespaces/default/networkpolicies'
  const policy = (name: string, spec: object) => api.post(path, { metadata: { name }, spec: { podSelector: {}, ...spec } })
  t.regex((await policy('peer', { ingress: [{ from: [{}] }] })).json.message, /must specify a peer/)
  const ends = await policy('ends', { ingress: [{ ports: [{ port: 80, endPort: 79 }] }] })
  t.is(ends.code, 422)
  t.regex(ends.json.message, /must be greater than or equal to `port`/)
  t.deepEqual((await policy('all', {})).json.spec.policyTypes, ['Ingress'])
  t.deepEqual((await policy('some', { podSelector: { matchLabels: { app: 'web' } }, egress: [{}] })).json.spec.policyTypes, ['Ingress', 'Egress'])
  const table = await lab.kubectl('get', 'netpol')
  t.regex(table, /POD-SELECTOR/)
  t.regex(table, /all\s+<none>/)
  t.regex(table, /some\s+app=web/)
})

test('kubectl describe shows a Service with its endpoints, and a node with its pods and its lease (scenario 59)', async t => {
  await lab.kubectl('create', 'service', 'clusterip', 's59', '--tcp=80:8080')
  await api.post('/apis/discovery.k8s.io/v1/namespaces/default/endpointslices', {
    metadata: { name: 's59-a', labels: { 'kubernetes.io/service-name': 's59' } }, addressType: 'IPv4', ports: [{ name: '80-8080', port: 8080, protocol: 'TCP' }], endpoints: [{ addresses: ['10.0.0.7'] }],
  })
  const service = await lab.kubectl('describe', 'svc', 's59')
  t.regex(service, /Endpoints:\s+10\.0\.0\.7:8080/)
  t.regex(service, /IP Family Policy:\s+SingleStack/)
  t.regex(service, /Events:\s+<none>/)
  await api.post('/api/v1/nodes', { metadata: { name: 'n59' } })
  await api.post(`${CORE}/pods`, { metadata: { name: 'on-n59' }, spec: { nodeName: 'n59', containers: [{ name: 'a', image: 'a' }] } })
  await api.post('/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases', { metadata: { name: 'n59' }, spec: { holderIdentity: 'holder-of-n59', leaseDurationSeconds: 40 } })
  const node = await lab.kubectl('describe', 'node', 'n59')
  t.regex(node, /HolderIdentity:\s+holder-of-n59/)
  t.regex(node, /default\s+on-n59/)
})

test('an idle watch is told how far the store has come, and goes on from there (scenario 53)', async t => {
  const from = Number((await api.get('/api/v1/nodes')).json.metadata.resourceVersion)
  const idle = '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases'
  const bookmarks: number[] = []
  const watching = (async () => {
    for await (const { type, object } of api.watch(`${idle}?watch=true&allowWatchBookmarks=true&resourceVersion=${from}&timeoutSeconds=5`)) {
      if (type === 'BOOKMARK') bookmarks.push(Number(object.metadata.resourceVersion))
    }
  })()
  let written = 0
  for (let i = 0; i < 5; i += 1) written = Number((await api.post(`${CORE}/configmaps`, { metadata: { name: `bookmark-${i}` } })).json.metadata.resourceVersion)
  await watching
  t.true(bookmarks.length > 0)
  t.true(bookmarks.at(-1)! >= written)
  const resumed = api.events(`${idle}?watch=true&resourceVersion=${bookmarks.at(-1)}`, 1)
  await api.post(idle, { metadata: { name: 'later' }, spec: { holderIdentity: 'x', leaseDurationSeconds: 10 } })
  t.is((await resumed)[0]!.object.metadata.name, 'later')
})
