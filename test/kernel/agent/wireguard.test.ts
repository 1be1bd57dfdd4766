// The wireguard backend with real packets; the kernel of most machines has it, else `npm run test:vm`.

import { readFileSync, rmSync, statSync } from 'node:fs'
import test from 'ava'
import { generatePrivateKey, publicKeyOf, type WireguardKey } from '../../../src/net/wireguard/key.ts'
import type { WireguardDevice } from '../../../src/net/wireguard/device.ts'
import { Wireguard } from '../../../src/net/wireguard/wireguard.ts'
import type { AgentLab } from '../../lab/agent.ts'
import { hasEtcd } from '../../lab/etcd.ts'
import { eventually, PATIENCE } from '../../lab/eventually.ts'
import { missingLinkKind } from '../../lab/kernel-features.ts'
import type { Host } from '../../lab/lab.ts'
import { PingLog } from '../../lab/ping-log.ts'
import { allMeet, EtcdCluster, PREFIX, type LeasedPod } from './etcd-cluster.ts'

const call = { signal: new AbortController().signal }
const missing = await missingLinkKind('wireguard')
const run = missing === undefined && hasEtcd() ? test.serial : test.serial.skip
const absent = missing !== undefined && hasEtcd() ? test.serial : test.serial.skip
const title = (text: string): string => (missing === undefined ? text : `${text} (${missing})`)
const conf = (backend: object) => ({ Network: '10.3.0.0/16', Backend: { Type: 'wireguard', ...backend } })
const dual = (backend: object) => ({ ...conf(backend), EnableIPv6: true, IPv6Network: 'fd42::/48' })

async function deviceOf(host: Host, name = 'flannel-wg'): Promise<WireguardDevice> {
  await using wireguard = Wireguard.open({ netns: host.netns })
  const device = await wireguard.device(name, call)
  if (device === undefined) throw new Error(`${host.name} has no ${name}`)
  return device
}

async function start(netConf: unknown, hosts = 2): Promise<Readonly<{ cluster: EtcdCluster; hosts: readonly Host[]; agents: readonly AgentLab[]; pods: readonly LeasedPod[] }>> {
  const cluster = await EtcdCluster.open({ hosts, netConf })
  try {
    const agents = await Promise.all(cluster.lab.hosts.map(host => cluster.agent(host)))
    const pods = await Promise.all(cluster.lab.hosts.map((host, index) => cluster.addPod(host, agents[index]!)))
    await allMeet(pods)
    return { cluster, hosts: cluster.lab.hosts, agents, pods }
  } catch (error) {
    await cluster[Symbol.asyncDispose]()
    throw error
  }
}

/** What a host's interface to the others sends and receives while `work` runs, a line per packet. */
async function wireOf(host: Host, work: () => Promise<unknown>): Promise<readonly string[]> {
  const capture = host.spawn(['tcpdump', '-i', 'eth0', '-nn', '-l', '--immediate-mode', 'ip or ip6'], { stdio: ['ignore', 'pipe', 'pipe'] })
  let text = ''
  let trouble = ''
  capture.stdout!.setEncoding('utf8').on('data', (part: string) => (text += part))
  capture.stderr!.setEncoding('utf8').on('data', (part: string) => (trouble += part))
  await eventually(() => trouble.includes('listening on') || trouble)
  await work()
  await eventually(() => text.includes('51820') || text)
  capture.kill('SIGTERM')
  return text.trim().split('\n')
}

