import test from 'ava'
import { existsSync } from 'node:fs'
import { AgentLab } from '../../lab/agent.ts'
import { eventually } from '../../lab/eventually.ts'
import { PingLog } from '../../lab/ping-log.ts'
import { NODES } from '../../../src/client/resources.ts'
import { KubeCluster } from './kube-cluster.ts'

const { signal } = new AbortController()

test.serial('T22, T68: no packet is lost when the agent is stopped, killed or started again, and the device stays the same', async t => {
  await using cluster = await KubeCluster.open({ hosts: 2, backend: { Type: 'vxlan' } })
  await cluster.allPodsMeet()
  const [host, agent] = [cluster.lab.host(1), cluster.agent(1)]
  const index = async (): Promise<string> => (await host.exec(['sh', '-c', 'ip -o link show flannel.1 | cut -d" " -f1; ip -o link show flannel.1 | grep -o "ether [0-9a-f:]*"'])).stdout
  const before = await index()
  const server = await cluster.pod(2).echo()
  await using connection = await cluster.pod(1).openTcp(cluster.pod(2).address, server.port)
  await using pings = PingLog.start(() => cluster.pod(1).ping(cluster.pod(2).address, { timeoutMs: 500 }))
  const startMs = performance.now()
  t.is(await agent.stop('SIGTERM'), 0)
  t.true(performance.now() - startMs < 5_000)
  t.true(existsSync(agent.subnetFile))
  agent.start()
  await agent.ready()
  await agent.stop('SIGKILL')
  t.is(await connection.send('while the agent is dead'), 'while the agent is dead')
  agent.start()
  await agent.ready()
  t.is(await connection.send('and after'), 'and after')
  t.is(await index(), before)
  t.is(await pings.stop(), 0)
})

test.serial('T26: a node that goes takes all its entries with it within a second, and one that comes back with another MAC is reached', async t => {
  await using cluster = await KubeCluster.open({ hosts: 3, backend: { Type: 'vxlan' } })
  await cluster.allPodsMeet()
  const host = cluster.lab.host(1)
  const entries = async (): Promise<string> => {
    const { stdout } = await host.exec(['sh', '-c', 'ip route show 10.244.3.0/24; ip neigh show 10.244.3.0 dev flannel.1; bridge fdb show dev flannel.1 | grep 172.30.0.3 || true'])
    return stdout.trim()
  }
  await cluster.agent(3).stop('SIGKILL')
  t.is((await entries()).split('\n').length, 3)
  await cluster.client.delete(NODES, { name: 'host-3' }, { signal })
  const goneMs = performance.now()
  await eventually(async () => (await entries()) === '' || (await entries()), { timeoutMs: 3_000, intervalMs: 10 })
  t.true(performance.now() - goneMs < 1_500)
  await cluster.lab.host(3).exec(['ip', 'link', 'del', 'flannel.1'])
  await cluster.addNode(cluster.lab.host(3))
  cluster.agent(3).start()
  await cluster.agent(3).ready()
  await cluster.allPodsMeet()
  t.is((await entries()).split('\n').length, 3)
})

test.serial('T68: --cleanup leaves nothing of the agent behind, on the host and in the store', async t => {
  await using cluster = await KubeCluster.open({ hosts: 2, backend: { Type: 'vxlan' } })
  const [host, agent] = [cluster.lab.host(1), cluster.agent(1)]
  await host.exec(['ip', 'route', 'add', '10.99.0.0/24', 'via', '172.30.0.2'])
  await agent.stop()
  agent.start(['--cleanup'])
  t.is(await agent.exited(), 0, agent.tail)
  const left = async (command: string): Promise<string> => (await host.exec(['sh', '-c', command])).stdout
  t.notRegex(await left('ip link; ip route; iptables-save; /usr/sbin/nft list tables'), /flannel|FLANNEL|proto 119/)
  t.regex(await left('ip route'), /10\.99\.0\.0\/24/)
  t.false(existsSync(agent.subnetFile))
  const node = await cluster.client.get(NODES, { name: 'host-1' }, { signal })
  t.deepEqual(Object.keys(node.metadata.annotations ?? {}).filter(name => name.startsWith('flannel')), [])
  t.is(node.status?.conditions?.find(({ type }) => type === 'NetworkUnavailable')?.status, 'True')
})

