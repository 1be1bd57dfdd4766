// What rtnetlink made is what iproute2 sees, and the other way round.

import { execFileSync } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { basename } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { formatAddress, parseAddress } from '../../../src/net/ip/address.ts'
import { parseMac } from '../../../src/net/ip/mac.ts'
import { formatPrefix, parsePrefix } from '../../../src/net/ip/prefix.ts'
import { NetlinkSocket } from '../../../src/net/netlink/netlink-socket.ts'
import { createNetns, removeNetns } from '../../../src/net/netns/named-netns.ts'
import { newAddressMessage } from '../../../src/net/rtnetlink/addresses.ts'
import { routeMessage } from '../../../src/net/rtnetlink/route.ts'
import { openRtnl, type Rtnl } from '../../../src/net/rtnetlink/rtnl.ts'

const signal = AbortSignal.timeout(60_000)
const o = { signal }
let counter = 0

const address = (text: string) => parseAddress(text, 'address')
const prefix = (text: string) => parsePrefix(text, 'prefix')
const mac = (text: string) => parseMac(text, 'mac')

/** A namespace of this test's own, removed with it; `ip` runs iproute2 in it and answers its JSON. */
function namespace(t: ExecutionContext): { path: string; rtnl: Rtnl; ip: (...args: readonly string[]) => any } {
  const path = `/run/netns/weft-rtnl-${process.pid}-${counter++}`
  createNetns(path)
  t.teardown(() => removeNetns(path))
  const rtnl = openRtnl({ netns: path })
  t.teardown(() => rtnl[Symbol.asyncDispose]())
  const ip = (...args: readonly string[]): any => {
    const [program, ...rest] = args[0] === 'bridge' ? args : ['ip', ...args]
    const text = execFileSync(program!, ['-d', '-j', '-n', basename(path), ...rest], { encoding: 'utf8' })
    return text.trim() === '' ? [] : JSON.parse(text)
  }
  return { path, rtnl, ip }
}

/** A link that takes addresses; not every kernel has dummy links. */
async function addLink(rtnl: Rtnl, name: string): Promise<number> {
  await rtnl.links.add({ name, up: true, info: { kind: 'bridge' } }, o)
  return (await rtnl.links.get(name, o))!.index
}

test('a vxlan link is made as asked, and read back equal', async t => {
  const { rtnl, ip } = namespace(t)
  const parentIndex = await addLink(rtnl, 'under')
  for (const [name, local] of [['flannel.1', '192.0.2.7'], ['flannel-v6.1', 'fd00::7']] as const) {
    const info = { kind: 'vxlan', vni: local.includes(':') ? 2 : 1, local: address(local), udpPort: 8472, learning: false, parentIndex, ttl: 9, df: 'set', gbp: true } as const
    await rtnl.links.add({ name, mtu: 1410, mac: mac('0e:2a:00:00:00:01'), txQueueLength: 0, up: true, info }, o)
    const link = (await rtnl.links.get(name, o))!
    t.like(link, { name, mtu: 1410, mac: mac('0e:2a:00:00:00:01'), up: true, txQueueLength: 0 })
    t.like(link.info, { ...info, group: undefined })
    const [seen] = ip('link', 'show', 'dev', name)
    t.like(seen, { mtu: 1410, address: '0e:2a:00:00:00:01', linkinfo: { info_kind: 'vxlan' } })
    t.like(seen.linkinfo.info_data, { id: info.vni, [local.includes(':') ? 'local6' : 'local']: local, link: 'under', port: 8472, learning: false, ttl: 9, df: 'set', gbp: true })
  }
})

