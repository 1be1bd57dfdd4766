// The ipip backend with real packets; the kernel of most machines has it, else `npm run test:vm`.

import test from 'ava'
import { hasEtcd } from '../../lab/etcd.ts'
import { eventually, PATIENCE } from '../../lab/eventually.ts'
import { missingLinkKind } from '../../lab/kernel-features.ts'
import type { Host } from '../../lab/lab.ts'
import { PingLog } from '../../lab/ping-log.ts'
import { allMeet, EtcdCluster } from './etcd-cluster.ts'

const missing = await missingLinkKind('ipip')
const run = missing === undefined && hasEtcd() ? test.serial : test.serial.skip
const title = (text: string): string => (missing === undefined ? text : `${text} (${missing})`)
const conf = (backend: object = {}) => ({ Network: '10.3.0.0/16', Backend: { Type: 'ipip', ...backend } })

async function start(netConf: unknown, hosts: number) {
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

const show = async (host: Host, ...command: readonly string[]): Promise<string> => (await host.exec(['ip', ...command])).stdout

run(title('T42: pods meet through ipip; the device is flannel\'s, tunl0 is left alone, and a restart loses nothing'), async t => {
  const { cluster, hosts, agents, pods } = await start(conf(), 2)
  await using _ = cluster
  const [h1, h2] = hosts as [Host, Host]
  const link = await show(h1, '-d', '-o', 'link', 'show', 'flannel.ipip')
  t.regex(link, /flannel\.ipip@NONE: .*mtu 1480 qdisc noqueue .*ipip (?:any )?remote any local 172\.30\.0\.1 ttl inherit nopmtudisc/)
  t.regex(await show(h1, '-o', 'link', 'show', 'tunl0'), /tunl0@NONE: <NOARP> .*state DOWN/)
  t.regex(await show(h1, 'route', 'show', 'dev', 'flannel.ipip'), /^10\.3\.\d+\.0\/24 via 172\.30\.0\.2 proto 119 onlink \n$/)
  t.regex(agents[0]!.subnetEnv(), /FLANNEL_MTU=1480\n/)
  t.true(await pods[0]!.netns.ping(pods[1]!.address, { payloadBytes: 1480 - 28 }))
  t.false(await pods[0]!.netns.ping(pods[1]!.address, { payloadBytes: 1481 - 28 }))
  await using server = await pods[1]!.netns.echo()
  t.is((await pods[0]!.netns.tcp(pods[1]!.address, server.port)).clientAddress, pods[0]!.address)
  const index = Number(link.split(':')[0])
  await using pings = PingLog.start(() => pods[1]!.netns.ping(pods[0]!.address, { timeoutMs: 1_000 * PATIENCE }))
  await agents[0]!.stop('SIGKILL')
  agents[0]!.start()
  await agents[0]!.ready()
  t.is(await pings.stop(), 0)
  t.is(Number((await show(h1, '-o', 'link', 'show', 'flannel.ipip')).split(':')[0]), index)
  for (const spoil of [['link', 'del', 'flannel.ipip'], ['link', 'set', 'flannel.ipip', 'down'], ['link', 'set', 'flannel.ipip', 'mtu', '1000'], ['address', 'flush', 'dev', 'flannel.ipip'], ['route', 'flush', 'dev', 'flannel.ipip'], ['tunnel', 'change', 'flannel.ipip', 'mode', 'ipip', 'local', '172.30.0.9', 'remote', 'any']]) {
    const startMs = performance.now()
    await show(h1, ...spoil)
    await eventually(async () => {
      const now = await show(h1, '-d', '-o', 'link', 'show', 'flannel.ipip')
      const whole = /mtu 1480 .*remote any local 172\.30\.0\.1/.test(now) && / via 172\.30\.0\.2 /.test(await show(h1, 'route', 'show', 'dev', 'flannel.ipip'))
      return whole || `${spoil.join(' ')}: ${now}`
    }, { timeoutMs: 4_000 })
    await allMeet(pods)
    t.log(`${spoil.join(' ')}: pods meet after ${Math.round(performance.now() - startMs)} ms`)
  }
  await agents[1]!.stop()
  agents[1]!.start(['--cleanup'])
  t.is(await agents[1]!.exited(), 0, agents[1]!.tail)
  t.notRegex(await show(h2, '-o', 'link'), /flannel\.ipip/)
  t.regex(await show(h2, '-o', 'link'), /tunl0/)
})

run(title('T42: with DirectRouting hosts of one link are routed plainly and others through the tunnel, as routes come and go'), async t => {
  const { cluster, hosts, pods } = await start(conf({ DirectRouting: true }), 3)
  await using _ = cluster
  const [h1, , h3] = hosts as [Host, Host, Host]
  const routeTo = async (host: Host): Promise<string> => (await show(h1, 'route', 'show', 'proto', '119')).split('\n').find(line => line.includes(`via ${host.address} `)) ?? ''
  t.regex(await routeTo(h3), / dev eth0 onlink/)
  await h1.exec(['ip', 'route', 'add', h3.address, 'via', '172.30.0.2'])
  await eventually(async () => / dev flannel\.ipip onlink/.test(await routeTo(h3)) || routeTo(h3), { timeoutMs: 2_000 })
  await allMeet(pods)
  await h1.exec(['ip', 'route', 'del', h3.address])
  await eventually(async () => / dev eth0 onlink/.test(await routeTo(h3)) || routeTo(h3), { timeoutMs: 2_000 })
  await allMeet(pods)
})

run(title('T42: a flannel.ipip of another kind is somebody else\'s: refused, told, and used as soon as it is gone'), async t => {
  await using cluster = await EtcdCluster.open({ hosts: 1, netConf: conf() })
  const [host] = cluster.lab.hosts as [Host]
  await host.exec(['ip', 'link', 'add', 'flannel.ipip', 'type', 'dummy'])
  const agent = cluster.startAgent(host)
  await eventually(async () => (await agent.get('/readyz')).body.includes('flannel.ipip') || agent.tail, { timeoutMs: 60_000 })
  t.regex(await show(host, '-d', 'link', 'show', 'flannel.ipip'), /dummy/)
  await host.exec(['ip', 'link', 'del', 'flannel.ipip'])
  await agent.ready()
  t.regex(await show(host, '-d', 'link', 'show', 'flannel.ipip'), /ipip/)
})