test.serial('T58: the node gets flannel\'s annotations and the condition NetworkUnavailable False, and lost annotations come back', async t => {
  await using cluster = await KubeCluster.open({ hosts: 1, backend: { Type: 'vxlan' } })
  const node = await eventually(async () => {
    const stored = await cluster.client.get(NODES, { name: 'host-1' }, { signal })
    return stored.status?.conditions?.some(({ type }) => type === 'NetworkUnavailable') === true && stored
  })
  t.like(node.status!.conditions!.find(({ type }) => type === 'NetworkUnavailable'), { status: 'False', reason: 'FlannelIsUp', message: 'Flannel is running on this node' })
  const name = 'flannel.alpha.coreos.com/backend-data'
  const data = node.metadata.annotations![name]!
  t.regex(data, /^\{"VNI":1,"VtepMAC":"[0-9a-f:]{17}"\}$/)
  await cluster.client.patch(NODES, { name: 'host-1' }, { type: 'merge', body: { metadata: { annotations: { [name]: null } } } }, { signal })
  await eventually(async () => (await cluster.client.get(NODES, { name: 'host-1' }, { signal })).metadata.annotations?.[name] === data)
})

test.serial('T59: a node without a pod CIDR is waited for, and said so; one outside the network ends the agent with both named', async t => {
  await using cluster = await KubeCluster.open({ hosts: 0, backend: { Type: 'vxlan' }, spareHosts: 2 })
  const [late, outside] = [cluster.lab.host(1), cluster.lab.host(2)]
  await cluster.addNode(late, { podCIDRs: [] })
  const waiting = cluster.startAgent(late)
  await eventually(async () => /has no IPv4 pod CIDR yet/.test((await waiting.get('/readyz')).body) || waiting.tail)
  await cluster.client.patch(NODES, { name: late.name }, { type: 'merge', body: { spec: { podCIDR: '10.244.1.0/24', podCIDRs: ['10.244.1.0/24'] } } }, { signal })
  await waiting.ready()
  await cluster.addNode(outside, { podCIDRs: ['10.99.0.0/24'] })
  const wrong = cluster.startAgent(outside)
  t.is(await wrong.exited(), 1)
  t.regex(wrong.tail, /10\.99\.0\.0\/24.*10\.244\.0\.0\/16/)
})

test.serial('T62: pods meet while the API server is away, repairs go on, and a node added meanwhile is reached', async t => {
  await using cluster = await KubeCluster.open({ hosts: 2, backend: { Type: 'vxlan' } })
  await cluster.allPodsMeet()
  await cluster.bridges[0]!.cut()
  await cluster.lab.host(1).exec(['ip', 'link', 'del', 'flannel.1'])
  await cluster.allPodsMeet({ timeoutMs: 2_000 })
  await eventually(async () => (await cluster.agent(1).get('/readyz')).status === 200)
  await cluster.bridges[0]!.mend()
  await t.notThrowsAsync(cluster.allPodsMeet())
})

test.serial('T69: a pod network over the hosts\' own network is refused before the kernel is touched', async t => {
  await using cluster = await KubeCluster.open({ hosts: 0, backend: { Type: 'vxlan' }, spareHosts: 1 })
  await cluster.addNode(cluster.lab.host(1), { podCIDRs: ['172.30.1.0/24'] })
  const agent: AgentLab = cluster.startAgent(cluster.lab.host(1), { netConf: { Network: '172.30.0.0/16' } })
  t.is(await agent.exited(), 1)
  t.regex(agent.tail, /NETWORK_OVERLAP.*|172\.30\.0\.0\/24/)
  t.notRegex((await cluster.lab.host(1).exec(['ip', 'link'])).stdout, /flannel/)
})