test('a veth pair is made in one message with its other end in another namespace', async t => {
  const [here, there] = [namespace(t), namespace(t)]
  const bridge = await addLink(here.rtnl, 'cni0')
  const netnsFd = openSync(there.path, 'r')
  t.teardown(() => closeSync(netnsFd))
  await here.rtnl.links.add({
    name: 'veth0', mtu: 1400, up: true, masterIndex: bridge, port: { hairpin: true, isolated: true },
    info: { kind: 'veth', peer: { name: 'eth0', mtu: 1400, mac: mac('0a:58:0a:f4:00:02'), netnsFd } },
  }, o)
  await there.rtnl.links.change('eth0', { up: true }, o)
  const host = (await here.rtnl.links.get('veth0', o))!
  const pod = (await there.rtnl.links.get('eth0', o))!
  t.like(host, { masterIndex: bridge, mtu: 1400, parentIndex: pod.index, info: { kind: 'veth' }, port: { hairpin: true, isolated: true, learning: true } })
  t.like(pod, { mac: mac('0a:58:0a:f4:00:02'), mtu: 1400, parentIndex: host.index, carrier: true })
  t.like(here.ip('link', 'show', 'dev', 'veth0')[0].linkinfo.info_slave_data, { hairpin: true, isolated: true })
  await here.rtnl.links.change('veth0', { port: { hairpin: false } }, o)
  t.like((await here.rtnl.links.get('veth0', o))!.port, { hairpin: false, isolated: true })
  t.deepEqual((await here.rtnl.links.list({ ...o, masterIndex: bridge })).map(link => link.name), ['veth0'])
  t.is(await here.rtnl.links.remove('veth0', o), 'removed')
  t.is(await here.rtnl.links.remove('veth0', o), 'absent')
  t.is(await there.rtnl.links.get('eth0', o), undefined)
})

test('links are renamed, re-addressed and moved to another namespace', async t => {
  const [here, there] = [namespace(t), namespace(t)]
  const index = await addLink(here.rtnl, 'a0')
  await here.rtnl.links.change(index, { up: false }, o)
  await here.rtnl.links.change(index, { name: 'a1', mtu: 1300, mac: mac('02:00:00:00:00:09'), alias: 'one two', group: 7, promiscuous: true }, o)
  t.like(here.ip('link', 'show', 'dev', 'a1')[0], { mtu: 1300, address: '02:00:00:00:00:09', ifalias: 'one two', group: '7' })
  t.like(await here.rtnl.links.get('a1', o), { index, alias: 'one two', group: 7, promiscuous: true, up: false })
  await here.rtnl.links.add({ name: 'm0', info: { kind: 'veth', peer: { name: 'm1' } } }, o)
  const netnsFd = openSync(there.path, 'r')
  t.teardown(() => closeSync(netnsFd))
  await here.rtnl.links.change('m1', { netnsFd }, o)
  t.truthy(await there.rtnl.links.get('m1', o))
})

test('addresses are added, listed and removed as iproute2 sees them', async t => {
  const { rtnl, ip } = namespace(t)
  const linkIndex = await addLink(rtnl, 'a0')
  await rtnl.addresses.add({ linkIndex, address: address('10.244.1.1'), prefixLength: 24, broadcast: 'network' }, o)
  await rtnl.addresses.add({ linkIndex, address: address('10.244.3.0'), prefixLength: 32 }, o)
  await rtnl.addresses.add({ linkIndex, address: address('fd00:1::1'), prefixLength: 64, noDad: true, noPrefixRoute: true }, o)
  await t.throwsAsync(rtnl.addresses.add({ linkIndex, address: address('10.244.3.0'), prefixLength: 32 }, o), { message: /EEXIST/ })
  await rtnl.addresses.replace({ linkIndex, address: address('10.244.3.0'), prefixLength: 32 }, o)
  const seen = ip('address', 'show', 'dev', 'a0')[0].addr_info
  const listed = await rtnl.addresses.list({ ...o, linkIndex })
  t.deepEqual(listed.map(a => `${formatAddress(a.address)}/${a.prefixLength}`).sort(), seen.map((a: any) => `${a.local}/${a.prefixlen}`).sort())
  t.is(formatAddress(listed[0]!.broadcast!), '10.244.1.255')
  t.false(listed.find(a => a.prefixLength === 64 && a.scope === 0)!.tentative)
  const gone = { linkIndex, address: address('10.244.3.0'), prefixLength: 32 }
  t.is(await rtnl.addresses.remove(gone, o), 'removed')
  t.is(await rtnl.addresses.remove(gone, o), 'absent')
  t.is(await rtnl.addresses.remove({ ...gone, linkIndex: 9999 }, o), 'absent')
})

