import test from 'ava'
import { eventually } from '../../lab/eventually.ts'
import { KubeCluster } from './kube-cluster.ts'

test.serial('pods of three hosts reach each other over vxlan, sourced from their own addresses, and a DF packet of exactly the MTU passes', async t => {
  await using cluster = await KubeCluster.open({ hosts: 3, backend: { Type: 'vxlan' } })
  await cluster.allPodsMeet()
  t.is(cluster.agent(1).subnetEnv(), 'FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.1.1/24\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n')
  const server = await cluster.pod(2).echo()
  const reply = await cluster.pod(1).tcp(cluster.pod(2).address, server.port)
  t.is(reply.clientAddress, cluster.pod(1).address)
  t.true(await cluster.pod(1).ping(cluster.pod(2).address, { payloadBytes: 1450 - 28 }))
  t.false(await cluster.pod(1).ping(cluster.pod(2).address, { payloadBytes: 1451 - 28, timeoutMs: 300 }))
})

test.serial('T24: routes, neighbours, FDB entries, addresses and the device come back within a second of being deleted', async t => {
  await using cluster = await KubeCluster.open({ hosts: 2, backend: { Type: 'vxlan' } })
  await cluster.allPodsMeet()
  const [host, agent, from, to] = [cluster.lab.host(1), cluster.agent(1), cluster.pod(1), cluster.pod(2)]
  const { stdout } = await host.exec(['bridge', 'fdb', 'show', 'dev', 'flannel.1'])
  const mac = stdout.split(' ')[0]!
  const breakages: readonly (readonly [string, readonly string[]])[] = [
    ['route', ['ip', 'route', 'del', '10.244.2.0/24']],
    ['route', ['ip', 'route', 'replace', '10.244.2.0/24', 'via', '172.30.0.99']],
    ['neighbour', ['ip', 'neigh', 'del', '10.244.2.0', 'dev', 'flannel.1']],
    ['neighbour', ['ip', 'neigh', 'replace', '10.244.2.0', 'dev', 'flannel.1', 'lladdr', '02:00:00:00:00:99', 'nud', 'permanent']],
    ['fdb', ['bridge', 'fdb', 'del', mac, 'dev', 'flannel.1']],
    ['fdb', ['bridge', 'fdb', 'replace', mac, 'dev', 'flannel.1', 'dst', '172.30.0.77']],
    ['fdb', ['bridge', 'fdb', 'append', '00:00:00:00:00:00', 'dev', 'flannel.1', 'dst', '172.30.0.77']],
    ['address', ['ip', 'address', 'flush', 'dev', 'flannel.1']],
    ['link', ['ip', 'link', 'set', 'flannel.1', 'mtu', '1300']],
    ['link', ['ip', 'link', 'set', 'flannel.1', 'down']],
    ['link', ['ip', 'link', 'set', 'flannel.1', 'address', '02:00:00:00:00:42']],
    ['link', ['ip', 'link', 'del', 'flannel.1']],
  ]
  for (const [object, command] of breakages) {
    const metric = `weft_agent_repairs_total{object="${object}"}`
    const before = await agent.metric(metric)
    await host.exec(command)
    const startMs = performance.now()
    await eventually(async () => (await agent.metric(metric)) > before || `no repair counted after ${command.join(' ')}\n${agent.tail}`, { timeoutMs: 3_000, intervalMs: 5 })
    await eventually(() => from.ping(to.address, { timeoutMs: 100 }), { timeoutMs: 3_000, intervalMs: 5 })
    const tookMs = performance.now() - startMs
    t.true(tookMs < 1_000, `${command.join(' ')}: ${Math.round(tookMs)} ms`)
    t.log(`${command.slice(0, 4).join(' ')}: ${Math.round(tookMs)} ms`)
    t.is((await host.exec(['bridge', 'fdb', 'show', 'dev', 'flannel.1'])).stdout.trim().split('\n').filter(line => line.startsWith(mac)).length, 1, command.join(' '))
  }
})
