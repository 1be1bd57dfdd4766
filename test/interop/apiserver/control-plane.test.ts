// The real kube-controller-manager and kube-scheduler 1.36 do their work against this server and stay quiet (scenario 80).

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import test from 'ava'
import { ApiRequests } from '../../lab/api-request.ts'
import { ApiServerLab } from '../../lab/apiserver.ts'
import { findPeer, missingPeer } from '../../peers/cache.ts'

const CONTROLLERS = 'kube-controller-manager-1.36.3'
const SCHEDULER = 'kube-scheduler-1.36.3'
const missing = [CONTROLLERS, SCHEDULER].find(name => findPeer(name) === undefined)
const interop = missing === undefined ? test : test.skip

class Program implements AsyncDisposable {
  readonly #process: ChildProcess
  log = ''

  constructor(name: string, args: readonly string[]) {
    this.#process = spawn('setpriv', ['--pdeathsig', 'KILL', findPeer(name)!, ...args], { stdio: ['ignore', 'ignore', 'pipe'] })
    this.#process.stderr!.setEncoding('utf8').on('data', (text: string) => (this.log += text))
  }

  /** Error lines of klog, without those that upstream writes against its own server, too. */
  get errors(): readonly string[] {
    return this.log.split('\n').filter(line => /^E\d{4}/.test(line) && !HARMLESS.test(line))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    const ended = once(this.#process, 'exit')
    this.#process.kill('SIGKILL')
    await ended
  }
}

/** 1.36's controllers note when their cache lags behind their own write, and that a namespace takes a second round; the flag parser notes an absent manifest. */
const HARMLESS = /unexpected items still remain in namespace|is not as new as written version|The manifest file is empty|object has been modified/

const until = async (what: string, check: () => Promise<boolean>, timeoutMs = 90_000): Promise<void> => {
  const deadline = Date.now() + timeoutMs
  while (!await check()) {
    if (Date.now() > deadline) throw new Error(`not within ${timeoutMs / 1000} s: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 200))
  }
}

interop(missing === undefined ? 'upstream\'s controllers and scheduler run a Deployment, give pod CIDRs, and empty a namespace, without an error loop' : missingPeer(missing), async t => {
  t.timeout(300_000)
  await using lab = await ApiServerLab.open()
  using api = new ApiRequests(lab)
  const credentials = ['--kubeconfig', lab.kubeconfig, '--authentication-kubeconfig', lab.kubeconfig, '--authorization-kubeconfig', lab.kubeconfig, '--secure-port', '0']
  await using controllers = new Program(CONTROLLERS, [
    ...credentials, '--service-account-private-key-file', lab.path('sa.key'), '--root-ca-file', lab.path('ca.crt'), '--cluster-cidr', '10.244.0.0/16', '--allocate-node-cidrs', '--use-service-account-credentials',
  ])
  await using scheduler = new Program(SCHEDULER, credentials)
  t.teardown(() => { if (!t.passed) t.log([controllers, scheduler].map(({ errors, log }) => `${errors.length} errors\n${errors.slice(0, 15).join('\n')}\n${log.slice(-1500)}`).join('\n---\n')) })
  t.is((await api.post('/api/v1/nodes', { metadata: { name: 'n1' } })).code, 201)
  const time = new Date().toISOString().replace(/\.\d+/, '')
  const resources = { cpu: '8', memory: '8Gi', pods: '110' }
  await api.patch('/api/v1/nodes/n1/status', 'merge', { status: { capacity: resources, allocatable: resources, conditions: [{ type: 'Ready', status: 'True', reason: 'Test', message: 'up', lastHeartbeatTime: time, lastTransitionTime: time }] } })
  await api.post('/api/v1/namespaces', { metadata: { name: 'jobs' } })
  const template = { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image: 'nginx' }] } }
  t.is((await api.post('/apis/apps/v1/namespaces/jobs/deployments', { metadata: { name: 'web' }, spec: { replicas: 3, selector: { matchLabels: { app: 'web' } }, template } })).code, 201)
  const pods = async (): Promise<any[]> => (await api.get('/api/v1/namespaces/jobs/pods')).json.items
  await until('three pods on the node', async () => (await pods()).filter(pod => pod.spec.nodeName === 'n1').length === 3)
  await until('a pod CIDR', async () => (await api.get('/api/v1/nodes/n1')).json.spec.podCIDR === '10.244.0.0/24')
  for (const pod of await pods()) {
    await api.patch(`/api/v1/namespaces/jobs/pods/${pod.metadata.name}/status`, 'strategic-merge', { status: { phase: 'Running', podIP: '10.244.0.9', podIPs: [{ ip: '10.244.0.9' }], conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: time }] } })
  }
  await until('the Deployment is 3/3', async () => (await api.get('/apis/apps/v1/namespaces/jobs/deployments/web')).json.status.readyReplicas === 3)
  t.is((await api.post('/api/v1/namespaces/jobs/services', { metadata: { name: 'web' }, spec: { selector: { app: 'web' }, ports: [{ port: 80 }] } })).code, 201)
  await until('an EndpointSlice with addresses', async () => (await api.get('/apis/discovery.k8s.io/v1/namespaces/jobs/endpointslices?labelSelector=kubernetes.io/service-name%3Dweb')).json.items.some((slice: any) => (slice.endpoints ?? []).length > 0))
  await api.delete('/api/v1/namespaces/jobs')
  // No kubelet is there to end the pods, so the test does.
  await until('the namespace is gone', async () => {
    for (const pod of await pods()) if (pod.metadata.deletionTimestamp !== undefined) await api.delete(`/api/v1/namespaces/jobs/pods/${pod.metadata.name}`, { gracePeriodSeconds: 0 })
    return (await api.get('/api/v1/namespaces/jobs')).code === 404
  })
  t.deepEqual(controllers.errors.slice(0, 5), [])
  t.deepEqual(scheduler.errors.slice(0, 5), [])
  t.notRegex(controllers.log + scheduler.log, /Failed to watch|failed to list|UnsupportedMediaType|the server could not find the requested resource/)
})
