// Host ports and masquerading, judged by who answers and whom the pod sees asking.

import test, { type ExecutionContext } from 'ava'
import { eventually } from '../../lab/eventually.ts'
import { LabNetns } from '../../lab/lab-netns.ts'
import { parsePrefix } from '../../../src/net/ip/prefix.ts'
import { parseAddress } from '../../../src/net/ip/address.ts'
import { CniLab, WEFT_CONFIG } from './cni-lab.ts'
import { closeSync, openSync } from 'node:fs'

/** By its full path: npm puts a program of the same name, of a package that we depend on, in front. */
const NFT = '/usr/sbin/nft'

const signal = new AbortController().signal

/** A machine beside the host: 192.0.2.2 and 2001:db8::2, the host being .1 and ::1. */
async function outside(lab: CniLab): Promise<LabNetns> {
  const other = lab.host.use(await LabNetns.open('outside', `${lab.prefix}-outside`))
  const netnsFd = openSync(other.netns, 'r')
  await lab.host.rtnl.links.add({ name: 'uplink', up: true, info: { kind: 'veth', peer: { name: 'eth0', netnsFd } } }, { signal })
  closeSync(netnsFd)
  await other.rtnl.links.change('eth0', { up: true }, { signal })
  await lab.host.addAddresses('uplink', '192.0.2.1/24', '2001:db8::1/64')
  await other.addAddresses('eth0', '192.0.2.2/24', '2001:db8::2/64')
  for (const [destination, gateway] of [['10.88.0.0/16', '192.0.2.1'], ['fd88::/16', '2001:db8::1']] as const) {
    await other.rtnl.routes.add({ destination: parsePrefix(destination, 'destination'), gateway: parseAddress(gateway, 'gateway') }, { signal })
  }
  return other
}

const withPorts = (portMappings: readonly unknown[], more: Readonly<Record<string, unknown>> = {}): Record<string, unknown> => ({ ...WEFT_CONFIG, ...more, runtimeConfig: { portMappings } })

async function noRulesLeft(t: ExecutionContext, lab: CniLab): Promise<void> {
  await eventually(async () => ((await lab.host.exec([NFT, 'list', 'tables'])).stdout.includes('weft-cni') ? 'the table is still there' : true))
  t.pass()
}

test('a host port reaches the pod from outside, from the host, from 127.0.0.1, from other pods and from itself (22, 43)', async t => {
  await using lab = await CniLab.open()
  const other = await outside(lab)
  const [pod, neighbour] = [await lab.addPod(), await lab.addPod()]
  await lab.add({ id: 'a', netns: pod.netns, config: withPorts([{ HostPort: 8080, ContainerPort: 80, Protocol: 'TCP' }, { hostPort: 8080, containerPort: 53, protocol: 'udp' }]) })
  await lab.add({ id: 'b', netns: neighbour.netns })
  await pod.echo({ port: 80, family: 6 })
  await pod.echo({ port: 53, family: 6, protocol: 'udp' })
  t.is((await other.tcp('192.0.2.1', 8080)).clientAddress, '192.0.2.2', 'the client address is preserved')
  t.is((await other.tcp('2001:db8::1', 8080)).clientAddress, '2001:db8::2')
  t.is((await other.udp('192.0.2.1', 8080)).server, pod.name)
  t.is((await lab.host.tcp('192.0.2.1', 8080)).server, pod.name)
  t.is((await lab.host.tcp('127.0.0.1', 8080)).server, pod.name)
  t.is((await lab.host.tcp('2001:db8::1', 8080)).server, pod.name)
  t.is((await pod.tcp('192.0.2.1', 8080)).server, pod.name, 'hairpin')
  t.is((await neighbour.tcp('192.0.2.1', 8080)).server, pod.name)
  t.is((await neighbour.tcp('2001:db8::1', 8080)).server, pod.name)
  t.is((await neighbour.tcp('10.88.1.2', 80)).clientAddress, '10.88.1.3', 'traffic that needs no host port is left alone')
  await t.throwsAsync(other.tcp('192.0.2.1', 8081, { timeoutMs: 300 }))
  await lab.del({ id: 'a', netns: '' })
  await t.throwsAsync(other.tcp('192.0.2.1', 8080, { timeoutMs: 300 }))
  await noRulesLeft(t, lab)
})

