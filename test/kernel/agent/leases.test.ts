// `weft leases` against a real etcd and a real API server.

import { execFile } from 'node:child_process'
import { join } from 'node:path'
import test from 'ava'
import { EtcdLab, hasEtcd } from '../../lab/etcd.ts'
import { KubeCluster } from './kube-cluster.ts'
import { eventually } from '../../lab/eventually.ts'

const MAIN = join(import.meta.dirname, '..', '..', '..', 'src', 'main.ts')
const PREFIX = '/coreos.com/network/subnets'

const leases = (args: readonly string[]): Promise<Readonly<{ code: number; stdout: string; stderr: string }>> =>
  new Promise(resolve => execFile(process.execPath, [MAIN, 'leases', ...args], (error, stdout, stderr) => resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr })))

;(hasEtcd() ? test : test.skip)('R19: leases in etcd are listed with owner and end, and one is released by name', async t => {
  await using etcd = await EtcdLab.open()
  const lease = etcd.client.lease(7_200, { autoKeepAlive: false } as never)
  await lease.put(`${PREFIX}/10.5.52.0-24`).value('{"PublicIP":"192.0.2.1","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1},"WeftNodeID":"abc"}')
  await etcd.client.put(`${PREFIX}/10.5.60.0-24`).value('{"PublicIP":"0.0.0.0","PublicIPv6":null}')
  await etcd.client.put(`${PREFIX}/garbage`).value('x')
  const store = ['--etcd-endpoints', etcd.url]
  const { stdout } = await leases(['list', ...store])
  t.regex(stdout, /^10\.5\.52\.0-24 +10\.5\.52\.0\/24 +192\.0\.2\.1 +vxlan +abc +in [12] h \d+ min$/m)
  t.regex(stdout, /^10\.5\.60\.0-24 +10\.5\.60\.0\/24 +nobody +- +- +never \(reserved\)$/m)
  t.regex(stdout, /^garbage +garbage +- +- +- +is no subnet$/m)
  t.is((await leases(['release', '10.5.52.0/24', ...store])).stdout, 'released 10.5.52.0/24\n')
  t.deepEqual(Object.keys(await etcd.all(PREFIX)).toSorted(), [`${PREFIX}/10.5.60.0-24`, `${PREFIX}/garbage`])
  const again = await leases(['release', '10.5.52.0/24', ...store])
  t.is(again.code, 1)
  t.regex(again.stderr, /there is no lease 10\.5\.52\.0\/24; "weft leases list" shows those there are \(LEASE_ABSENT\)/)
})

test('R19: leases on Nodes are listed, and releasing one takes its host out of the others\' routes', async t => {
  await using cluster = await KubeCluster.open({ hosts: 2, backend: { Type: 'vxlan' } })
  const store = ['--kube-subnet-mgr', '--kubeconfig-file', cluster.api.kubeconfig]
  t.regex((await leases(['list', ...store])).stdout, /^host-2 +10\.244\.2\.0\/24 +172\.30\.0\.2 +vxlan +host-2 +with its Node$/m)
  await cluster.agent(2).stop()
  // A stopped agent keeps its lease: its pods go on talking.
  t.true(await cluster.pod(1).ping(cluster.pod(2).address))
  t.is((await leases(['release', 'host-2', ...store])).stdout, 'released host-2\n')
  await eventually(async () => (await cluster.lab.host(1).exec(['ip', 'route', 'show', '10.244.2.0/24'])).stdout === '')
  t.notRegex((await leases(['list', ...store])).stdout, /^host-2/m)
})
