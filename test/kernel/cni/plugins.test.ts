// Everything that the one program stands in for besides the pod network's own type: addresses for other plugins, plugins
// behind others, shaping, loopback, flannel's configuration.

import { readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { eventually } from '../../lab/eventually.ts'
import type { LabNetns } from '../../lab/lab-netns.ts'
import { CniLab, SHIM, WEFT_CONFIG } from './cni-lab.ts'

const signal = new AbortController().signal

/** The program under another plugin's name. */
function linkedAs(lab: CniLab, name: string): string {
  const path = join(lab.folder, 'bin', name)
  symlinkSync(SHIM, path)
  return path
}

const bridgeConfig = (lab: CniLab, more: Readonly<Record<string, unknown>> = {}): Record<string, unknown> => ({
  cniVersion: '1.0.0', name: 'plain', type: 'bridge', bridge: 'br-plain', isDefaultGateway: true,
  ipam: { type: 'host-local', dataDir: lab.dataDir, ranges: [[{ subnet: '10.77.0.0/24' }]] }, ...more,
})

test('as a bridge plugin it reserves in host-local\'s files and gives them back (18, 20)', async t => {
  await using lab = await CniLab.open()
  const pod = await lab.addPod()
  const config = bridgeConfig(lab)
  const result = await lab.add({ id: 'a', netns: pod.netns, config })
  t.is(result.ips[0].address, '10.77.0.2/24')
  t.is(readFileSync(join(lab.dataDir, 'plain', '10.77.0.2'), 'utf8'), 'a\r\neth0')
  t.is(readFileSync(join(lab.dataDir, 'plain', 'last_reserved_ip.0'), 'utf8'), '10.77.0.2')
  t.true(await pod.ping('10.77.0.1'))
  t.is((await lab.call('CHECK', { id: 'a', netns: pod.netns, config: { ...config, prevResult: result } })).exitCode, 0)
  await lab.del({ id: 'a', netns: pod.netns, config })
  await lab.settled(0)
  t.deepEqual(readdirSync(join(lab.dataDir, 'plain')).toSorted(), ['last_reserved_ip.0', 'lock'])
})

test('as an IPAM plugin it answers addresses only, for any main plugin, from files or from its own store (1.6, 20)', async t => {
  await using lab = await CniLab.open()
  const hostLocal = linkedAs(lab, 'host-local')
  const config = { cniVersion: '1.0.0', name: 'delegated', type: 'macvlan', ipam: { type: 'host-local', dataDir: lab.dataDir, ranges: [[{ subnet: '10.78.0.0/24' }], [{ subnet: 'fd78::/64' }]], routes: [{ dst: '0.0.0.0/0' }] } }
  const call = { id: 'a', netns: '/run/netns/nowhere', config, program: hostLocal }
  t.deepEqual(await lab.add(call), { cniVersion: '1.0.0', ips: [{ address: '10.78.0.2/24', gateway: '10.78.0.1' }, { address: 'fd78::2/64', gateway: 'fd78::1' }], routes: [{ dst: '0.0.0.0/0' }] })
  t.is((await lab.call('ADD', call)).json.code, 112)
  t.is((await lab.call('CHECK', { ...call, config: { ...config, prevResult: { cniVersion: '1.0.0' } } })).exitCode, 0)
  await lab.del({ ...call, netns: '' })
  t.deepEqual(readdirSync(join(lab.dataDir, 'delegated')).filter(name => !name.startsWith('last_') && name !== 'lock'), [])
  const own = { id: 'b', netns: '/run/netns/nowhere', config: { cniVersion: '1.0.0', name: 'own', type: 'macvlan', ipam: { type: 'weft-cni' } } }
  t.is((await lab.add(own)).ips[0].address, '10.88.1.2/24')
  await lab.del(own)
  t.is(lab.records().size, 0)
})

test('empty, damaged and old-format reservation files: released or swept, never in the way (37)', async t => {
  await using lab = await CniLab.open()
  const pod = await lab.addPod()
  const folder = join(lab.dataDir, 'plain')
  await lab.add({ id: 'a', netns: pod.netns, config: bridgeConfig(lab) })
  writeFileSync(join(folder, '10.77.0.3'), '')
  writeFileSync(join(folder, '10.77.0.4'), 'old-style-id\n')
  writeFileSync(join(folder, 'not-an-address'), 'x')
  const next = await lab.addPod()
  t.is((await lab.add({ id: 'b', netns: next.netns, config: bridgeConfig(lab) })).ips[0].address, '10.77.0.5/24', 'a file that is being written is respected')
  await lab.del({ id: 'old-style-id', netns: '', config: bridgeConfig(lab) })
  t.false(readdirSync(folder).includes('10.77.0.4'))
})

test('the second set being exhausted gives the first set\'s address back (38)', async t => {
  await using lab = await CniLab.open()
  const config = bridgeConfig(lab, { ipam: { type: 'host-local', dataDir: lab.dataDir, ranges: [[{ subnet: '10.77.0.0/24' }], [{ subnet: '10.79.0.0/30' }]] } })
  const pods = [await lab.addPod(), await lab.addPod()]
  await lab.add({ id: 'a', netns: pods[0]!.netns, config })
  t.is((await lab.call('ADD', { id: 'b', netns: pods[1]!.netns, config })).json.code, 110)
  t.deepEqual(readdirSync(join(lab.dataDir, 'plain')).filter(name => name.startsWith('10.')).toSorted(), ['10.77.0.2', '10.79.0.2'])
  await lab.settled(1)
})

test('behind another plugin: host ports and shaping on its interface, its result handed on with what it does not know (6)', async t => {
  await using lab = await CniLab.open()
  const pod = await lab.addPod()
  const first = await lab.add({ id: 'a', netns: pod.netns, config: bridgeConfig(lab) })
  const prevResult = { ...first, 'vendor.io/note': { kept: true } }
  const config = { ...WEFT_CONFIG, name: 'plain', prevResult, runtimeConfig: { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: 'tcp' }], bandwidth: { ingressRate: 8_000_000, ingressBurst: 800_000, egressRate: 4_000_000, egressBurst: 400_000 } } }
  const result = await lab.add({ id: 'a', netns: pod.netns, config })
  t.deepEqual(result['vendor.io/note'], { kept: true })
  t.deepEqual(result.interfaces.slice(0, 3), first.interfaces)
  t.regex(result.interfaces[3].name, /^bwp[0-9a-f]{12}$/)
  await pod.echo({ port: 80 })
  t.is((await lab.host.tcp('10.77.0.1', 8080)).server, pod.name)
  t.is((await lab.call('CHECK', { id: 'a', netns: pod.netns, config: { ...config, prevResult: result } })).exitCode, 0)
  await lab.del({ id: 'a', netns: pod.netns, config: { ...config, prevResult: result } })
  t.truthy(await pod.rtnl.links.get('eth0', { signal }), 'the interface is its maker\'s to remove')
  await lab.del({ id: 'a', netns: pod.netns, config: bridgeConfig(lab, { prevResult: result }) })
  await lab.settled(0)
  await eventually(async () => !(await lab.host.exec(['ip', 'link'])).stdout.includes('bwp'))
  t.is((await lab.call('ADD', { id: 'b', netns: pod.netns, config: { cniVersion: '1.0.0', name: 'n', type: 'portmap' } })).json.code, 7)
})

