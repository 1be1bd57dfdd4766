import test from 'ava'
import { readTxChecksum } from '../../../src/net/ethtool/tx-checksum.ts'
import { inNetns } from '../../../src/net/netns/in-netns.ts'
import { eventually } from '../../lab/eventually.ts'
import { KubeCluster } from './kube-cluster.ts'

test.serial('T32: an address that changes is followed: same subnet, new public IP, and pods meet within five seconds', async t => {
  for (const commands of [
    ['ip address del 172.30.0.2/24 dev eth0', 'ip address add 172.30.0.22/24 dev eth0'],
    ['ip address add 172.30.0.22/24 dev eth0', 'ip address del 172.30.0.2/24 dev eth0', 'ip address add 172.30.0.22/24 dev eth0 || true'],
  ]) {
    await using cluster = await KubeCluster.open({ hosts: 2, backend: { Type: 'vxlan' } })
    await cluster.allPodsMeet()
    const env = cluster.agent(2).subnetEnv()
    for (const command of commands) await cluster.lab.host(2).exec(['sh', '-c', command])
    await eventually(async () => (await cluster.lab.host(1).exec(['bridge', 'fdb', 'show', 'dev', 'flannel.1'])).stdout.includes('dst 172.30.0.22 '), { timeoutMs: 5_000 })
    await cluster.allPodsMeet({ timeoutMs: 5_000 })
    t.is(cluster.agent(2).subnetEnv(), env)
  }
})

test.serial('T25: the interface between hosts may go down, or be deleted and come back with another index', async t => {
  await using cluster = await KubeCluster.open({ hosts: 2, backend: { Type: 'vxlan' } })
  await cluster.allPodsMeet()
  const [host, agent] = [cluster.lab.host(1), cluster.agent(1)]
  await host.exec(['sh', '-c', 'ip link set eth0 down; ip link set eth0 up'])
  await cluster.allPodsMeet({ timeoutMs: 3_000 })
  // The other end stays in the underlay's bridge under the host's name.
  await host.exec(['ip', 'link', 'del', 'eth0'])
  await eventually(async () => /interface eth0 is gone/.test((await agent.get('/readyz')).body) || agent.tail)
  const name = host.netns.split('/').at(-1)!
  await cluster.lab.underlay.exec(['sh', '-ec', `ip link add ${host.name} type veth peer name eth0 netns ${name}; ip link set ${host.name} master br0 up; ip -n ${name} link set eth0 up; ip -n ${name} address add 172.30.0.1/24 dev eth0`])
  const backMs = performance.now()
  await cluster.allPodsMeet({ timeoutMs: 3_000 })
  t.true(performance.now() - backMs < 3_000)
  await agent.ready(5_000)
})

test.serial('T30: the MTU follows the interface while running, and hosts of different MTU lose no packet that fits', async t => {
  await using cluster = await KubeCluster.open({ hosts: 2, backend: { Type: 'vxlan' } })
  await cluster.allPodsMeet()
  for (const command of [['ip', 'link', 'set', 'eth0', 'mtu', '1400']]) await cluster.lab.host(2).exec(command)
  await eventually(() => cluster.agent(2).subnetEnv().includes('FLANNEL_MTU=1350') || cluster.agent(2).subnetEnv(), { timeoutMs: 5_000 })
  t.regex((await cluster.lab.host(2).exec(['ip', 'link', 'show', 'flannel.1'])).stdout, /mtu 1350 /)
  // host-1's own device carries more; the route to the smaller peer says so.
  await eventually(async () => /mtu 1350/.test((await cluster.lab.host(1).exec(['ip', 'route', 'show', '10.244.2.0/24'])).stdout), { timeoutMs: 5_000 })
  t.true(await cluster.pod(1).ping(cluster.pod(2).address, { payloadBytes: 1350 - 28 }))
  const server = await cluster.pod(2).echo()
  await using connection = await cluster.pod(1).openTcp(cluster.pod(2).address, server.port)
  t.is(await connection.send('x'.repeat(200_000), { timeoutMs: 5_000 }), 'x'.repeat(200_000))
})

test.serial('T23: the device deleted twice within a second comes back whole', async t => {
  await using cluster = await KubeCluster.open({ hosts: 3, backend: { Type: 'vxlan' } })
  await cluster.allPodsMeet()
  const host = cluster.lab.host(1)
  const mac = async (): Promise<string> => /ether (\S+)/.exec((await host.exec(['ip', 'link', 'show', 'flannel.1'])).stdout)![1]!
  const before = await mac()
  await host.exec(['ip', 'link', 'del', 'flannel.1'])
  await eventually(async () => (await host.exec(['ip', 'link', 'show', 'flannel.1'], { check: false })).code === 0, { intervalMs: 5 })
  await host.exec(['ip', 'link', 'del', 'flannel.1'])
  const startMs = performance.now()
  await cluster.allPodsMeet({ timeoutMs: 2_000 })
  t.true(performance.now() - startMs < 2_000)
  t.is(await mac(), before)
})

test.serial('T67: readiness goes with the device and comes back with it, and says why', async t => {
  await using cluster = await KubeCluster.open({ hosts: 1, backend: { Type: 'vxlan' } })
  const [host, agent] = [cluster.lab.host(1), cluster.agent(1)]
  // Somebody else takes the VNI and port. The agent is held meanwhile, for it repairs faster than two commands run.
  process.kill(agent.pid, 'SIGSTOP')
  await host.exec(['sh', '-ec', 'ip link del flannel.1; ip link add thief type vxlan id 1 dev eth0 dstport 8472 nolearning local 172.30.0.1'])
  process.kill(agent.pid, 'SIGCONT')
  await eventually(async () => {
    const { status, body } = await agent.get('/readyz')
    return (status === 503 && /link flannel\.1/.test(body)) || body
  }, { timeoutMs: 3_000 })
  t.is((await agent.get('/healthz')).status, 200)
  await host.exec(['ip', 'link', 'del', 'thief'])
  await agent.ready(15_000)
})

test.serial('T57: with --ip-blackhole-route traffic to unused addresses of the own subnet ends here, unless a bridge has them', async t => {
  await using cluster = await KubeCluster.open({ hosts: 1, pods: false, backend: { Type: 'vxlan' }, flags: ['--ip-blackhole-route'] })
  const host = cluster.lab.host(1)
  const routes = async (): Promise<string> => (await host.exec(['ip', 'route', 'show', '10.244.1.0/24'])).stdout.trim()
  await eventually(async () => (await routes()) === 'blackhole 10.244.1.0/24 proto 119' || (await routes()))
  await host.addPod()
  await eventually(async () => /^10\.244\.1\.0\/24 dev cni0/.test(await routes()) || (await routes()))
  t.notRegex(await routes(), /blackhole/)
})

test.serial('T33: a host that publishes another address than its own sends correct checksums by itself, also after the device was deleted', async t => {
  await using cluster = await KubeCluster.open({ hosts: 1, spareHosts: 1, pods: false, backend: { Type: 'vxlan' } })
  const host = cluster.lab.host(2)
  await cluster.addNode(host)
  const agent = cluster.startAgent(host, { flags: ['--public-ip', '203.0.113.7'] })
  await agent.ready()
  const offload = (): boolean | undefined => inNetns(host.netns, () => readTxChecksum('flannel.1'))
  t.is(offload(), false)
  t.is(inNetns(cluster.lab.host(1).netns, () => readTxChecksum('flannel.1')), true)
  await host.exec(['ip', 'link', 'del', 'flannel.1'])
  await eventually(() => offload() === false, { timeoutMs: 2_000 })
})
