// The controllers against a real API server process, with kubectl as the user.

import { once } from 'node:events'
import { get } from 'node:https'
import { createServer, type AddressInfo } from 'node:net'
import test from 'ava'
import { NODES } from '../../../src/client/resources.ts'
import { ApiServerLab } from '../../lab/apiserver.ts'
import { ControllerManagerLab } from '../../lab/controller-manager.ts'
import { eventually } from '../../unit/client/harness.ts'
import { adminClient, create, until } from './harness.ts'

const node = (name: string, ready = true): object => ({
  apiVersion: 'v1', kind: 'Node', metadata: { name, labels: { 'topology.kubernetes.io/zone': `z-${name}` } },
  status: { conditions: [{ type: 'Ready', status: ready ? 'True' : 'False', lastHeartbeatTime: new Date().toISOString().replace(/\.\d+/, ''), reason: 'KubeletReady' }] },
})

const POD_CIDRS = ['get', 'nodes', '-o', 'jsonpath={range .items[*]}{.metadata.name}={.spec.podCIDR} {end}']

test('nodes get distinct pod cidrs that survive a restart of the controllers (scenario 75)', async t => {
  await using lab = await ApiServerLab.open()
  await using managers = new AsyncDisposableStack()
  let manager = managers.use(await ControllerManagerLab.start(lab))
  for (const name of ['n1', 'n2', 'n3']) await create(lab, node(name))
  const assigned = await until(lab, POD_CIDRS, output => (output.match(/=10\.244\.\d+\.0\/24/g) ?? []).length === 3)
  t.is(new Set(assigned.match(/10\.244\.\d+\.0/g)).size, 3)
  t.is(await manager.stop(), 0)
  manager = managers.use(await ControllerManagerLab.start(lab))
  await create(lab, node('n4'))
  const after = await until(lab, POD_CIDRS, output => /n4=10/.test(output))
  t.true(after.startsWith(assigned.trim()), after)
  t.is(new Set(after.match(/10\.244\.\d+\.0/g)).size, 4)
})

test('a namespace gets its service account and the root CA, and both come back when deleted', async t => {
  await using lab = await ApiServerLab.open()
  await using manager = await ControllerManagerLab.start(lab, [`--root-ca-file=${lab.path('ca.crt')}`])
  await create(lab, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } })
  await until(lab, ['-n', 'shop', 'get', 'serviceaccount', 'default', '-o', 'name'], output => output.trim() === 'serviceaccount/default')
  await until(lab, ['-n', 'shop', 'get', 'configmap', 'kube-root-ca.crt', '-o', 'jsonpath={.data.ca\\.crt}'], output => output.includes('BEGIN CERTIFICATE'))
  await lab.kubectl('-n', 'shop', 'delete', 'serviceaccount/default', 'configmap/kube-root-ca.crt')
  await until(lab, ['-n', 'shop', 'get', 'serviceaccount/default', 'configmap/kube-root-ca.crt', '-o', 'name'], output => output.trim().split('\n').length === 2)
  t.is(await manager.stop(), 0)
})

test('slices follow pods and survive kill -9 of the controllers and of the server (scenario 74)', async t => {
  await using lab = await ApiServerLab.open()
  await using managers = new AsyncDisposableStack()
  let manager = managers.use(await ControllerManagerLab.start(lab))
  await create(lab, node('n1'))
  await create(lab, { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }] } })
  const slices = ['get', 'endpointslices', '-l', 'kubernetes.io/service-name=web', '-o', 'jsonpath={range .items[*].endpoints[*]}{.addresses[0]}/{.conditions.ready} {end}']
  const addPod = async (name: string, ip: string): Promise<void> => {
    await create(lab, { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'default', labels: { app: 'web' } }, spec: { nodeName: 'n1', containers: [{ name: 'c', image: 'i' }] } })
    await lab.patchStatus(`/api/v1/namespaces/default/pods/${name}`, { phase: 'Running', podIP: ip, podIPs: [{ ip }], conditions: [{ type: 'Ready', status: 'True' }] })
  }
  await addPod('a', '10.244.0.5')
  await until(lab, slices, output => output.trim() === '10.244.0.5/true')
  await manager.stop('SIGKILL')
  await addPod('b', '10.244.0.6')
  manager = managers.use(await ControllerManagerLab.start(lab))
  await until(lab, slices, output => output.trim().split(' ').length === 2)
  await lab.stop('SIGKILL')
  await lab.start()
  await addPod('c', '10.244.0.7')
  const last = await until(lab, slices, output => output.trim().split(' ').length === 3)
  t.deepEqual(last.trim().split(' ').sort(), ['10.244.0.5/true', '10.244.0.6/true', '10.244.0.7/true'])
  t.is(await manager.stop(), 0)
})