run(title('T38: pods meet through encrypted tunnels with a shared key, and the wire shows hosts only'), async t => {
  const psk = generatePrivateKey()
  const { cluster, hosts, agents, pods } = await start(conf({ PSK: psk, PersistentKeepaliveInterval: 5 }), 3)
  await using _ = cluster
  const [h1, h2] = hosts as [Host, Host]
  const lines = await wireOf(h1, () => allMeet(pods))
  t.deepEqual(lines.filter(line => line.includes('10.3.')), [])
  t.true(lines.some(line => /172\.30\.0\.1\.51820 > 172\.30\.0\.2\.51820: UDP/.test(line)), lines.join('\n'))
  const keyOf = (agent: AgentLab): WireguardKey => publicKeyOf(readFileSync(agent.wireguardKeyFile, 'utf8') as WireguardKey)
  const device = await deviceOf(h1)
  t.deepEqual(device.peers.map(({ publicKey }) => publicKey).toSorted(), agents.slice(1).map(keyOf).toSorted())
  t.true(device.peers.every(peer => peer.presharedKey === psk && peer.keepaliveSeconds === 5 && peer.lastHandshakeMs !== undefined && peer.allowedIps.length === 1))
  t.deepEqual([device.publicKey, device.listenPort], [keyOf(agents[0]!), 51_820])
  t.is(statSync(agents[0]!.wireguardKeyFile).mode & 0o777, 0o400)
  const [lease] = Object.values(await cluster.leases()).filter(value => value.includes('172.30.0.1"'))
  t.deepEqual(JSON.parse(lease!).BackendData, { PublicKey: device.publicKey, Port: 51_820 })
  t.regex(agents[0]!.subnetEnv(), /FLANNEL_MTU=1420\n/)
  t.true(await pods[0]!.netns.ping(pods[1]!.address, { payloadBytes: 1420 - 28 }))
  t.false(await pods[0]!.netns.ping(pods[1]!.address, { payloadBytes: 1421 - 28 }))
  t.regex((await h2.exec(['ip', 'route', 'show', 'dev', 'flannel-wg'])).stdout, /^10\.3\.0\.0\/16 proto 119 scope link \n$/)
  t.regex((await h2.exec(['ip', '-o', 'address', 'show', 'dev', 'flannel-wg'])).stdout, /inet 10\.3\.\d+\.0\/32 /)
  // A host that leaves is forgotten.
  const [name] = Object.entries(await cluster.leases()).find(([, value]) => value.includes('172.30.0.3"'))!
  await agents[2]!.stop('SIGKILL')
  await cluster.etcd.client.delete().key(name.startsWith('/') ? name : `${PREFIX}/subnets/${name}`)
  await eventually(async () => (await deviceOf(h1)).peers.length === 1)
})

run(title('T40: whatever is deleted or falsified comes back by itself, and is counted'), async t => {
  const { cluster, hosts, agents, pods } = await start(conf({}))
  await using _ = cluster
  const [h1] = hosts as [Host]
  const right = await deviceOf(h1)
  const [peer] = right.peers
  const settings = ({ publicKey, listenPort, peers }: WireguardDevice) => ({ publicKey, listenPort, peers: peers.map(({ publicKey: key, endpoint, allowedIps, presharedKey, keepaliveSeconds }) => ({ key, endpoint, allowedIps, presharedKey, keepaliveSeconds })) })
  await using wireguard = Wireguard.open({ netns: h1.netns })
  const spoil: readonly (readonly [string, string, () => Promise<unknown>])[] = [
    ['peer removed', 'wireguard-peer', () => wireguard.removePeer('flannel-wg', peer!.publicKey, call)],
    ['prefixes taken away', 'wireguard-peer', () => wireguard.putPeer('flannel-wg', { ...peer!, allowedIps: [] }, call)],
    ['shared key set', 'wireguard-peer', () => wireguard.putPeer('flannel-wg', { ...peer!, presharedKey: generatePrivateKey() }, call)],
    ['stranger added', 'wireguard-peer', () => wireguard.putPeer('flannel-wg', { ...peer!, publicKey: publicKeyOf(generatePrivateKey()), allowedIps: [] }, call)],
    ['key and port changed', 'wireguard', () => wireguard.configure('flannel-wg', { privateKey: generatePrivateKey(), listenPort: 7 }, call)],
    ['device removed', 'link', () => h1.exec(['ip', 'link', 'del', 'flannel-wg'])],
    ['device down', 'link', () => h1.exec(['ip', 'link', 'set', 'flannel-wg', 'down'])],
    ['address removed', 'address', () => h1.exec(['ip', 'address', 'flush', 'dev', 'flannel-wg'])],
    ['route removed', 'route', () => h1.exec(['ip', 'route', 'del', '10.3.0.0/16', 'dev', 'flannel-wg'])],
  ]
  for (const [name, object, work] of spoil) {
    const metric = `weft_agent_repairs_total{object="${object}"}`
    const before = await agents[0]!.metric(metric)
    const startMs = performance.now()
    await work()
    await eventually(async () => (await agents[0]!.metric(metric)) > before || name, { timeoutMs: 4_000 })
    await eventually(async () => {
      const now = settings(await deviceOf(h1))
      return JSON.stringify(now, bigintText) === JSON.stringify(settings(right), bigintText) || `${name}: ${JSON.stringify(now, bigintText)}`
    }, { timeoutMs: 4_000 })
    await allMeet(pods)
    t.deepEqual(settings(await deviceOf(h1)), settings(right), name)
    t.log(`${name}: pods meet after ${Math.round(performance.now() - startMs)} ms (patience ${PATIENCE})`)
  }
})

