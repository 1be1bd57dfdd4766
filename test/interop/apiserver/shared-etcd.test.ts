// A cluster that outgrows this API server keeps its objects: the real kube-apiserver, started on the same etcd, reads
// and changes what was written here, and the other way round. Needs the peer "kube-apiserver-1.36.3" (docs/peers.md).

import test from 'ava'
import { ApiRequests } from '../../lab/api-request.ts'
import { ApiServerLab } from '../../lab/apiserver.ts'
import { EtcdLab, hasEtcd } from '../../lab/etcd.ts'
import { findPeer, missingPeer } from '../../peers/cache.ts'

const PEER = 'kube-apiserver-1.36.3'
const program = findPeer(PEER)
const READY_MS = 90_000

const interop = program === undefined || !hasEtcd() ? test.skip : test
interop(program === undefined ? missingPeer(PEER) : 'kube-apiserver 1.36 serves every object that was written here, and what it writes is served here', async t => {
  t.timeout(240_000)
  await using etcd = await EtcdLab.open()
  await using lab = await ApiServerLab.open({ flags: ['--etcd-servers', etcd.url] })
  using ours = new ApiRequests(lab)
  const template = { metadata: { labels: { app: 'x' } }, spec: { containers: [{ name: 'c', image: 'nginx', ports: [{ containerPort: 80 }] }] } }
  const selector = { matchLabels: { app: 'x' } }
  const made: readonly (readonly [path: string, object: any])[] = [
    ['/api/v1/namespaces/default/configmaps', { metadata: { name: 'x' }, data: { a: 'b' } }],
    ['/api/v1/namespaces/default/secrets', { metadata: { name: 'x' }, stringData: { a: 'b' } }],
    ['/api/v1/namespaces/default/services', { metadata: { name: 'x' }, spec: { type: 'NodePort', selector: { app: 'x' }, ports: [{ port: 80 }] } }],
    ['/api/v1/namespaces/default/pods', { metadata: { name: 'x' }, spec: template.spec }],
    ['/api/v1/nodes', { metadata: { name: 'x' } }],
    ['/api/v1/namespaces/default/persistentvolumeclaims', { metadata: { name: 'x' }, spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } }],
    ['/api/v1/namespaces/default/events', { metadata: { name: 'x' }, involvedObject: { kind: 'Pod', name: 'x', namespace: 'default' }, reason: 'r', message: 'm' }],
    ['/apis/apps/v1/namespaces/default/deployments', { metadata: { name: 'x' }, spec: { selector, template } }],
    ['/apis/apps/v1/namespaces/default/daemonsets', { metadata: { name: 'x' }, spec: { selector, template } }],
    ['/apis/apps/v1/namespaces/default/statefulsets', { metadata: { name: 'x' }, spec: { selector, template, serviceName: 'x' } }],
    ['/apis/batch/v1/namespaces/default/jobs', { metadata: { name: 'x' }, spec: { template: { spec: { ...template.spec, restartPolicy: 'Never' } } } }],
    ['/apis/discovery.k8s.io/v1/namespaces/default/endpointslices', { metadata: { name: 'x' }, addressType: 'IPv4', endpoints: [{ addresses: ['192.0.2.7'] }], ports: [{ port: 80 }] }],
    ['/apis/networking.k8s.io/v1/namespaces/default/networkpolicies', { metadata: { name: 'x' }, spec: { podSelector: {} } }],
    ['/apis/networking.k8s.io/v1/namespaces/default/ingresses', { metadata: { name: 'x' }, spec: { defaultBackend: { service: { name: 'x', port: { number: 80 } } } } }],
    ['/apis/coordination.k8s.io/v1/namespaces/default/leases', { metadata: { name: 'x' }, spec: { holderIdentity: 'x', leaseDurationSeconds: 10 } }],
    ['/apis/policy/v1/namespaces/default/poddisruptionbudgets', { metadata: { name: 'x' }, spec: { minAvailable: 1, selector } }],
    ['/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles', { metadata: { name: 'x' }, rules: [{ verbs: ['get'], apiGroups: [''], resources: ['pods'] }] }],
    ['/apis/storage.k8s.io/v1/storageclasses', { metadata: { name: 'x' }, provisioner: 'example.org/x' }],
    ['/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers', { metadata: { name: 'x' }, spec: { maxReplicas: 3, targetCPUUtilizationPercentage: 50, scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'x' } } }],
    ['/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
      metadata: { name: 'widgets.example.org' },
      spec: { group: 'example.org', scope: 'Namespaced', names: { plural: 'widgets', kind: 'Widget', singular: 'widget', listKind: 'WidgetList' }, versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } } }] },
    }],
  ]
  for (const [path, object] of made) {
    const answer = await ours.post(path, object)
    t.is(answer.code, 201, `${path}: ${answer.text}`)
  }
  await using upstream = await ApiServerLab.open({
    beside: lab, upstream: { program: program!, etcdUrl: etcd.url }, readyTimeoutMs: READY_MS, flags: ['--service-cluster-ip-range', '10.96.0.0/16'],
  })
  using theirs = new ApiRequests(upstream)
  for (const [path, object] of made) {
    const one = `${path}/${object.metadata.name}`
    const [here, there] = [await ours.get(one), await theirs.get(one)]
    t.is(there.code, 200, `${one}: ${there.text}`)
    for (const field of ['uid', 'name', 'namespace', 'creationTimestamp', 'generation', 'labels']) t.deepEqual(there.json?.metadata[field], here.json.metadata[field], `${one}: metadata.${field}`)
    const changed = await theirs.patch(one, 'merge', { metadata: { labels: { touched: 'upstream' } } })
    t.is(changed.code, 200, `${one}: ${changed.text}`)
    const back = await ours.get(one)
    t.is(back.code, 200, `${one} after upstream wrote it: ${back.text}`)
    t.is(back.json.metadata.labels.touched, 'upstream', one)
    t.is(back.json.metadata.resourceVersion, changed.json.metadata.resourceVersion)
    const again = await ours.patch(one, 'merge', { metadata: { labels: { touched: 'weft' } } })
    t.is(again.code, 200, `${one}: ${again.text}`)
    t.is((await theirs.get(one)).json.metadata.labels.touched, 'weft', one)
  }
})
