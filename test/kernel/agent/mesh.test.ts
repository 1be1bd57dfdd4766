// The mesh probe: what it measures, what it finds broken, and what it does about it.

import test from 'ava'
import { readTxChecksum } from '../../../src/net/ethtool/tx-checksum.ts'
import { inNetns } from '../../../src/net/netns/in-netns.ts'
import { eventually } from '../../lab/eventually.ts'
import type { AgentLab } from '../../lab/agent.ts'
import { KubeCluster } from './kube-cluster.ts'

const PROBE = ['--mesh-probe-interval', '1']
const signal = new AbortController().signal

type Path = Readonly<{ family: number; hostMs: number | null; hostLoss: number | null; tunnelMs: number | null; tunnelLoss: number | null; pathMtu: number | null; wantedMtu: number; fault: string | null }>

async function pathsOf(agent: AgentLab, owner: string): Promise<readonly Path[]> {
  const status = JSON.parse((await agent.get('/status')).body) as { peers: readonly { owner: string; paths: readonly Path[] }[] }
  return status.peers.find(peer => peer.owner === owner)?.paths ?? []
}

for (const backend of [{ Type: 'vxlan' }, { Type: 'host-gw' }]) {
  test.serial(`every peer is probed in both families, and health, status and metrics tell latency, loss and path MTU: ${backend.Type}`, async t => {
    await using cluster = await KubeCluster.open({ hosts: 2, backend, dualStack: true, flags: PROBE })
    const agent = cluster.agent(1)
    const paths = await eventually(async () => {
      const found = await pathsOf(agent, 'host-2')
      return found.length === 2 && found.every(path => path.pathMtu === path.wantedMtu) ? found : JSON.stringify(found)
    })
    const tunnelled = backend.Type === 'vxlan'
    // A host's pods have one MTU for both families, the smaller; a peer that says so is sent no more.
    t.deepEqual(paths.map(path => path.wantedMtu), tunnelled ? [1430, 1430] : [1500, 1500])
    for (const path of paths) {
      t.true(path.hostMs! > 0 && path.hostMs! < 1_000)
      t.is(path.tunnelMs !== null, tunnelled)
      t.is(path.fault, null)
      t.is(path.hostLoss, 0)
    }
    t.is(await agent.metric('weft_agent_peer_path_mtu_bytes{peer="host-2",family="4"}'), paths[0]!.wantedMtu)
    t.is(await agent.metric('weft_agent_peer_loss_ratio{peer="host-2",family="6",way="host"}'), 0)
    t.is((await agent.get('/readyz')).body, 'flanneld is ready\n')
  })
}

test.serial('a path that swallows large packets is found, told, and entered as the route\'s MTU until it carries them again', async t => {
  await using cluster = await KubeCluster.open({ hosts: 2, backend: { Type: 'vxlan' }, flags: PROBE })
  const [agent, host] = [cluster.agent(1), cluster.lab.host(1)]
  const routeMtu = async (): Promise<string | undefined> => /mtu (\d+)/.exec((await host.exec(['ip', 'route', 'show', '10.244.2.0/24'])).stdout)?.[1]
  await eventually(async () => (await pathsOf(agent, 'host-2'))[0]?.pathMtu === 1450)
  // The switch between the hosts takes 1,300 bytes and says nothing about larger ones, as switches do: with br_netfilter it would fragment.
  await cluster.lab.underlay.exec(['sh', '-c', 'cd /proc/sys/net/bridge 2> /dev/null && echo 0 > bridge-nf-call-iptables || true'])
  await cluster.lab.underlay.rtnl.links.change('host-2', { mtu: 1300 }, { signal })
  t.false(await cluster.pod(1).ping(cluster.pod(2).address, { payloadBytes: 1450 - 28, timeoutMs: 300 }))
  // The kernel lets a port of a bridge pass a VLAN tag's four bytes more than its MTU (is_skb_forwardable).
  const narrow = String(1300 + 4 - 50)
  await eventually(async () => (await routeMtu()) === narrow || `route MTU ${await routeMtu()}\n${agent.tail}`, { timeoutMs: 30_000 })
  t.true(await cluster.pod(1).ping(cluster.pod(2).address, { payloadBytes: Number(narrow) - 28, timeoutMs: 500 }))
  const [line] = agent.logged('the way to a peer is broken')
  t.is(line!['fault'], 'black-hole')
  t.regex(String(line!['reason']), /packets above 1254 bytes vanish on the way to host-2/)
  const ready = await agent.get('/readyz')
  t.is(ready.status, 200)
  t.regex(ready.body, /warning: packets above 1254 bytes vanish/)
  await cluster.lab.underlay.rtnl.links.change('host-2', { mtu: 1500 }, { signal })
  await eventually(async () => (await routeMtu()) === undefined || `route MTU ${await routeMtu()}`, { timeoutMs: 20_000 })
  await eventually(() => agent.logged('the way to a peer works again').length === 1)
  t.is((await agent.get('/readyz')).body, 'flanneld is ready\n')
})