const bigintText = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value)

run(title('T40: a restart loses no packet and keeps the device; a lost key file makes a new key, and peers drop the old one'), async t => {
  const { cluster, hosts, agents, pods } = await start(conf({}))
  await using _ = cluster
  const [h1, h2] = hosts as [Host, Host]
  const before = await deviceOf(h1)
  await using pings = PingLog.start(() => pods[1]!.netns.ping(pods[0]!.address, { timeoutMs: 1_000 * PATIENCE }))
  await agents[0]!.stop('SIGKILL')
  agents[0]!.start()
  await agents[0]!.ready()
  t.is(await pings.stop(), 0)
  const after = await deviceOf(h1)
  t.deepEqual([after.ifindex, after.publicKey, after.listenPort], [before.ifindex, before.publicKey, before.listenPort])
  await agents[0]!.stop()
  t.is((await deviceOf(h1)).ifindex, before.ifindex)
  rmSync(agents[0]!.wireguardKeyFile)
  agents[0]!.start()
  await agents[0]!.ready()
  await allMeet(pods)
  const renewed = await deviceOf(h1)
  t.not(renewed.publicKey, before.publicKey)
  t.is(renewed.ifindex, before.ifindex)
  t.deepEqual((await deviceOf(h2)).peers.map(({ publicKey }) => publicKey), [renewed.publicKey!])
  // --cleanup takes the device and the key.
  await agents[0]!.stop()
  agents[0]!.start(['--cleanup'])
  t.is(await agents[0]!.exited(), 0, agents[0]!.tail)
  await t.throwsAsync(deviceOf(h1), { message: /has no flannel-wg/ })
  t.throws(() => statSync(agents[0]!.wireguardKeyFile), { code: 'ENOENT' })
})

