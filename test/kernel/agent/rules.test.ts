import { join } from 'node:path'
import test from 'ava'
import { eventually } from '../../lab/eventually.ts'
import type { LabNetns } from '../../lab/lab-netns.ts'
import { KubeCluster } from './kube-cluster.ts'

/** Who a TCP server sees asking: what masquerading is about. */
async function seen(from: LabNetns, to: LabNetns, address: string): Promise<string> {
  await using server = await to.echo()
  return (await from.tcp(address, server.port)).clientAddress
}

for (const nftables of [false, true]) {
  test.serial(`T49, T50: who is masqueraded, by ${nftables ? 'nftables' : 'iptables'}`, async t => {
    await using cluster = await KubeCluster.open({ hosts: 2, spareHosts: 1, backend: { Type: 'vxlan' }, netConf: { EnableNFTables: nftables } })
    await cluster.allPodsMeet()
    const [h1, h2, outside] = [cluster.lab.host(1), cluster.lab.host(2), cluster.lab.host(3)]
    const [p1, p2] = [cluster.pod(1), cluster.pod(2)]
    const local = await h1.addPod()
    await outside.exec(['ip', 'route', 'add', '10.244.1.0/24', 'via', h1.address])
    await outside.exec(['ip', 'route', 'add', '10.244.2.0/24', 'via', h1.address])
    t.is(await seen(p1, local, local.address), p1.address, 'pod to a pod of the same host')
    t.is(await seen(p1, p2, p2.address), p1.address, 'pod to a pod of another host')
    t.is(await seen(p1, outside, outside.address), h1.address, 'pod to the outside')
    t.is(await seen(p1, h2, h2.address), h1.address, 'pod to another host')
    t.is(await seen(outside, p1, p1.address), outside.address, 'outside to a local pod')
    t.is(await seen(outside, p2, p2.address), '10.244.1.0', 'outside to a pod of another host, through this one')
    await using server = await p2.echo()
    t.is((await h1.tcp(p2.address, server.port, { localAddress: h1.address })).clientAddress, '10.244.1.0', 'host with its own address to a pod of another host')
  })

  test.serial(`T52: rules that are deleted, reordered, doubled or flushed come back in order, by ${nftables ? 'nftables' : 'iptables'}`, async t => {
    await using cluster = await KubeCluster.open({ hosts: 1, backend: { Type: 'vxlan' }, netConf: { EnableNFTables: nftables }, flags: ['--iptables-resync', '60'] })
    const host = cluster.lab.host(1)
    const list = async (): Promise<string> => (await host.exec(['sh', '-c', nftables ? '/usr/sbin/nft -s list ruleset' : 'iptables -t nat -S; iptables -t filter -S'])).stdout
    const right = await list()
    t.regex(right, /masq/, cluster.agent(1).tail)
    const breakages = nftables
      ? ['/usr/sbin/nft flush chain ip flannel-ipv4 postrtg', '/usr/sbin/nft delete table ip flannel-ipv4', '/usr/sbin/nft flush ruleset', '/usr/sbin/nft insert rule ip flannel-ipv4 forward drop']
      : ['iptables -t nat -D FLANNEL-POSTRTG 3', 'iptables -t nat -D FLANNEL-POSTRTG 1; iptables -t nat -A FLANNEL-POSTRTG -m mark --mark 0x4000/0x4000 -j RETURN',
        'iptables -t nat -F', 'iptables -t nat -A POSTROUTING -m comment --comment "flanneld masq" -j FLANNEL-POSTRTG', 'iptables -F FLANNEL-FWD', 'iptables -F; iptables -X; iptables -t nat -F; iptables -t nat -X', '/usr/sbin/nft flush ruleset']
    for (const command of breakages) {
      await host.exec(['sh', '-c', command])
      const startMs = performance.now()
      await eventually(async () => (await list()) === right || `after ${command}:\n${await list()}`, { timeoutMs: 4_000 })
      t.log(`${command}: ${Math.round(performance.now() - startMs)} ms`)
    }
    t.true((await cluster.agent(1).metric('weft_agent_repairs_total{object="rules"}')) >= breakages.length)
  })
}

