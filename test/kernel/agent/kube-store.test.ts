// Leases on Nodes: what operators set, what a restart keeps, and IPv6 alone.

import test from 'ava'
import { NODES } from '../../../src/client/resources.ts'
import { eventually } from '../../lab/eventually.ts'
import { KubeCluster } from './kube-cluster.ts'

const { signal } = new AbortController()

for (const backend of [{ Type: 'vxlan' }, { Type: 'host-gw' }]) {
  test.serial(`T31: pods that have IPv6 alone meet, and rules, routes and subnet.env know no IPv4: ${backend.Type}`, async t => {
    await using cluster = await KubeCluster.open({ hosts: 2, backend, onlyIpv6: true })
    await cluster.allPodsMeet()
    const [agent, host] = [cluster.agent(1), cluster.lab.host(1)]
    t.regex(agent.subnetEnv(), /^FLANNEL_IPV6_NETWORK=fd44::\/16\nFLANNEL_IPV6_SUBNET=fd44:1::1\/64\nFLANNEL_MTU=\d+\nFLANNEL_IPMASQ=true\n$/)
    t.notRegex((await host.exec(['iptables-save'])).stdout, /FLANNEL/)
    t.regex((await host.exec(['ip6tables-save'])).stdout, /FLANNEL-POSTRTG/)
    t.is((await host.exec(['ip', '-4', 'route', 'show', 'proto', '119'])).stdout, '')
    await host.exec(['ip', '-6', 'route', 'del', 'fd44:2::/64'])
    await cluster.allPodsMeet({ timeoutMs: 1_000 })
  })
}

test.serial('T61: a reboot keeps the MAC that peers know, under a prefix of the operator\'s, and an overwritten address is what peers are told', async t => {
  await using cluster = await KubeCluster.open({ hosts: 2, backend: { Type: 'vxlan' }, flags: ['--kube-annotation-prefix', 'example.com/a'] })
  const [agent, host] = [cluster.agent(1), cluster.lab.host(1)]
  const mac = async (): Promise<string> => /link\/ether (\S+)/.exec((await host.exec(['ip', 'link', 'show', 'flannel.1'])).stdout)![1]!
  const annotations = async () => (await cluster.client.get(NODES, { name: 'host-1' }, { signal })).metadata.annotations ?? {}
  const before = await mac()
  t.is((JSON.parse((await annotations())['example.com/a-backend-data']!) as { VtepMAC: string }).VtepMAC, before)
  t.is((await annotations())['example.com/a-public-ip'], '172.30.0.1')
  await agent.stop()
  await host.exec(['ip', 'link', 'del', 'flannel.1'])
  agent.start()
  await agent.ready()
  t.is(await mac(), before)
  await cluster.allPodsMeet()
  await cluster.client.patch(NODES, { name: 'host-1' }, { type: 'merge', body: { metadata: { annotations: { 'example.com/a-public-ip-overwrite': '203.0.113.1' } } } }, { signal })
  await eventually(async () => (await annotations())['example.com/a-public-ip'] === '203.0.113.1')
  await eventually(async () => /dst 203\.0\.113\.1/.test((await cluster.lab.host(2).exec(['bridge', 'fdb', 'show', 'dev', 'flannel.1'])).stdout))
})