test('routes of both families survive the way to the kernel and back', async t => {
  const { rtnl, ip } = namespace(t)
  const linkIndex = await addLink(rtnl, 'a0')
  await rtnl.addresses.add({ linkIndex, address: address('10.0.0.1'), prefixLength: 24 }, o)
  const onLink = { destination: prefix('10.5.52.0/24'), gateway: address('10.5.52.0'), linkIndex, onLink: true, protocol: 119, metric: 3, mtu: 1350, source: address('10.0.0.1') }
  await rtnl.routes.add(onLink, o)
  await rtnl.routes.replace({ ...onLink, mtu: 1300 }, o)
  await rtnl.routes.add({ destination: prefix('10.66.0.0/16'), type: 'blackhole', protocol: 119, table: 1000 }, o)
  await rtnl.routes.add({ destination: prefix('0.0.0.0/0'), gateway: address('10.0.0.9'), protocol: 119 }, o)
  await rtnl.routes.add({ destination: prefix('fd00:5::/64'), gateway: address('fd00:9::1'), linkIndex, onLink: true, protocol: 119 }, o)
  const listed = await rtnl.routes.list({ ...o, protocol: 119 })
  t.deepEqual(listed.map(r => [formatPrefix(r.destination), r.type, r.table]).sort(), [
    ['0.0.0.0/0', 'unicast', 254], ['10.5.52.0/24', 'unicast', 254], ['10.66.0.0/16', 'blackhole', 1000], ['fd00:5::/64', 'unicast', 254],
  ])
  t.like(listed.find(r => r.destination.length === 24), { ...onLink, mtu: 1300 })
  t.like(ip('route', 'show', '10.5.52.0/24')[0], { gateway: '10.5.52.0', dev: 'a0', flags: ['onlink'], metric: 3, prefsrc: '10.0.0.1', metrics: [{ mtu: 1300 }] })
  t.like(ip('-6', 'route', 'show', 'fd00:5::/64')[0], { gateway: 'fd00:9::1', flags: ['onlink'], metric: 1024 })
  t.deepEqual(await rtnl.routes.list({ ...o, table: 4711 }), [])
  t.is((await rtnl.routes.list({ ...o, table: 1000 })).length, 1)
  t.is(formatAddress((await rtnl.routes.lookup(address('198.51.100.1'), o))!.gateway!), '10.0.0.9')
  t.is(await rtnl.routes.remove(onLink, o), 'removed')
  t.is(await rtnl.routes.remove(onLink, o), 'absent')
  t.is(await rtnl.routes.remove({ destination: prefix('10.66.0.0/16'), type: 'blackhole', table: 1000 }, o), 'removed')
})

test('a route with several next hops is read whole', async t => {
  const { rtnl, ip } = namespace(t)
  const linkIndex = await addLink(rtnl, 'a0')
  await rtnl.addresses.add({ linkIndex, address: address('10.0.0.1'), prefixLength: 24 }, o)
  ip('route', 'add', '10.9.0.0/16', 'nexthop', 'via', '10.0.0.2', 'weight', '3', 'nexthop', 'via', '10.0.0.3', 'dev', 'a0', 'onlink')
  const route = (await rtnl.routes.list(o)).find(r => formatPrefix(r.destination) === '10.9.0.0/16')!
  t.deepEqual(route.nextHops, [
    { gateway: address('10.0.0.2'), linkIndex, onLink: false, weight: 3 },
    { gateway: address('10.0.0.3'), linkIndex, onLink: true, weight: 1 },
  ])
})