test('shaping is real in both directions, containerd\'s burst included, and a leftover device does not stop an ADD (46)', async t => {
  await using lab = await CniLab.open()
  const pod = await lab.addPod()
  const bandwidth = { IngressRate: 1_000_000, IngressBurst: 4_294_967_295, EgressRate: 1_000_000, EgressBurst: 80_000 }
  const config = { ...WEFT_CONFIG, runtimeConfig: { bandwidth } }
  const result = await lab.add({ id: 'a', netns: pod.netns, config })
  const [, veth, , ifb] = result.interfaces
  const host = (await lab.host.rtnl.links.get(veth.name, { signal }))!
  const bucket = (await lab.host.rtnl.trafficControl.qdiscs(host.index, { signal })).find(qdisc => qdisc.kind === 'tbf')?.bucket
  t.is(bucket?.rate, 125_000n)
  t.true(bucket!.buffer > 0xf000_0000, `the burst was clamped, not wrapped: ${bucket?.buffer}`)
  t.is((await lab.call('CHECK', { id: 'a', netns: pod.netns, config: { ...config, prevResult: result } })).exitCode, 0)
  // 100 kB out of the pod: 10 kB of burst at once, the rest at 125 kB/s.
  const server = await lab.host.echo({ port: 0 })
  await using connection = await pod.openTcp('10.88.1.1', server.port)
  await connection.send('warm up')
  const began = performance.now()
  await connection.send('x'.repeat(100_000), { timeoutMs: 10_000 })
  const seconds = (performance.now() - began) / 1000
  t.true(seconds > 0.5, `100 kB left in ${seconds} s`)
  await lab.host.exec(['tc', 'qdisc', 'del', 'dev', ifb.name, 'root'])
  t.regex((await lab.call('CHECK', { id: 'a', netns: pod.netns, config: { ...config, prevResult: result } })).json.msg, /token bucket of bwp/)
  await lab.del({ id: 'a', netns: pod.netns })
  await lab.settled(0)
  await lab.host.exec(['ip', 'link', 'add', ifb.name, 'type', 'ifb'])
  await lab.add({ id: 'a', netns: pod.netns, config })
  await lab.del({ id: 'a', netns: pod.netns })
  await eventually(async () => !(await lab.host.exec(['ip', 'link'])).stdout.includes('bwp'))
})

