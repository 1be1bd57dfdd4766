import test from 'ava'
import { eventually } from '../../lab/eventually.ts'
import { hasEtcd } from '../../lab/etcd.ts'
import { allMeet, EtcdCluster, PREFIX } from './etcd-cluster.ts'

const netConf = { Network: '10.3.0.0/16', Backend: { Type: 'vxlan' } }
const run = hasEtcd() ? test.serial : test.serial.skip

run('T01: three hosts lease distinct subnets under flannel\'s keys and values, and their pods meet', async t => {
  await using cluster = await EtcdCluster.open({ hosts: 3, netConf })
  const agents = await Promise.all(cluster.lab.hosts.map(host => cluster.agent(host)))
  const leases = Object.entries(await cluster.leases())
  t.is(leases.length, 3)
  for (const [key, value] of leases) {
    t.regex(key, /^\/coreos\.com\/network\/subnets\/10\.3\.\d+\.0-24$/)
    t.regex(value, /^\{"PublicIP":"172\.30\.0\.[123]","PublicIPv6":null,"BackendType":"vxlan","BackendData":\{"VNI":1,"VtepMAC":"[0-9a-f:]{17}"\},"WeftNodeID":"[0-9a-f]{16}","WeftMTU":1450\}$/)
  }
  await allMeet(await Promise.all(cluster.lab.hosts.map((host, index) => cluster.addPod(host, agents[index]!))))
})

run('T03: a restart keeps the subnet while the key or subnet.env is there', async t => {
  await using cluster = await EtcdCluster.open({ hosts: 1, netConf })
  const agent = await cluster.agent(cluster.lab.host(1))
  const before = agent.subnetEnv()
  for (const change of [async () => {}, async () => void (await cluster.etcd.client.delete().prefix(`${PREFIX}/subnets/`))]) {
    t.is(await agent.stop(), 0)
    await change()
    agent.start()
    await agent.ready()
    t.is(agent.subnetEnv(), before)
    t.is(Object.keys(await cluster.leases()).length, 1)
  }
})

run('T07: a deleted or revoked lease is written again with the same subnet within three seconds', async t => {
  await using cluster = await EtcdCluster.open({ hosts: 2, netConf })
  const [one, two] = [await cluster.agent(cluster.lab.host(1)), await cluster.agent(cluster.lab.host(2))]
  const pods = [await cluster.addPod(cluster.lab.host(1), one), await cluster.addPod(cluster.lab.host(2), two)]
  await allMeet(pods)
  const subnet = /FLANNEL_SUBNET=([\d.]+)\.1\//.exec(one.subnetEnv())![1]!
  const key = `${PREFIX}/subnets/${subnet}.0-24`
  const value = await cluster.etcd.client.get(key).string()
  await cluster.etcd.client.delete().key(key)
  await eventually(async () => (await cluster.etcd.client.get(key).string()) === value || 'the key is absent', { timeoutMs: 4_500 })
  const { kvs } = await cluster.etcd.client.kv.range({ key: Buffer.from(key) })
  await cluster.etcd.client.leaseClient.leaseRevoke({ ID: kvs[0]!.lease })
  await eventually(async () => (await cluster.etcd.client.get(key).string()) === value || 'the key is absent', { timeoutMs: 4_500 })
  await t.notThrowsAsync(allMeet(pods))
})