test('neighbours and forwarding entries as vxlan needs them', async t => {
  const { rtnl, ip } = namespace(t)
  await rtnl.links.add({ name: 'vx', up: true, info: { kind: 'vxlan', vni: 7, udpPort: 8472, learning: false, local: address('127.0.0.1') } }, o)
  const linkIndex = (await rtnl.links.get('vx', o))!.index
  const [first, second] = [mac('0e:00:00:00:00:01'), mac('0e:00:00:00:00:02')]
  const neighbour = { linkIndex, address: address('10.5.1.0'), mac: first }
  await rtnl.neighbours.add(neighbour, o)
  await rtnl.neighbours.replace({ ...neighbour, mac: second }, o)
  await rtnl.neighbours.add({ linkIndex, address: address('fd00::1'), mac: first }, o)
  t.deepEqual((await rtnl.neighbours.list({ ...o, linkIndex })).filter(n => n.permanent).map(n => [formatAddress(n.address), n.mac]), [['10.5.1.0', second], ['fd00::1', first]])
  t.like(ip('neigh', 'show', 'dev', 'vx')[0], { dst: '10.5.1.0', lladdr: second, state: ['PERMANENT'] })
  const entry = { linkIndex, mac: first, destination: address('192.0.2.1') }
  await rtnl.fdb.add(entry, o)
  await rtnl.fdb.replace({ ...entry, destination: address('192.0.2.2') }, o)
  t.deepEqual((await rtnl.fdb.list({ ...o, linkIndex })).map(e => [e.mac, formatAddress(e.destination!), e.permanent]), [[first, '192.0.2.2', true]])
  t.like(ip('bridge', 'fdb', 'show', 'dev', 'vx')[0], { mac: first, dst: '192.0.2.2', flags: ['self'], state: 'permanent' })
  t.is(await rtnl.fdb.remove({ linkIndex, mac: first }, o), 'removed')
  t.is(await rtnl.fdb.remove({ linkIndex, mac: first }, o), 'absent')
  t.is(await rtnl.neighbours.remove(neighbour, o), 'removed')
  t.is(await rtnl.neighbours.remove(neighbour, o), 'absent')
})

test('policy rules survive the way to the kernel and back', async t => {
  const { rtnl, ip } = namespace(t)
  const rule = { family: 4, priority: 100, table: 1000, source: prefix('10.7.0.0/16'), mark: { value: 0x40, mask: 0xff }, inputLink: 'lo' } as const
  await rtnl.rules.add(rule, o)
  await rtnl.rules.add({ family: 6, priority: 101, action: 'blackhole', destination: prefix('fd00:7::/64'), inverted: true }, o)
  const listed = await rtnl.rules.list(o)
  t.like(listed.find(r => r.priority === 100), { ...rule, action: 'lookup' })
  t.like(listed.find(r => r.priority === 101), { family: 6, action: 'blackhole', inverted: true })
  t.like(ip('rule').find((r: any) => r.priority === 100), { src: '10.7.0.0', srclen: 16, fwmark: '0x40', fwmask: '0xff', table: '1000', iif: 'lo' })
  t.is(await rtnl.rules.remove(rule, o), 'removed')
  t.is(await rtnl.rules.remove(rule, o), 'absent')
})

test('a refusal names errno, the operation, the kernel text and the attribute', async t => {
  const { rtnl } = namespace(t)
  await t.throwsAsync(rtnl.routes.add({ destination: prefix('10.0.0.0/8'), gateway: address('203.0.113.1') }, o), {
    code: 'NETLINK_REFUSED', message: 'RTM_NEWROUTE 10.0.0.0/8 via 203.0.113.1: the kernel answered ENETUNREACH: Nexthop has invalid gateway',
  })
  const error = await t.throwsAsync(rtnl.links.add({ name: 'x', info: { kind: 'vxlan', vni: 1 << 25, udpPort: 1, learning: false } }, o))
  t.like(error, { errnoName: 'ERANGE', operation: 'RTM_NEWLINK x (vxlan)', attribute: { type: 1 } })
  t.regex(error.message, /VXLAN ID must be lower than 16777216/)
})