test.serial('a tunnel that something drops between two hosts that see each other is told as such, once', async t => {
  await using cluster = await KubeCluster.open({ hosts: 2, backend: { Type: 'vxlan' }, flags: PROBE })
  const [agent, far] = [cluster.agent(1), cluster.lab.host(2)]
  await eventually(async () => (await pathsOf(agent, 'host-2'))[0]?.pathMtu === 1450)
  await far.exec(['nft', 'add table ip wall; add chain ip wall in { type filter hook input priority 0; }; add rule ip wall in udp dport 8472 drop'])
  await eventually(async () => (await pathsOf(agent, 'host-2'))[0]?.fault === 'tunnel-silent' || agent.tail, { timeoutMs: 20_000 })
  const told = agent.logged('the way to a peer is broken')
  t.is(told.length, 1)
  t.regex(String(told[0]!['reason']), /host-2 answers host to host but not through the tunnel/)
  await far.exec(['nft', 'delete table ip wall'])
  await eventually(async () => (await pathsOf(agent, 'host-2'))[0]?.fault === null, { timeoutMs: 10_000 })
})

test.serial('R5: checksums that are computed wrongly below the tunnel are found by trying without, and stay off', async t => {
  await using cluster = await KubeCluster.open({ hosts: 2, backend: { Type: 'vxlan' }, flags: PROBE })
  const [agent, host, far] = [cluster.agent(1), cluster.lab.host(1), cluster.lab.host(2)]
  const offload = (): boolean | undefined => inNetns(host.netns, () => readTxChecksum('flannel.1'))
  t.true(offload())
  // What a broken card leaves in a datagram: the sum of the pseudo header alone, which the sender's kernel wrote for it to complete.
  // 10.244.1.0 to 10.244.2.0, protocol 17, eight bytes of header and four of probe.
  const words = [0x0af4, 0x0100, 0x0af4, 0x0200, 17, 12]
  const sum = words.reduce((total, word) => total + word, 0)
  const partial = (sum & 0xffff) + (sum >>> 16)
  // In the outer UDP header's payload: VXLAN 8, Ethernet 14, IPv4 20, then the datagram's checksum at 6.
  await far.exec(['nft', `add table ip card; add chain ip card in { type filter hook prerouting priority -400; }; add rule ip card in udp dport 8472 @th,312,8 17 @th,448,16 ${partial} counter drop`])
  await eventually(() => offload() === false && agent.logged('checksums of the tunnel were computed wrongly below it; the transmit checksum offload of the tunnel device is off now').length === 1, { timeoutMs: 30_000 })
  t.true(await cluster.pod(1).ping(cluster.pod(2).address))
})

test.serial('a firewall that answers no datagrams is not taken for wrong checksums', async t => {
  await using cluster = await KubeCluster.open({ hosts: 2, backend: { Type: 'vxlan' }, flags: PROBE })
  const [agent, host, far] = [cluster.agent(1), cluster.lab.host(1), cluster.lab.host(2)]
  await far.exec(['nft', 'add table ip wall; add chain ip wall in { type filter hook input priority 0; }; add rule ip wall in iifname "flannel.1" meta l4proto udp drop'])
  await eventually(() => agent.logged('datagrams are dropped by something else than wrong checksums, such as a firewall; the checksum offload is on again').length === 1 || agent.tail, { timeoutMs: 30_000 })
  await t.notThrowsAsync(eventually(() => inNetns(host.netns, () => readTxChecksum('flannel.1')) === true))
})
