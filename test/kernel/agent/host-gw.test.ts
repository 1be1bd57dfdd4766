import test from 'ava'
import { eventually } from '../../lab/eventually.ts'
import { KubeCluster } from './kube-cluster.ts'

test.serial('T36, T37: host-gw pods meet without any device, keep the full MTU, and routes come back within a second of a flush', async t => {
  await using cluster = await KubeCluster.open({ hosts: 2, backend: { Type: 'host-gw' } })
  await cluster.allPodsMeet()
  t.regex(cluster.agent(1).subnetEnv(), /FLANNEL_MTU=1500\n/)
  t.true(await cluster.pod(1).ping(cluster.pod(2).address, { payloadBytes: 1500 - 28 }))
  t.is((await cluster.lab.host(1).exec(['ip', 'route', 'show', '10.244.2.0/24'])).stdout.trim(), '10.244.2.0/24 via 172.30.0.2 dev eth0 proto 119')
  for (const command of [['ip', 'route', 'flush', 'root', '10.244.2.0/24'], ['ip', 'route', 'replace', '10.244.2.0/24', 'via', '172.30.0.77'], ['sh', '-c', 'ip link set eth0 down; ip link set eth0 up']]) {
    await cluster.lab.host(1).exec(command)
    const startMs = performance.now()
    await eventually(() => cluster.pod(1).ping(cluster.pod(2).address, { timeoutMs: 100 }), { timeoutMs: 3_000, intervalMs: 5 })
    const tookMs = performance.now() - startMs
    t.true(tookMs < 1_000, `${command.join(' ')}: ${Math.round(tookMs)} ms`)
  }
})