run('T09, T10: keys and values that are no leases cost nobody else anything', async t => {
  await using cluster = await EtcdCluster.open({ hosts: 2, netConf })
  const [one, two] = [await cluster.agent(cluster.lab.host(1)), await cluster.agent(cluster.lab.host(2))]
  const pods = [await cluster.addPod(cluster.lab.host(1), one), await cluster.addPod(cluster.lab.host(2), two)]
  await allMeet(pods)
  await cluster.etcd.client.put(`${PREFIX}/subnets/garbage`).value('x')
  await cluster.etcd.client.put(`${PREFIX}/subnets-x`).value('x')
  const peerKey = Object.keys(await cluster.leases()).find(key => key.includes(/FLANNEL_SUBNET=([\d.]+)\.1\//.exec(two.subnetEnv())![1]!))!
  await cluster.bridges[1]!.cut()
  await cluster.etcd.client.put(peerKey).value('{not json')
  await eventually(() => one.logged('some leases cannot be served').some(line => JSON.stringify(line).includes('garbage')) || one.tail)
  await eventually(async () => JSON.stringify(JSON.parse((await one.get('/status')).body)).includes(two.subnetEnv().match(/FLANNEL_SUBNET=([\d.]+)\.1\//)![1]!))
  await t.notThrowsAsync(allMeet(pods))
})

run('T13: pods meet while etcd is away, and a host added meanwhile is reached within five seconds of its return', async t => {
  await using cluster = await EtcdCluster.open({ hosts: 3, netConf })
  const [one, two] = [await cluster.agent(cluster.lab.host(1)), await cluster.agent(cluster.lab.host(2))]
  const pods = [await cluster.addPod(cluster.lab.host(1), one), await cluster.addPod(cluster.lab.host(2), two)]
  await allMeet(pods)
  await cluster.bridges[0]!.cut()
  const three = await cluster.agent(cluster.lab.host(3))
  await allMeet(pods)
  t.is((await one.get('/readyz')).status, 200)
  await cluster.bridges[0]!.mend()
  const added = await cluster.addPod(cluster.lab.host(3), three)
  await allMeet([pods[0]!, added], { timeoutMs: 6_000 })
})

run('T06: a full network is waited for, and a freed subnet is taken within ten seconds', async t => {
  await using cluster = await EtcdCluster.open({ hosts: 1, netConf: { ...netConf, SubnetMin: '10.3.7.0', SubnetMax: '10.3.7.0' } })
  await cluster.etcd.client.put(`${PREFIX}/subnets/10.3.7.0-24`).value('{"PublicIP":"192.0.2.9","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"0e:00:00:00:00:09"}}')
  const agent = cluster.startAgent(cluster.lab.host(1))
  await eventually(async () => /all subnets of the network are leased/.test((await agent.get('/readyz')).body) || agent.tail)
  await cluster.etcd.client.delete().key(`${PREFIX}/subnets/10.3.7.0-24`)
  await agent.ready(10_000)
  t.regex(agent.subnetEnv(), /10\.3\.7\.1\/24/)
})

run('T20: a host with the public IP of another refuses to start and leaves the other\'s lease alone', async t => {
  await using cluster = await EtcdCluster.open({ hosts: 2, netConf })
  await cluster.agent(cluster.lab.host(1))
  const before = await cluster.leases()
  const twin = cluster.startAgent(cluster.lab.host(2), { flags: ['--public-ip', '172.30.0.1'] })
  t.is(await twin.exited(), 1)
  t.regex(twin.tail, /DUPLICATE_PUBLIC_IP/)
  t.deepEqual(await cluster.leases(), before)
})

run('T14: a host whose subnet another one leased meanwhile does not overwrite it and ends with status 3 while its pods use it', async t => {
  await using cluster = await EtcdCluster.open({ hosts: 1, netConf })
  const host = cluster.lab.host(1)
  const agent = await cluster.agent(host)
  await cluster.addPod(host, agent)
  const [key] = Object.keys(await cluster.leases())
  await agent.stop('SIGKILL')
  const others = '{"PublicIP":"172.30.0.9","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"0e:00:00:00:00:09"},"WeftNodeID":"other"}'
  await cluster.etcd.client.put(key!).value(others)
  agent.start()
  t.is(await agent.exited(), 3)
  t.regex(agent.tail, /--allow-renumber.*LEASE_LOST/)
  t.deepEqual(await cluster.leases(), { [key!]: others })
  agent.start(['--allow-renumber'])
  await agent.ready()
  t.is(Object.keys(await cluster.leases()).length, 2)
})

run('T11, T18: a lease is renewed with the same value before its end, and a reservation stays without one', async t => {
  await using cluster = await EtcdCluster.open({ hosts: 1, netConf, flags: ['--subnet-lease-ttl', '6'] })
  const agent = await cluster.agent(cluster.lab.host(1))
  const read = async () => (await cluster.etcd.client.kv.range({ key: Buffer.from(Object.keys(await cluster.leases())[0]!) })).kvs[0]!
  const first = await read()
  const renewed = await eventually(async () => {
    const now = await read()
    return now.mod_revision !== first.mod_revision && now
  })
  t.is(renewed.value.toString(), first.value.toString())
  t.not(renewed.lease, first.lease)
  await cluster.etcd.client.kv.put({ key: first.key, value: first.value })
  const reserved = await read()
  t.is(reserved.lease, '0')
  // Two lifetimes of an ordinary lease pass without a write, over a restart too.
  const untilMs = Date.now() + 12_000
  await eventually(() => Date.now() > untilMs, { timeoutMs: 14_000, intervalMs: 500 })
  t.is((await read()).lease, '0')
  await agent.stop()
  agent.start()
  await agent.ready()
  t.is((await read()).lease, '0')
})
