// A network configuration that changes under a running host, and what systemd hears of the agent's life.

import test from 'ava'
import { AgentLab } from '../../lab/agent.ts'
import { eventually } from '../../lab/eventually.ts'
import { hasEtcd } from '../../lab/etcd.ts'
import { NotifySocket } from '../../lab/notify-socket.ts'
import { EtcdCluster, PREFIX } from './etcd-cluster.ts'
import { KubeCluster } from './kube-cluster.ts'

const conf = (backend: unknown, network = '10.244.0.0/16') => ({ Network: network, Backend: backend })

test.serial('R28: a changed MTU is taken over, a wrong configuration names field and value and leaves the last good one, a changed network waits', async t => {
  await using cluster = await KubeCluster.open({ hosts: 2, backend: { Type: 'vxlan' } })
  const [agent, host] = [cluster.agent(1), cluster.lab.host(1)]
  const linkMtu = async (): Promise<string> => /mtu (\d+)/.exec((await host.exec(['ip', 'link', 'show', 'flannel.1'])).stdout)![1]!
  const reload = (value: unknown): void => {
    agent.writeNetConf(value)
    process.kill(agent.pid, 'SIGHUP')
  }
  reload(conf({ Type: 'vxlan', MTU: 1400 }))
  await eventually(async () => (await linkMtu()) === '1350' || (await linkMtu()))
  await eventually(() => agent.subnetEnv().includes('FLANNEL_MTU=1350\n') || agent.subnetEnv())
  t.deepEqual(agent.logged('took over the changed network configuration').map(line => line['changes']), [['Backend.MTU default -> 1400']])
  await cluster.allPodsMeet()

  reload(conf({ Type: 'vxlan', VNI: 99_999_999 }))
  await eventually(() => agent.logged('the network configuration cannot be taken over; the former stays in force').length === 1)
  const ready = await agent.get('/readyz')
  t.is(ready.status, 200)
  t.regex(ready.body, /warning: the network configuration cannot be taken over, the former stays in force: .*Backend\.VNI: 99999999: /)
  t.is(await linkMtu(), '1350')
  await cluster.allPodsMeet()

  reload(conf({ Type: 'vxlan', MTU: 1400 }, '10.0.0.0/8'))
  await eventually(async () => /Network 10\.244\.0\.0\/16 -> 10\.0\.0\.0\/8/.test((await agent.get('/status')).body))
  t.regex((await agent.get('/readyz')).body, /^flanneld is ready\nwarning: the network configuration was changed and takes effect at the next start: /)
  t.regex(agent.subnetEnv(), /FLANNEL_NETWORK=10\.244\.0\.0\/16\n/)
  await cluster.allPodsMeet()

  reload(conf({ Type: 'vxlan', MTU: 1400 }))
  await eventually(async () => (await agent.get('/readyz')).body === 'flanneld is ready\n')
})

;(hasEtcd() ? test.serial : test.serial.skip)('R28: a key that changes in etcd is noticed without being asked', async t => {
  await using cluster = await EtcdCluster.open({ hosts: 1, netConf: conf({ Type: 'vxlan' }) })
  const agent = await cluster.agent(cluster.lab.host(1))
  await cluster.etcd.client.put(`${PREFIX}/config`).value(JSON.stringify(conf({ Type: 'vxlan', MTU: 1300 })))
  await t.notThrowsAsync(eventually(() => agent.subnetEnv().includes('FLANNEL_MTU=1250\n') || agent.subnetEnv(), { timeoutMs: 20_000 }))
  await cluster.etcd.client.delete().key(`${PREFIX}/config`)
  await t.notThrowsAsync(eventually(async () => /there is no key \/coreos\.com\/network\/config/.test((await agent.get('/status')).body), { timeoutMs: 20_000 }))
})

test.serial('systemd hears of the agent being ready, alive, reloading and stopping', async t => {
  using systemd = new NotifySocket()
  await using cluster = await KubeCluster.open({ hosts: 1, spareHosts: 1, pods: false, backend: { Type: 'vxlan' } })
  const host = cluster.lab.host(2)
  await cluster.addNode(host)
  await using agent = AgentLab.start({
    host, nodeName: host.name, netConf: conf({ Type: 'vxlan' }), env: { NOTIFY_SOCKET: systemd.path, WATCHDOG_USEC: '400000' },
    flags: ['--kube-subnet-mgr', '--kubeconfig-file', cluster.api.kubeconfig, '--iface', 'eth0'],
  })
  await eventually(() => systemd.told.includes('READY=1') || systemd.told.join())
  t.true(agent.subnetEnv().includes('FLANNEL_SUBNET='))
  const before = systemd.told.filter(line => line === 'WATCHDOG=1').length
  await eventually(() => systemd.told.filter(line => line === 'WATCHDOG=1').length >= before + 3)
  process.kill(agent.pid, 'SIGHUP')
  await eventually(() => systemd.told.includes('RELOADING=1') && systemd.told.lastIndexOf('READY=1') > systemd.told.indexOf('RELOADING=1'))
  t.is(await agent.stop(), 0)
  t.is(systemd.told.filter(line => line !== 'WATCHDOG=1').at(-1), 'STOPPING=1')
})