test('pods without a node are bound to ready nodes, spread, and those that fit nowhere say why', async t => {
  await using lab = await ApiServerLab.open()
  await using manager = await ControllerManagerLab.start(lab)
  await create(lab, { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'early', namespace: 'default' }, spec: { containers: [{ name: 'c', image: 'i' }] } })
  await until(lab, ['get', 'pod', 'early', '-o', 'jsonpath={.status.conditions[?(@.type=="PodScheduled")].message}'], output => output.includes('0/0 nodes are available'))
  for (const name of ['n1', 'n2', 'n3']) await create(lab, node(name, name !== 'n3'))
  await until(lab, ['get', 'pod', 'early', '-o', 'jsonpath={.spec.nodeName}'], output => /^n[12]$/.test(output))
  for (const name of ['a', 'b', 'c']) await lab.kubectl('run', name, '--image=i')
  await lab.kubectl('run', 'picky', '--image=i', '--overrides={"spec":{"nodeSelector":{"disk":"ssd"}}}')
  const nodes = await until(lab, ['get', 'pods', 'early', 'a', 'b', 'c', '-o', 'jsonpath={.items[*].spec.nodeName}'], output => output.split(' ').length === 4)
  t.deepEqual(nodes.split(' ').sort(), ['n1', 'n1', 'n2', 'n2'])
  await until(lab, ['get', 'events', '-o', 'jsonpath={.items[*].reason}'], output => output.includes('FailedScheduling') && output.includes('Scheduled'))
  await lab.kubectl('label', 'node', 'n2', 'disk=ssd')
  await until(lab, ['get', 'pod', 'picky', '-o', 'jsonpath={.spec.nodeName}'], output => output === 'n2')
  t.is(await manager.stop(), 0)
})

test('one of two instances works; when it is killed the other takes over, and each says how it is', async t => {
  await using lab = await ApiServerLab.open()
  await using client = await adminClient(lab)
  const elect = ['--leader-elect=true', '--leader-elect-lease-duration=4s', '--leader-elect-renew-deadline=3s', '--leader-elect-retry-period=500ms']
  await using first = await ControllerManagerLab.start(lab, elect)
  const port = await freePort()
  const second = ControllerManagerLab.spawn(await lab.kubeconfigFor('second', { commonName: 'system:kube-controller-manager' }), [...elect, `--secure-port=${port}`])
  await using _second = second
  const health = (path: string): Promise<string> => new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, path, rejectUnauthorized: false }, response => {
      let body = ''
      response.setEncoding('utf8').on('data', (text: string) => (body += text)).on('end', () => resolve(`${response.statusCode} ${body}`))
    }).on('error', reject)
  })
  await eventually(async () => (await health('/readyz').catch(() => '')) === '200 ok')
  t.regex(await health('/metrics'), /leader_election_master_status\{name="kube-controller-manager"\} 0/)
  t.is(await health('/healthz'), '200 ok')
  t.false(second.lines.some(line => line.includes('became leader')))
  await first.stop('SIGKILL')
  await until(lab, ['get', 'lease', '-n', 'kube-system', 'kube-controller-manager', '-o', 'jsonpath={.spec.leaseTransitions}'], output => output === '1')
  await client.create(NODES, { metadata: { name: 'late' } }, { signal: AbortSignal.timeout(10_000) })
  await until(lab, POD_CIDRS, output => output.includes('late=10.244'))
  t.regex(await health('/metrics'), /leader_election_master_status\{name="kube-controller-manager"\} 1/)
  t.is(await second.stop(), 0)
  t.is(await lab.kubectl('get', 'lease', '-n', 'kube-system', 'kube-controller-manager', '-o', 'jsonpath={.spec.holderIdentity}'), '', 'the lease was given back')
})

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  return port
}