test('hostIP limits a port to that address; 0.0.0.0 and :: mean any address of their family (43)', async t => {
  await using lab = await CniLab.open()
  const other = await outside(lab)
  await lab.host.addAddresses('uplink', '192.0.2.3/24')
  const pods = [await lab.addPod(), await lab.addPod(), await lab.addPod()]
  await lab.add({ id: 'one', netns: pods[0]!.netns, config: withPorts([{ hostPort: 9000, containerPort: 80, protocol: 'tcp', hostIP: '192.0.2.3' }]) })
  await lab.add({ id: 'v4', netns: pods[1]!.netns, config: withPorts([{ hostPort: 9000, containerPort: 80, protocol: 'tcp', hostIP: '0.0.0.0' }]) })
  await lab.add({ id: 'v6', netns: pods[2]!.netns, config: withPorts([{ hostPort: 9000, containerPort: 80, protocol: 'tcp', hostIP: '::' }]) })
  for (const pod of pods) await pod.echo({ port: 80, family: 6 })
  t.is((await other.tcp('192.0.2.3', 9000)).server, pods[0]!.name)
  t.is((await other.tcp('192.0.2.1', 9000)).server, pods[1]!.name)
  t.is((await other.tcp('2001:db8::1', 9000)).server, pods[2]!.name)
})

test('of two claims of one port the newest serves, and the older one again when that is deleted (42)', async t => {
  await using lab = await CniLab.open()
  const other = await outside(lab)
  const [older, newer] = [await lab.addPod(), await lab.addPod()]
  const config = withPorts([{ hostPort: 8080, containerPort: 80, protocol: 'tcp' }])
  for (const [id, pod] of [['older', older], ['newer', newer]] as const) {
    await pod.echo({ port: 80 })
    await lab.add({ id, netns: pod.netns, config })
  }
  t.is((await other.tcp('192.0.2.1', 8080)).server, newer.name)
  await lab.del({ id: 'newer', netns: newer.netns })
  t.is((await other.tcp('192.0.2.1', 8080)).server, older.name)
  await lab.del({ id: 'older', netns: older.netns })
  await noRulesLeft(t, lab)
})

test('a UDP flow that conntrack pinned before ADD moves to the pod, and does not blackhole after DEL (41)', async t => {
  await using lab = await CniLab.open()
  const other = await outside(lab)
  const pod = await lab.addPod()
  const config = withPorts([{ hostPort: 5353, containerPort: 53, protocol: 'udp' }])
  const ask = (): Promise<{ server: string }> => other.udp('192.0.2.1', 5353, { localPort: 40000, timeoutMs: 1000 })
  // Connection tracking only begins where some rule needs it.
  await lab.host.exec([NFT, '-f', '-'], { input: 'table ip watcher { chain c { type filter hook input priority 0; ct state new counter; }\nchain p { type nat hook prerouting priority -100; }\n}' })
  await lab.host.echo({ protocol: 'udp', port: 5353, name: 'host' })
  await pod.echo({ protocol: 'udp', port: 53 })
  t.is((await ask()).server, 'host')
  await lab.add({ id: 'a', netns: pod.netns, config })
  t.is((await ask()).server, pod.name)
  await lab.del({ id: 'a', netns: pod.netns, config })
  t.is((await ask()).server, 'host')
})

test('masqAll hides every client; snat false leaves 127.0.0.1 and neighbours alone (45)', async t => {
  await using lab = await CniLab.open()
  const other = await outside(lab)
  const [all, none] = [await lab.addPod(), await lab.addPod()]
  await lab.add({ id: 'all', netns: all.netns, config: withPorts([{ hostPort: 8080, containerPort: 80, protocol: 'tcp' }], { masqAll: true }) })
  await lab.add({ id: 'none', netns: none.netns, config: withPorts([{ hostPort: 8081, containerPort: 80, protocol: 'tcp' }], { snat: false }) })
  for (const pod of [all, none]) await pod.echo({ port: 80 })
  t.is((await other.tcp('192.0.2.1', 8080)).clientAddress, '10.88.1.1')
  t.is((await other.tcp('192.0.2.1', 8081)).clientAddress, '192.0.2.2')
  await t.throwsAsync(lab.host.tcp('127.0.0.1', 8081, { timeoutMs: 300 }))
})