test('loopback: up, both addresses, whatever the interface is called; a vanished namespace is fine (4.3)', async t => {
  await using lab = await CniLab.open()
  const pod = await lab.addPod()
  await pod.rtnl.links.change('lo', { up: false }, { signal })
  const program = linkedAs(lab, 'loopback')
  const call = { id: 'a', netns: pod.netns, ifname: 'lo', program, config: { cniVersion: '0.3.1', name: 'cni-loopback', type: 'loopback' } }
  const result = await lab.add(call)
  t.deepEqual(result.interfaces, [{ name: 'lo', mac: '00:00:00:00:00:00', sandbox: pod.netns }])
  t.deepEqual(result.ips.map((ip: any) => [ip.address, ip.interface]), [['127.0.0.1/8', 0], ['::1/128', 0]])
  t.true(await pod.ping('127.0.0.1'))
  const check = { ...call, config: { cniVersion: '1.0.0', name: 'cni-loopback', type: 'loopback', prevResult: { cniVersion: '1.0.0' } } }
  t.is((await lab.call('CHECK', check)).exitCode, 0)
  await lab.del(call)
  t.is((await lab.call('CHECK', check)).json.code, 117)
  await lab.del({ ...call, netns: '/run/netns/gone' })
})

test('flannel\'s configuration: rendered from the subnet file, deleted without it (21)', async t => {
  await using lab = await CniLab.open()
  const pod = await lab.addPod()
  const subnetFile = join(lab.folder, 'subnet.env')
  const config = { cniVersion: '1.0.0', name: 'cbr0', type: 'flannel', subnetFile, ipam: { dataDir: lab.dataDir }, delegate: { isDefaultGateway: true, hairpinMode: true } }
  const early = await lab.call('ADD', { id: 'a', netns: pod.netns, config })
  t.is(early.json.code, 11)
  t.regex(early.json.msg, /lease of this host has not been obtained yet/)
  writeFileSync(subnetFile, 'FLANNEL_NETWORK=10.70.0.0/16\nFLANNEL_SUBNET=10.70.3.1/24\nFLANNEL_IPV6_NETWORK=fd70::/48\n')
  t.regex((await lab.call('ADD', { id: 'a', netns: pod.netns, config })).json.msg, /missing FLANNEL_MTU, FLANNEL_IPMASQ/)
  writeFileSync(subnetFile, 'FLANNEL_NETWORK=10.70.0.0/16\nFLANNEL_SUBNET=10.70.3.1/24\nFLANNEL_IPV6_NETWORK=fd70::/48\nFLANNEL_IPV6_SUBNET=fd70:0:0:3::1/64\nFLANNEL_MTU=1400\nFLANNEL_IPMASQ=true\n')
  const result = await lab.add({ id: 'a', netns: pod.netns, config })
  t.deepEqual(result.ips.map((ip: any) => ip.address), ['10.70.3.2/24', 'fd70:0:0:3::2/64'])
  t.deepEqual(result.routes.map((route: any) => route.dst), ['10.70.0.0/16', 'fd70::/48', '0.0.0.0/0', '::/0'])
  t.is((await pod.rtnl.links.get('eth0', { signal }))?.mtu, 1400)
  t.true(await pod.ping('10.70.3.1'))
  writeFileSync(subnetFile, '')
  await lab.del({ id: 'a', netns: pod.netns, config })
  await lab.settled(0)
})