run(title('T41: a peer whose port changes behind a NAT is followed, and not pulled back'), async t => {
  const { cluster, hosts, agents, pods } = await start(conf({ PersistentKeepaliveInterval: 1 }))
  await using _ = cluster
  const [h1, h2] = hosts as [Host, Host]
  // As a NAT does: nothing comes in that did not go out before, and what goes out has another port.
  await h2.exec(['iptables', '-I', 'INPUT', '-i', 'eth0', '-p', 'udp', '--dport', '51820', '-m', 'conntrack', '--ctstate', 'NEW', '-j', 'DROP'])
  await h2.exec(['iptables', '-t', 'nat', '-I', 'POSTROUTING', '-o', 'eth0', '-p', 'udp', '--sport', '51820', '-j', 'MASQUERADE', '--to-ports', '40000'])
  await h2.exec(['conntrack', '-F'])
  const portOf = async (): Promise<number> => (await deviceOf(h1)).peers[0]!.endpoint!.port
  await eventually(async () => (await portOf()) === 40_000 || `port ${await portOf()}`)
  await allMeet(pods)
  // A lease that is written again, and passes after it, leave the endpoint where the peer is.
  const passes = await agents[0]!.metric('weft_agent_pass_seconds_count')
  const [name, value] = Object.entries(await cluster.leases()).find(([, text]) => text.includes('172.30.0.2"'))!
  await cluster.etcd.client.put(name.startsWith('/') ? name : `${PREFIX}/subnets/${name}`).value(value)
  await h1.exec(['ip', 'route', 'del', '10.3.0.0/16', 'dev', 'flannel-wg'])
  await eventually(async () => (await agents[0]!.metric('weft_agent_pass_seconds_count')) > passes)
  await allMeet(pods)
  t.is(await portOf(), 40_000)
})

run(title('T38, T39: both families, in two devices or in one over either family of hosts, and a change from one to the other'), async t => {
  const { cluster, hosts, agents, pods } = await start(dual({}))
  await using _ = cluster
  const [h1] = hosts as [Host]
  const [v4, v6] = [await deviceOf(h1), await deviceOf(h1, 'flannel-wg-v6')]
  t.deepEqual([v4.listenPort, v6.listenPort, v4.publicKey], [51_820, 51_821, v6.publicKey])
  t.deepEqual([v4.peers[0]!.endpoint!.address.family, v6.peers[0]!.endpoint!.address.family], [4, 6])
  for (const [mode, family] of [['ipv6', 6], ['ipv4', 4], ['auto', 4]] as const) {
    await cluster.etcd.client.put(`${PREFIX}/config`).value(JSON.stringify(dual({ Mode: mode })))
    for (const agent of agents) {
      await agent.stop()
      agent.start()
    }
    for (const agent of agents) await agent.ready()
    await allMeet(pods)
    const device = await deviceOf(h1)
    t.deepEqual(device.peers.map(({ endpoint, allowedIps }) => [endpoint!.address.family, endpoint!.port, allowedIps.length]), [[family, 51_820, 2]], mode)
    await t.throwsAsync(deviceOf(h1, 'flannel-wg-v6'))
  }
})

run(title('a port that another program has is named, and taken as soon as it is free'), async t => {
  await using cluster = await EtcdCluster.open({ hosts: 1, netConf: conf({}) })
  const [host] = cluster.lab.hosts as [Host]
  await host.exec(['ip', 'link', 'add', 'wg-other', 'type', 'wireguard'])
  await using wireguard = Wireguard.open({ netns: host.netns })
  await wireguard.configure('wg-other', { privateKey: generatePrivateKey(), listenPort: 51_820 }, call)
  await host.exec(['ip', 'link', 'set', 'wg-other', 'up'])
  const agent = cluster.startAgent(host)
  await eventually(async () => (await agent.get('/readyz')).body.includes('cannot listen on UDP port 51820') || agent.tail, { timeoutMs: 60_000 })
  await host.exec(['ip', 'link', 'del', 'wg-other'])
  await agent.ready()
  t.is((await deviceOf(host)).listenPort, 51_820)
})

absent('a kernel without WireGuard is told by module and kernel option', async t => {
  await using cluster = await EtcdCluster.open({ hosts: 1, netConf: conf({}) })
  const agent = cluster.startAgent(cluster.lab.host(1))
  const body = await eventually(async () => {
    const answer = await agent.get('/readyz')
    return answer.body.includes('modprobe') ? answer : answer.body
  })
  t.is(body.status, 503)
  t.regex(body.body, /the kernel cannot make flannel-wg: it has no wireguard support; load the module with "modprobe wireguard" \(kernel option CONFIG_WIREGUARD\)/)
})