test.serial('T53: a host that switches engines keeps no rules of the other', async t => {
  await using cluster = await KubeCluster.open({ hosts: 1, backend: { Type: 'vxlan' } })
  const [host, agent] = [cluster.lab.host(1), cluster.agent(1)]
  const conf = (nftables: boolean) => ({ Network: '10.244.0.0/16', EnableNFTables: nftables, Backend: { Type: 'vxlan' } })
  for (const nftables of [true, false]) {
    await agent.stop()
    agent.writeNetConf(conf(nftables))
    agent.start()
    await agent.ready()
    const { stdout } = await host.exec(['sh', '-c', 'iptables-save; /usr/sbin/nft list tables'])
    t.is(/FLANNEL-/.test(stdout), !nftables)
    t.is(/flannel-ipv4/.test(stdout), nftables)
  }
})

test.serial('T55: while another program holds the xtables lock the agent lives and piles nothing up, and repairs when it is free', async t => {
  await using cluster = await KubeCluster.open({ hosts: 1, spareHosts: 1, pods: false, backend: { Type: 'vxlan' } })
  const host = cluster.lab.host(2)
  // A kubelet's hint makes the agent take the legacy programs, which alone know this lock (KEP-3178).
  const { code } = await host.exec(['iptables-legacy', '-t', 'mangle', '-N', 'KUBE-IPTABLES-HINT'], { check: false })
  if (code !== 0) {
    t.pass('skipped: this machine has no legacy iptables')
    return
  }
  await cluster.addNode(host)
  const agent = cluster.startAgent(host, { flags: ['--iptables-resync', '1'] })
  await agent.ready()
  const chains = async (): Promise<string> => (await host.exec(['iptables-legacy-save', '-t', 'nat'])).stdout
  t.regex(await chains(), /-j FLANNEL-POSTRTG/)
  const lock = join(agent.directory, 'xtables.lock')
  const holder = host.spawn(['flock', lock, 'cat'], { stdio: ['pipe', 'ignore', 'ignore'] })
  await eventually(async () => (await host.exec(['flock', '-n', lock, 'true'], { check: false })).code !== 0)
  // The test's own programs take the machine's lock, not this one.
  await host.exec(['iptables-legacy', '-t', 'nat', '-F', 'FLANNEL-POSTRTG'])
  await eventually(async () => (await agent.get('/readyz')).status === 503, { timeoutMs: 20_000 })
  t.is((await agent.get('/healthz')).status, 200)
  const waiting = (await host.exec(['sh', '-c', `pgrep -P ${agent.pid} -c iptables || true`])).stdout.trim()
  t.true(Number(waiting) <= 2, `${waiting} programs wait`)
  holder.stdin!.end()
  await eventually(async () => (await agent.get('/readyz')).status === 200 || agent.tail, { timeoutMs: 60_000 })
  t.regex(await chains(), /-A FLANNEL-POSTRTG .*MASQUERADE/)
})

test.serial('T54: in nftables mode a chain of others whose policy drops is named, until it does no more', async t => {
  await using cluster = await KubeCluster.open({ hosts: 1, backend: { Type: 'vxlan' }, netConf: { EnableNFTables: true } })
  const [agent, host] = [cluster.agent(1), cluster.lab.host(1)]
  t.is((await agent.get('/readyz')).body, 'flanneld is ready\n')
  await host.exec(['nft', 'add table inet wall; add chain inet wall guard { type filter hook forward priority 10; policy drop; }'])
  await eventually(async () => /warning: chain guard of table inet wall drops what it does not accept/.test((await agent.get('/readyz')).body), { timeoutMs: 10_000 })
  t.is(agent.logged('something else hinders the traffic rules').length, 1)
  await host.exec(['nft', 'delete table inet wall'])
  await eventually(async () => (await agent.get('/readyz')).body === 'flanneld is ready\n', { timeoutMs: 10_000 })
})

test.serial('T54: pods talk although the policy of FORWARD is DROP', async t => {
  await using cluster = await KubeCluster.open({ hosts: 2, backend: { Type: 'vxlan' } })
  for (const host of cluster.lab.hosts) await host.exec(['iptables', '-P', 'FORWARD', 'DROP'])
  await t.notThrowsAsync(cluster.allPodsMeet())
})
