// A store that forgets or stumbles: what an agent makes of it.

import { readFileSync } from 'node:fs'
import test from 'ava'
import { eventually } from '../../lab/eventually.ts'
import { hasEtcd } from '../../lab/etcd.ts'
import type { Host } from '../../lab/lab.ts'
import { EtcdCluster, PREFIX } from './etcd-cluster.ts'

const run = hasEtcd() ? test.serial : test.serial.skip
const netConf = { Network: '10.3.0.0/16', SubnetMin: '10.3.1.0', SubnetMax: '10.3.9.0', Backend: { Type: 'vxlan' } }

const keyOf = (number: number): string => `${PREFIX}/subnets/10.3.${number}.0-24`
const valueOf = (number: number, mac = '00'): string =>
  JSON.stringify({ PublicIP: `172.30.0.${number}`, PublicIPv6: null, BackendType: 'vxlan', BackendData: { VNI: 1, VtepMAC: `0e:00:00:00:${mac}:${number}` } })

const output = async (host: Host, command: string): Promise<string> => (await host.exec(['sh', '-c', command])).stdout
const peerRoutes = async (host: Host): Promise<readonly string[]> => [...(await output(host, 'ip route show dev flannel.1 proto 119')).matchAll(/^10\.3\.(\d+)\.0\/24/gm)].map(match => match[1]!).toSorted()

run('T08: what changed while etcd was cut off and its history compacted is all taken over, and nothing removes the host itself', async t => {
  await using cluster = await EtcdCluster.open({ hosts: 1, netConf })
  const { client } = cluster.etcd
  const host = cluster.lab.host(1)
  for (const number of [20, 21, 22, 23, 24]) await client.put(keyOf(number)).value(valueOf(number))
  const agent = await cluster.agent(host)
  await eventually(async () => (await peerRoutes(host)).join() === '20,21,22,23,24')
  const own = Object.keys(await cluster.leases()).find(key => !/10\.3\.2\d\./.test(key))!
  await cluster.bridges[0]!.cut()
  await client.put(keyOf(20)).value(valueOf(20, '99'))
  await client.put(keyOf(25)).value(valueOf(25))
  await client.delete().key(keyOf(21))
  const { header } = await client.kv.range({ key: Buffer.from('x') })
  await client.kv.compact({ revision: header.revision, physical: true })
  await cluster.bridges[0]!.mend()
  await eventually(async () => (await peerRoutes(host)).join() === '20,22,23,24,25' || (await peerRoutes(host)).join(), { timeoutMs: 20_000 })
  t.regex(await output(host, 'ip neigh show dev flannel.1'), /^10\.3\.20\.0 lladdr 0e:00:00:00:99:20 PERMANENT/m)
  t.notRegex(await output(host, 'bridge fdb show dev flannel.1'), /0e:00:00:00:00:20/)
  t.true(own in (await cluster.leases()))
  t.is((await agent.get('/readyz')).status, 200)
})

run('T15: an etcd that restarts again and again, and one that hangs, cost no peer, little processor and few lines', async t => {
  await using cluster = await EtcdCluster.open({ hosts: 1, netConf })
  const host = cluster.lab.host(1)
  for (const number of [20, 21, 22, 23, 24]) await cluster.etcd.client.put(keyOf(number)).value(valueOf(number))
  const agent = await cluster.agent(host)
  await eventually(async () => (await peerRoutes(host)).length === 5)
  const processorMs = (): number => {
    const fields = readFileSync(`/proc/${agent.pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
    return (Number(fields[11]) + Number(fields[12])) * 10
  }
  const [startMs, usedBefore, linesBefore] = [performance.now(), processorMs(), agent.log.length]
  for (let round = 0; round < 5; round += 1) {
    await cluster.etcd.stop()
    t.is((await peerRoutes(host)).length, 5)
    await cluster.etcd.start()
    cluster.bridges[0]!.mute(true)
    await eventually(() => performance.now() - startMs > (round + 1) * 4_000, { timeoutMs: 10_000, intervalMs: 200 })
    cluster.bridges[0]!.mute(false)
    t.is((await peerRoutes(host)).length, 5)
  }
  const share = (processorMs() - usedBefore) / (performance.now() - startMs)
  t.log(`${(share * 100).toFixed(1)} % of a processor, ${agent.log.length - linesBefore} lines`)
  t.true(share < 0.1)
  t.true(agent.log.length - linesBefore < 200)
  await cluster.etcd.client.put(keyOf(25)).value(valueOf(25))
  await eventually(async () => (await peerRoutes(host)).length === 6 || agent.tail, { timeoutMs: 20_000 })
})
