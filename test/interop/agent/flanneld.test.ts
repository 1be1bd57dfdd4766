// Real flanneld on neighbouring hosts, leases in a real etcd. Skips where the peer is not built.

import { existsSync } from 'node:fs'
import test from 'ava'
import { AgentLab } from '../../lab/agent.ts'
import { eventually } from '../../lab/eventually.ts'
import { hasEtcd } from '../../lab/etcd.ts'
import { PingLog } from '../../lab/ping-log.ts'
import type { Host } from '../../lab/lab.ts'
import { allMeet, EtcdCluster } from '../../kernel/agent/etcd-cluster.ts'
import { findPeer, missingPeer } from '../../peers/cache.ts'

const VERSIONS = ['flanneld-0.28.4', 'flanneld-0.20.2'] as const
const BACKENDS = [{ Type: 'vxlan' }, { Type: 'vxlan', DirectRouting: true }, { Type: 'vxlan', VNI: 42, Port: 4789, GBP: true, Learning: true }, { Type: 'host-gw' }, { Type: 'udp' }] as const

/** Starts a flanneld and waits until it has written subnet.env. */
async function flanneld(cluster: EtcdCluster, host: Host, version: string): Promise<AgentLab> {
  const agent = cluster.lab.host(host.number).use(AgentLab.start({ host, flags: cluster.sharedFlags, program: [findPeer(version)!] }))
  await eventually(() => existsSync(agent.subnetFile) || agent.tail, { timeoutMs: 15_000 })
  return agent
}

for (const version of VERSIONS) {
  const available = findPeer(version) !== undefined && hasEtcd()
  const run = available ? test.serial : test.serial.skip
  for (const backend of BACKENDS) {
    run(`T01, T29, T36: pods meet whichever agent runs where: ${version}, ${JSON.stringify(backend)}${available ? '' : ` (${missingPeer(version)})`}`, async t => {
      await using cluster = await EtcdCluster.open({ hosts: 3, netConf: { Network: '10.3.0.0/16', Backend: backend } })
      const [h1, h2, h3] = cluster.lab.hosts as [Host, Host, Host]
      const agents = [await flanneld(cluster, h1, version), await cluster.agent(h2), await cluster.agent(h3)]
      const pods = await Promise.all(cluster.lab.hosts.map((host, index) => cluster.addPod(host, agents[index]!)))
      await allMeet(pods)
      t.is(Object.keys(await cluster.leases()).length, 3)
      t.deepEqual(agents[0]!.log.filter(line => /^[EF]\d{4} /.test(line.msg)), [])
    })
  }

  run(`T02: a flanneld is replaced by Weft on a live host and back, with the same subnet, and traffic goes on: ${version}`, async t => {
    await using cluster = await EtcdCluster.open({ hosts: 2, netConf: { Network: '10.3.0.0/16', Backend: { Type: 'vxlan' } } })
    const [h1, h2] = cluster.lab.hosts as [Host, Host]
    const [first, second] = [await flanneld(cluster, h1, version), await cluster.agent(h2)]
    const pods = [await cluster.addPod(h1, first), await cluster.addPod(h2, second)]
    await allMeet(pods)
    const [env, leases] = [first.subnetEnv(), Object.keys(await cluster.leases())]
    const device = async (): Promise<string> => (await h1.exec(['sh', '-c', 'ip -o link show flannel.1 | cut -d" " -f1; ip -o link show flannel.1 | grep -o "ether [0-9a-f:]*"'])).stdout
    const before = await device()
    await using pings = PingLog.start(() => pods[1]!.netns.ping(pods[0]!.address, { timeoutMs: 300 }))
    await first.stop()
    const weft = h1.use(AgentLab.start({ host: h1, flags: cluster.sharedFlags, directory: first.directory }))
    await weft.ready()
    t.is(weft.subnetEnv(), env)
    t.deepEqual(Object.keys(await cluster.leases()), leases)
    t.is(await device(), before)
    await allMeet(pods)
    t.is(await weft.stop(), 0)
    const back = h1.use(AgentLab.start({ host: h1, flags: cluster.sharedFlags, directory: first.directory, program: [findPeer(version)!] }))
    await eventually(() => back.tail.includes('Running backend') || back.tail, { timeoutMs: 15_000 })
    await allMeet(pods)
    t.is(back.subnetEnv(), env)
    t.deepEqual(Object.keys(await cluster.leases()), leases)
    t.is(await pings.stop(), 0)
  })

  run(`T21, T48: devices, entries, routes and rules are flannel's own: ${version}`, async t => {
    await using cluster = await EtcdCluster.open({ hosts: 3, netConf: { Network: '10.3.0.0/16', Backend: { Type: 'vxlan' } } })
    const [h1, h2, h3] = cluster.lab.hosts as [Host, Host, Host]
    await cluster.agent(h3)
    const [theirs, ours] = [await flanneld(cluster, h1, version), await cluster.agent(h2)]
    const ready = async (host: Host): Promise<boolean> => (await host.exec(['ip', 'route', 'show', 'dev', 'flannel.1'])).stdout.trim().split('\n').length === 2
    await eventually(() => ready(h1))
    await eventually(() => ready(h2))
    const [flannels, wefts] = await Promise.all([shapeOf(h1, theirs), shapeOf(h2, ours)])
    // The rules are those of today's flannel; older ones had others.
    const compared = version === VERSIONS[0] ? Object.keys(flannels) : ['link', 'address', 'neighbours', 'fdb', 'routes']
    for (const name of compared) t.deepEqual(wefts[name], flannels[name], name)
  })
}

/** What a host looks like, with everything that differs between hosts taken out. */
async function shapeOf(host: Host, agent: AgentLab): Promise<Readonly<Record<string, readonly string[]>>> {
  const commands = {
    link: 'ip -d -o link show flannel.1', address: 'ip -o -4 address show dev flannel.1', neighbours: 'ip neigh show dev flannel.1', fdb: 'bridge fdb show dev flannel.1',
    routes: 'ip route show dev flannel.1', nat: 'iptables -t nat -S', filter: 'iptables -t filter -S',
  }
  const own = /FLANNEL_SUBNET=([\d.]+)\.1\//.exec(agent.subnetEnv())![1]!
  const shape: Record<string, readonly string[]> = {}
  for (const [name, command] of Object.entries(commands)) {
    const { stdout } = await host.exec(['sh', '-c', command])
    shape[name] = stdout.trim().split('\n').map(line => line
      .replaceAll(`${own}.0`, 'OWN').replaceAll(/10\.3\.\d+\.0(?=\/24| |$)/g, 'PEER').replaceAll(/172\.30\.0\.\d/g, 'HOST')
      .replaceAll(/(?:[0-9a-f]{2}:){5}[0-9a-f]{2}/g, 'MAC').replace(/^\d+: /, '').replace(/ proto (?:119|boot)\b/, '').replaceAll(/\s+/g, ' ').trim()).toSorted()
  }
  return shape
}
