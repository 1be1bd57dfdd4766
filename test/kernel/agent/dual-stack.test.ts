import test from 'ava'
import { eventually } from '../../lab/eventually.ts'
import { KubeCluster } from './kube-cluster.ts'

test.serial('T31: in dual stack both families meet over vxlan, and no outer IPv6 packet exceeds the underlay', async t => {
  await using cluster = await KubeCluster.open({ hosts: 2, backend: { Type: 'vxlan' }, dualStack: true })
  await cluster.allPodsMeet()
  t.regex(cluster.agent(1).subnetEnv(), /FLANNEL_IPV6_SUBNET=fd44:1::1\/64\nFLANNEL_MTU=1430\n/)
  const [from, to] = [cluster.pod(1), cluster.pod(2)]
  t.true(await from.ping(to.address6, { payloadBytes: 1430 - 48 }))
  t.false(await from.ping(to.address6, { payloadBytes: 1431 - 48, timeoutMs: 300 }))
  for (const link of ['flannel.1', 'flannel-v6.1']) {
    await cluster.lab.host(1).exec(['ip', 'link', 'del', link])
    const startMs = performance.now()
    await cluster.allPodsMeet({ timeoutMs: 2_000 })
    t.true(performance.now() - startMs < 2_000, link)
  }
})

test.serial('T36: host-gw carries both families', async t => {
  await using cluster = await KubeCluster.open({ hosts: 2, backend: { Type: 'host-gw' }, dualStack: true })
  await cluster.allPodsMeet()
  t.regex((await cluster.lab.host(1).exec(['ip', '-6', 'route', 'show', 'fd44:2::/64'])).stdout, /via fd30::2 dev eth0 proto 119/)
})

test.serial('T28: with DirectRouting neighbours are routed plainly, and tunnelled as soon as a gateway stands between', async t => {
  await using cluster = await KubeCluster.open({ hosts: 2, backend: { Type: 'vxlan', DirectRouting: true } })
  await cluster.allPodsMeet()
  const host = cluster.lab.host(1)
  const state = async (): Promise<string> => (await host.exec(['sh', '-c', 'ip route show 10.244.2.0/24; ip neigh show dev flannel.1; bridge fdb show dev flannel.1'])).stdout.replaceAll(/(?:[0-9a-f]{2}:){5}[0-9a-f]{2}/g, 'MAC').replaceAll(/\s+/g, ' ').trim()
  const direct = '10.244.2.0/24 via 172.30.0.2 dev eth0 proto 119'
  t.is(await state(), direct)
  await host.exec(['ip', 'route', 'add', '172.30.0.2/32', 'via', '172.30.0.99'])
  const tunnel = '10.244.2.0/24 via 10.244.2.0 dev flannel.1 proto 119 onlink 10.244.2.0 lladdr MAC PERMANENT MAC dst 172.30.0.2 self permanent'
  await eventually(async () => (await state()) === tunnel || (await state()), { timeoutMs: 2_000 })
  await host.exec(['ip', 'route', 'del', '172.30.0.2/32'])
  await eventually(async () => (await state()) === direct || (await state()), { timeoutMs: 2_000 })
})
