// A cluster that outgrows this API server keeps its objects: the real kube-apiserver, started on the same etcd, reads
// and changes what was written here, and the other way round. Needs the peer "kube-apiserver-1.36.3" (docs/peers.md).

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import test from 'ava'
import { ApiRequests } from '../../lab/api-request.ts'
import { ApiServerLab } from '../../lab/apiserver.ts'
import { EtcdLab, hasEtcd } from '../../lab/etcd.ts'
import { findPeer, missingPeer } from '../../peers/cache.ts'

const PEER = 'kube-apiserver-1.36.3'
const program = findPeer(PEER)
/** Kinds without types of their own here: what upstream writes of them is refused with the way out (docs/api-server.md). */
const STORED_AS_PROTOBUF_ONLY = ['storageclasses', 'horizontalpodautoscalers'] as const
const READY_MS = 90_000

/** The upstream server with the laboratory's certificates, beside the laboratory's own server. */
class Upstream implements AsyncDisposable {
  readonly port: number
  readonly #process: ChildProcess
  log = ''

  static async open(lab: ApiServerLab, etcdUrl: string): Promise<Upstream> {
    const port = await freePort()
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', program!,
      '--etcd-servers', etcdUrl, '--bind-address', '127.0.0.1', '--secure-port', String(port), '--advertise-address', '192.0.2.2',
      '--tls-cert-file', lab.path('server.crt'), '--tls-private-key-file', lab.path('server.key'), '--client-ca-file', lab.path('ca.crt'),
      '--service-account-signing-key-file', lab.path('sa.key'), '--service-account-key-file', lab.path('sa.pub'),
      '--service-account-issuer', 'https://kubernetes.default.svc.cluster.local', '--service-cluster-ip-range', '10.96.0.0/16', '--authorization-mode', 'RBAC',
    ], { stdio: ['ignore', 'ignore', 'pipe'] })
    const upstream = new Upstream(port, child)
    child.stderr.setEncoding('utf8').on('data', (text: string) => (upstream.log += text))
    return upstream
  }

  private constructor(port: number, process: ChildProcess) {
    this.port = port
    this.#process = process
  }

  async ready(api: ApiRequests): Promise<void> {
    const deadline = Date.now() + READY_MS
    for (;;) {
      const answer = await api.get('/readyz').catch(() => undefined)
      if (answer?.code === 200) return
      if (this.#process.exitCode !== null || Date.now() > deadline) throw new Error(`kube-apiserver is not ready: ${answer?.text}\n${this.log.slice(-3000)}`)
      await new Promise(resolve => setTimeout(resolve, 200))
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      const ended = once(this.#process, 'exit')
      this.#process.kill('SIGKILL')
      await ended
    }
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

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
  await using upstream = await Upstream.open(lab, etcd.url)
  using theirs = new ApiRequests({ authority: lab.authority, port: upstream.port, admin: lab.admin } as ApiServerLab)
  await upstream.ready(theirs)
  for (const [path, object] of made) {
    const one = `${path}/${object.metadata.name}`
    const [here, there] = [await ours.get(one), await theirs.get(one)]
    t.is(there.code, 200, `${one}: ${there.text}`)
    for (const field of ['uid', 'name', 'namespace', 'creationTimestamp', 'generation', 'labels']) t.deepEqual(there.json?.metadata[field], here.json.metadata[field], `${one}: metadata.${field}`)
    const changed = await theirs.patch(one, 'merge', { metadata: { labels: { touched: 'upstream' } } })
    t.is(changed.code, 200, `${one}: ${changed.text}`)
    const back = await ours.get(one)
    if (STORED_AS_PROTOBUF_ONLY.some(plural => one.includes(`/${plural}/`))) continue
    t.is(back.code, 200, `${one} after upstream wrote it: ${back.text}`)
    t.is(back.json.metadata.labels.touched, 'upstream', one)
    t.is(back.json.metadata.resourceVersion, changed.json.metadata.resourceVersion)
    const again = await ours.patch(one, 'merge', { metadata: { labels: { touched: 'weft' } } })
    t.is(again.code, 200, `${one}: ${again.text}`)
    t.is((await theirs.get(one)).json.metadata.labels.touched, 'weft', one)
  }
})