test('conditions decide for whom a host port counts, each pod by its own; they come and go with their pods (45)', async t => {
  await using lab = await CniLab.open()
  const other = await outside(lab)
  await lab.host.addAddresses('uplink', '192.0.2.3/24')
  const [choosy, rest, marked] = [await lab.addPod(), await lab.addPod(), await lab.addPod()]
  const mapping = [{ hostPort: 8080, containerPort: 80, protocol: 'tcp' }]
  await lab.add({ id: 'choosy', netns: choosy.netns, config: withPorts(mapping, { conditionsV4: ['!', '-d', '192.0.2.0/31'], conditionsV6: ['-s', '2001:db8::2', '-i', 'upl+'] }) })
  for (const pod of [choosy, rest, marked]) await pod.echo({ port: 80, family: 6 })
  t.is((await other.tcp('192.0.2.3', 8080)).server, choosy.name)
  await t.throwsAsync(other.tcp('192.0.2.1', 8080, { timeoutMs: 300 }))
  t.is((await other.tcp('2001:db8::1', 8080)).server, choosy.name)
  await t.throwsAsync(lab.host.tcp('2001:db8::1', 8080, { timeoutMs: 300 }), undefined, 'what the host itself sends came in nowhere')
  await lab.add({ id: 'rest', netns: rest.netns, config: withPorts(mapping, { backend: 'nftables', conditionsV4: ['ip saddr 192.0.2.2', 'iifname "uplink"', 'ip daddr != 192.0.2.3'], conditionsV6: ['ip6 daddr ::'] }) })
  await lab.add({ id: 'marked', netns: marked.netns, config: withPorts([{ hostPort: 8080, containerPort: 80, protocol: 'tcp', hostIP: '192.0.2.3' }], { conditionsV4: ['meta mark 0x7/0xff'] }) })
  t.is((await other.tcp('192.0.2.1', 8080)).server, rest.name)
  t.is((await other.tcp('192.0.2.3', 8080)).server, choosy.name)
  await lab.host.exec([NFT, '-f', '-'], { input: 'table ip marker { chain c { type filter hook prerouting priority -200; ip daddr 192.0.2.3 meta mark set 0x107; }\n}' })
  await eventually(async () => (await other.tcp('192.0.2.3', 8080)).server === marked.name)
  await lab.host.exec([NFT, 'flush', 'chain', 'ip', 'weft-cni', 'translate'])
  await eventually(async () => (await other.tcp('192.0.2.1', 8080, { timeoutMs: 200 })).server === rest.name, { timeoutMs: 5000 })
  await lab.del({ id: 'choosy', netns: choosy.netns })
  await t.throwsAsync(other.tcp('2001:db8::1', 8080, { timeoutMs: 300 }))
  t.is((await other.tcp('192.0.2.1', 8080)).server, rest.name)
  for (const [id, pod] of [['rest', rest], ['marked', marked]] as const) await lab.del({ id, netns: pod.netns })
  await noRulesLeft(t, lab)
})

test('ipMasq: outside sees the host, the own subnet sees the pod (30)', async t => {
  await using lab = await CniLab.open()
  const other = await outside(lab)
  const [pod, neighbour] = [await lab.addPod(), await lab.addPod()]
  await lab.add({ id: 'a', netns: pod.netns, config: { ...WEFT_CONFIG, ipMasq: true } })
  await lab.add({ id: 'b', netns: neighbour.netns })
  const there = await other.echo({ family: 6 })
  const beside = await neighbour.echo({ family: 6 })
  t.is((await pod.tcp('192.0.2.2', there.port)).clientAddress, '192.0.2.1')
  t.is((await pod.tcp('2001:db8::2', there.port)).clientAddress, '2001:db8::1')
  t.is((await neighbour.tcp('192.0.2.2', there.port)).clientAddress, '10.88.1.3')
  t.is((await pod.tcp('10.88.1.3', beside.port)).clientAddress, '10.88.1.2')
  await lab.del({ id: 'a', netns: pod.netns })
  await noRulesLeft(t, lab)
})

test('rules deleted behind our back return within a second (47)', async t => {
  await using lab = await CniLab.open()
  const other = await outside(lab)
  const pod = await lab.addPod()
  await pod.echo({ port: 80 })
  await lab.add({ id: 'a', netns: pod.netns, config: withPorts([{ hostPort: 8080, containerPort: 80, protocol: 'tcp' }]) })
  for (const damage of ['delete table ip weft-cni', 'flush chain ip weft-cni prerouting', 'flush map ip weft-cni hostports', 'insert rule ip weft-cni prerouting accept']) {
    await lab.host.exec([NFT, ...damage.split(' ')])
    const began = performance.now()
    await eventually(async () => (await other.tcp('192.0.2.1', 8080, { timeoutMs: 100 })).server === pod.name, { timeoutMs: 5000 })
    t.true(performance.now() - began < 1500, `${damage}: ${Math.round(performance.now() - began)} ms`)
  }
  const repairs = (): number => lab.log.filter(line => line['msg'] === 'packet filter table of pods put back').length
  // The packet is faster than the log line about the rule that let it through.
  await eventually(() => repairs() >= 4)
  t.is(repairs(), 4, 'once per damage, and never after changes of our own')
})

test('forty mappings on one number and more, over TCP, UDP and SCTP, are opened and closed together (43, 44)', async t => {
  await using lab = await CniLab.open()
  const pod = await lab.addPod()
  const mappings = Array.from({ length: 40 }, (_, index) => ({ hostPort: 7000 + Math.floor(index / 3), containerPort: 80 + index, protocol: ['tcp', 'udp', 'sctp'][index % 3] }))
  await lab.add({ id: 'a', netns: pod.netns, config: withPorts(mappings) })
  const listing = (await lab.host.exec([NFT, 'list', 'map', 'ip', 'weft-cni', 'hostports'])).stdout
  t.is(listing.match(/ : 10\.88\.1\.2 \. /g)?.length, 40)
  await lab.del({ id: 'a', netns: pod.netns })
  await noRulesLeft(t, lab)
})
