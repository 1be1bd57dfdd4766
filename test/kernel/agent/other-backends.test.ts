import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { join } from 'node:path'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import test from 'ava'
import { eventually } from '../../lab/eventually.ts'
import { lookupInNetns } from '../../lab/client.ts'
import { hasEtcd } from '../../lab/etcd.ts'
import { allMeet, EtcdCluster, PREFIX } from './etcd-cluster.ts'

const run = hasEtcd() ? test.serial : test.serial.skip
const conf = (backend: object) => ({ Network: '10.3.0.0/16', Backend: backend })

run('udp: pods meet through datagrams, the lease names no backend, and a device that is removed is made again', async t => {
  await using cluster = await EtcdCluster.open({ hosts: 2, netConf: conf({ Type: 'udp' }) })
  const agents = await Promise.all(cluster.lab.hosts.map(host => cluster.agent(host)))
  const pods = await Promise.all(cluster.lab.hosts.map((host, index) => cluster.addPod(host, agents[index]!)))
  await allMeet(pods)
  t.regex(agents[0]!.subnetEnv(), /FLANNEL_MTU=1472\n/)
  for (const value of Object.values(await cluster.leases())) t.notRegex(value, /Backend/)
  t.true(await pods[0]!.netns.ping(pods[1]!.address, { payloadBytes: 1472 - 28 }))
  await using server = await pods[1]!.netns.echo()
  t.is((await pods[0]!.netns.tcp(pods[1]!.address, server.port)).clientAddress, pods[0]!.address)
  await cluster.lab.host(1).exec(['ip', 'link', 'del', 'flannel0'])
  const startMs = performance.now()
  await allMeet(pods)
  t.true(performance.now() - startMs < 2_000)
})

run('T44: datagrams that are no packets do the udp backend no harm', async t => {
  await using cluster = await EtcdCluster.open({ hosts: 2, netConf: conf({ Type: 'udp' }) })
  const agents = await Promise.all(cluster.lab.hosts.map(host => cluster.agent(host)))
  const pods = await Promise.all(cluster.lab.hosts.map((host, index) => cluster.addPod(host, agents[index]!)))
  await allMeet(pods)
  const socket = createSocket({ type: 'udp4', lookup: lookupInNetns(cluster.lab.host(2).netns) })
  const listening = once(socket, 'listening')
  socket.bind({ port: 0, address: '0.0.0.0', exclusive: true })
  await listening
  for (const bytes of [Buffer.alloc(0), Buffer.alloc(1), Buffer.alloc(9_000, 0x45), Buffer.from('hello'), Buffer.alloc(40, 0x60), Buffer.concat([Buffer.from([0x4f]), Buffer.alloc(30, 255)])]) {
    await new Promise(resolve => socket.send(bytes, 8285, cluster.lab.host(1).address, resolve))
  }
  socket.close()
  await t.notThrowsAsync(allMeet(pods))
})

run('T46: alloc leases and writes subnet.env, and changes nothing in the kernel', async t => {
  await using cluster = await EtcdCluster.open({ hosts: 1, netConf: conf({ Type: 'alloc' }), flags: ['--no-sysctl', '--iptables-forward-rules=false', '--ip-masq=false'] })
  const host = cluster.lab.host(1)
  const state = async (): Promise<string> => (await host.exec(['sh', '-c', 'ip -o link; ip route; ip -o address; iptables-save'])).stdout
  const before = await state()
  const agent = await cluster.agent(host)
  t.regex(agent.subnetEnv(), /FLANNEL_MTU=1500\n/)
  t.is((await state()).replaceAll(/^#.*\n/gm, ''), before.replaceAll(/^#.*\n/gm, ''))
})

run('ipip says which module is missing where the kernel has none, or carries pods where it has', async t => {
  await using cluster = await EtcdCluster.open({ hosts: 2, netConf: conf({ Type: 'ipip' }) })
  const agents = cluster.lab.hosts.map(host => cluster.startAgent(host))
  const answer = await eventually(async () => {
    const { status, body } = await agents[0]!.get('/readyz')
    return status === 200 || /modprobe ipip/.test(body) ? { status, body } : body
  })
  if (answer.status !== 200) {
    t.regex(answer.body, /the kernel cannot make flannel\.ipip: it has no ipip support; load the module with "modprobe ipip"/)
    return
  }
  await agents[1]!.ready()
  const pods = await Promise.all(cluster.lab.hosts.map((host, index) => cluster.addPod(host, agents[index]!)))
  await t.notThrowsAsync(allMeet(pods))
})

run('T45: an extension\'s commands get their variables and data, are run again when they fail, and hostile data executes nothing', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'weft-extension-'))
  try {
    const script = (name: string, body: string): string => {
      writeFileSync(join(folder, name), `#!/bin/sh\n${body}\n`)
      chmodSync(join(folder, name), 0o755)
      return join(folder, name)
    }
    const add = script('add', `test -e ${folder}/tried || { touch ${folder}/tried; exit 1; }\nprintf '%s|%s|%s|' "$1" "$SUBNET" "$PUBLIC_IP" >> ${folder}/added; cat >> ${folder}/added`)
    const remove = script('remove', `echo "$SUBNET" >> ${folder}/removed`)
    await using cluster = await EtcdCluster.open({ hosts: 1, netConf: conf({ Type: 'extension', PreStartupCommand: 'echo my data', PostStartupCommand: ['sh', '-c', `echo "$NETWORK" > ${folder}/post`], SubnetAddCommand: `${add} \${SUBNET}`, SubnetRemoveCommand: remove }) })
    const agent = await cluster.agent(cluster.lab.host(1))
    t.regex(Object.values(await cluster.leases())[0]!, /"BackendType":"extension","BackendData":"my data"/)
    t.is(readFileSync(join(folder, 'post'), 'utf8'), '10.3.0.0/16\n')
    const hostile = `$(touch ${folder}/pwned) "; touch ${folder}/pwned\n\`touch ${folder}/pwned\``
    const key = `${PREFIX}/subnets/10.3.99.0-24`
    await cluster.etcd.client.put(key).value(JSON.stringify({ PublicIP: '172.30.0.9', PublicIPv6: null, BackendType: 'extension', BackendData: hostile }))
    const added = `10.3.99.0/24|10.3.99.0/24|172.30.0.9|${hostile}\n`
    await eventually(() => (existsSync(join(folder, 'added')) && readFileSync(join(folder, 'added'), 'utf8') === added) || agent.tail)
    await cluster.etcd.client.delete().key(key)
    await eventually(() => existsSync(join(folder, 'removed')) || agent.tail)
    t.false(existsSync(join(folder, 'pwned')))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