test('layer 2 only: a link on the bridge and no addresses; CHECK passes (2.2)', async t => {
  await using lab = await CniLab.open()
  const pod = await lab.addPod()
  const config = { cniVersion: '1.0.0', name: 'l2', type: 'bridge', bridge: 'br-l2', promiscMode: true }
  const result = await lab.add({ id: 'a', netns: pod.netns, config })
  t.false('ips' in result)
  t.true((await pod.rtnl.links.get('eth0', { signal }))?.up)
  t.true((await lab.host.rtnl.links.get('br-l2', { signal }))?.promiscuous)
  t.is((await lab.call('CHECK', { id: 'a', netns: pod.netns, config: { ...config, prevResult: result } })).exitCode, 0)
  await lab.del({ id: 'a', netns: pod.netns, config })
  await lab.settled(0)
})

test('a bridge with another address or of another kind is a conflict that names both; forceAddress replaces (25)', async t => {
  await using lab = await CniLab.open()
  const pod = await lab.addPod()
  await lab.host.exec(['ip', 'link', 'add', 'br-plain', 'type', 'bridge'])
  await lab.host.exec(['ip', 'addr', 'add', '10.99.0.1/24', 'dev', 'br-plain'])
  const refused = await lab.call('ADD', { id: 'a', netns: pod.netns, config: bridgeConfig(lab) })
  t.is(refused.json.code, 114)
  t.regex(refused.json.msg, /10\.99\.0\.1\/24.*10\.77\.0\.1\/24/)
  await lab.settled(0)
  await lab.add({ id: 'a', netns: pod.netns, config: bridgeConfig(lab, { forceAddress: true }) })
  t.true(await pod.ping('10.77.0.1'))
  await lab.del({ id: 'a', netns: pod.netns, config: bridgeConfig(lab) })
  await lab.host.exec(['ip', 'link', 'add', 'other0', 'type', 'ifb'])
  t.is((await lab.call('ADD', { id: 'a', netns: pod.netns, config: bridgeConfig(lab, { bridge: 'other0' }) })).json.code, 114)
})

test('kernel settings that a pod asks for are set in its namespace only, and checked; others are refused (sysctl)', async t => {
  await using lab = await CniLab.open()
  const pod = await lab.addPod()
  const read = async (where: LabNetns, name: string): Promise<string> => (await where.exec(['cat', `/proc/sys/${name}`], { check: false })).stdout.trim()
  const config = { ...WEFT_CONFIG, sysctl: { 'net.ipv4.conf.IFNAME.log_martians': '1', 'net.ipv4.tcp_fin_timeout': '11' }, args: { cni: { sysctl: { 'net/ipv4/tcp_fin_timeout': '12', 'net.ipv4.tcp_fin_timeout': '13' } } } }
  const before = await read(lab.host, 'net/ipv4/tcp_fin_timeout')
  const result = await lab.add({ id: 'a', netns: pod.netns, config })
  t.deepEqual([await read(pod, 'net/ipv4/conf/eth0/log_martians'), await read(pod, 'net/ipv4/tcp_fin_timeout')], ['1', '12'])
  t.is(await read(lab.host, 'net/ipv4/tcp_fin_timeout'), before)
  const check = { id: 'a', netns: pod.netns, config: { ...config, prevResult: result } }
  t.is((await lab.call('CHECK', check)).exitCode, 0)
  await pod.exec(['sh', '-c', 'echo 0 > /proc/sys/net/ipv4/conf/eth0/log_martians'])
  t.regex((await lab.call('CHECK', check)).json.msg, /log_martians: expected 1, found 0/)
  await lab.del({ id: 'a', netns: pod.netns })
  for (const [name, code] of [['kernel.core_pattern', 7], ['net.../kernel/x', 7], ['net.ipv4.there_is_none', 116]] as const) {
    t.is((await lab.call('ADD', { id: 'b', netns: pod.netns, config: { ...WEFT_CONFIG, sysctl: { [name]: '1' } } })).json.code, code, name)
  }
  t.is((await lab.call('ADD', { id: 'b', netns: pod.netns, config: { ...WEFT_CONFIG, sysctl: { 'net.ipv4.ip_forward': 1 } } })).json.code, 6)
  await lab.settled(0)
})
