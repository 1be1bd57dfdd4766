import { readFileSync } from 'node:fs'
import test from 'ava'
import { eventually } from '../../lab/eventually.ts'
import { hasEtcd } from '../../lab/etcd.ts'
import { EtcdCluster, PREFIX } from './etcd-cluster.ts'

const run = hasEtcd() ? test.serial : test.serial.skip
const LEASES = 1_000

const keyOf = (index: number): string => `${PREFIX}/subnets/10.${64 + (index >> 8)}.${index & 255}.0-24`
const valueOf = (index: number): string => JSON.stringify({
  PublicIP: `172.31.${index >> 8}.${index & 255}`, PublicIPv6: null, BackendType: 'vxlan',
  BackendData: { VNI: 1, VtepMAC: `0e:00:00:00:${(index >> 8).toString(16).padStart(2, '0')}:${(index & 255).toString(16).padStart(2, '0')}` },
})

run('T74: a thousand leases are applied within seconds, a new one within a tenth, all removed after a second look, at small cost', async t => {
  await using cluster = await EtcdCluster.open({ hosts: 1, netConf: { Network: '10.0.0.0/8', SubnetMin: '10.3.0.0', SubnetMax: '10.3.255.0', Backend: { Type: 'vxlan' } } })
  const { client } = cluster.etcd
  for (let first = 0; first < LEASES; first += 100) {
    await Promise.all(Array.from({ length: 100 }, (_, i) => client.put(keyOf(first + i)).value(valueOf(first + i))))
  }
  const host = cluster.lab.host(1)
  const routes = async (): Promise<number> => (await host.exec(['sh', '-c', 'ip route show proto 119 | wc -l'])).stdout.trim() as unknown as number
  const agent = await cluster.agent(host)
  const lines = agent.log
  const appliedMs = Date.parse(String(lines.find(line => line.msg === 'changed the pod network')!['time'])) - Date.parse(String(lines.find(line => line.msg === 'leased a pod subnet')!['time']))
  t.is(Number(await routes()), LEASES)
  t.is((await host.exec(['sh', '-c', 'bridge fdb show dev flannel.1 | wc -l'])).stdout.trim(), String(LEASES))
  t.true(appliedMs < 10_000, `${appliedMs} ms`)

  const latencies: number[] = []
  for (let i = 0; i < 30; i += 1) {
    const index = LEASES + i
    const watch = host.rtnl.watch(['ipv4Route'], { signal: AbortSignal.timeout(10_000) })[Symbol.asyncIterator]()
    const startMs = performance.now()
    await client.put(keyOf(index)).value(valueOf(index))
    await watch.next()
    latencies.push(performance.now() - startMs)
  }
  latencies.sort((a, b) => a - b)

  const stat = (): string => readFileSync(`/proc/${agent.pid}/status`, 'utf8')
  const residentMb = Number(/VmRSS:\s+(\d+)/.exec(stat())![1]) / 1024
  t.log(`applied in ${appliedMs} ms; a new lease in ${latencies[15]!.toFixed(1)} ms (median), ${latencies.at(-1)!.toFixed(1)} ms (worst of 30); resident ${residentMb.toFixed(0)} MB`)
  t.true(latencies[15]! < 100)
  t.true(residentMb < 350)

  const removedFrom = performance.now()
  await client.delete().range({ start: Buffer.from(keyOf(0)), end: Buffer.from(`${PREFIX}/subnets/10.9`) } as never)
  await eventually(async () => Number(await routes()) === 0 || `${await routes()} routes`, { timeoutMs: 15_000 })
  t.log(`removed in ${(performance.now() - removedFrom).toFixed(0)} ms`)
})