test('several messages in one datagram are carried out in order, each with its own verdict', async t => {
  const { rtnl } = namespace(t)
  const linkIndex = await addLink(rtnl, 'a0')
  const message = (text: string) => newAddressMessage({ linkIndex, address: address(text), prefixLength: 24 })
  await rtnl.apply([message('10.1.0.1'), message('10.2.0.1')], o)
  await t.throwsAsync(rtnl.apply([message('10.1.0.1'), message('10.3.0.1')], o), { message: /10\.1\.0\.1.*EEXIST/ })
  t.is((await rtnl.addresses.list({ ...o, linkIndex, family: 4 })).length, 3)
})

test('changes are notified with their values, from the subscription on', async t => {
  const { rtnl, ip } = namespace(t)
  const stop = new AbortController()
  const watch = rtnl.watch(['link', 'ipv4Address', 'ipv4Route', 'neighbour', 'ipv4Rule'], { signal: stop.signal })
  const linkIndex = await addLink(rtnl, 'a0')
  ip('address', 'add', '10.0.0.1/24', 'dev', 'a0')
  ip('neigh', 'add', '10.0.0.9', 'lladdr', '02:00:00:00:00:01', 'dev', 'a0')
  ip('rule', 'add', 'table', '55')
  ip('route', 'add', '10.9.0.0/16', 'via', '10.0.0.9')
  ip('route', 'del', '10.9.0.0/16')
  const seen: string[] = []
  for await (const event of watch) {
    if (event.kind === 'resync') continue
    if (event.kind === 'link' && event.value.index === linkIndex) seen.push('link')
    if (event.kind === 'address' && event.value.linkIndex === linkIndex) seen.push('address')
    if (event.kind === 'neighbour' && event.value.mac === '02:00:00:00:00:01') seen.push('neighbour')
    if (event.kind === 'rule' && event.value.table === 55) seen.push('rule')
    if (event.kind === 'route' && formatPrefix(event.value.destination) === '10.9.0.0/16') {
      seen.push(`route ${event.change}`)
      if (event.change === 'removed') stop.abort()
    }
  }
  t.deepEqual([...new Set(seen)], ['link', 'address', 'neighbour', 'rule', 'route new', 'route removed'])
})

test('an aborted request rejects with the reason and leaves the socket usable', async t => {
  const { rtnl } = namespace(t)
  const stop = new AbortController()
  const dump = rtnl.routes.list({ signal: stop.signal })
  stop.abort(new Error('enough'))
  await t.throwsAsync(dump, { message: 'enough' })
  t.truthy(await rtnl.links.get('lo', o))
  t.true((await rtnl.links.list(o)).length > 0)
})

test('dumps of thousands of routes run at the same time and are all whole', async t => {
  const { rtnl } = namespace(t)
  const linkIndex = await addLink(rtnl, 'a0')
  const messages = Array.from({ length: 3000 }, (_, i) =>
    routeMessage({ type: 24, flags: 0x600, operation: 'add' }, { destination: prefix(`10.${100 + (i >> 8)}.${i & 255}.0/24`), linkIndex, protocol: 119 }),
  )
  await rtnl.apply(messages, o)
  const dumps = await Promise.all([1, 2, 3].map(() => rtnl.routes.list({ ...o, protocol: 119 })))
  t.deepEqual(dumps.map(dump => dump.length), [3000, 3000, 3000])
})

test('a reader who falls behind is told to read the state anew, and the process lives', async t => {
  const { path, rtnl } = namespace(t)
  const linkIndex = await addLink(rtnl, 'a0')
  const overruns: string[] = []
  await using socket = NetlinkSocket.open({ protocol: 0, netns: path, receiveBufferBytes: 4096, onOverrun: error => overruns.push(error.code) })
  socket.join(7)
  await rtnl.apply(Array.from({ length: 200 }, (_, i) => routeMessage({ type: 24, flags: 0x600, operation: 'add' }, { destination: prefix(`10.9.${i}.0/24`), linkIndex })), o)
  await rtnl.routes.list(o)
  t.deepEqual([...new Set(overruns)], ['NETLINK_OVERRUN'])
})
