import test from 'ava'
import { formatAddress, parseAddress } from '../../../src/net/ip/address.ts'
import { parseInterfaceAddress, prefixOf } from '../../../src/net/ip/prefix.ts'
import { chooseInterface, type InterfaceInfo, type InterfaceRequest, type Inventory } from '../../../src/agent/underlay/choose-interface.ts'
import type { UnderlayRoute } from '../../../src/agent/underlay/underlay.ts'

const ip = (text: string) => parseAddress(text, 'test')
const nic = (name: string, ifindex: number, addresses: readonly string[], more: Partial<InterfaceInfo> = {}): InterfaceInfo => ({
  name, ifindex, mtu: 1500, loopback: name === 'lo',
  addresses: addresses.map(text => ({ address: parseInterfaceAddress(text, 'test').address, scope: name === 'lo' ? 'host' : 'global', deprecated: false, temporary: false, permanent: true })),
  ...more,
})
const connected = (link: string, text: string): UnderlayRoute => {
  const { address, prefixLength } = parseInterfaceAddress(text, 'test')
  return { destination: prefixOf(address, prefixLength), gateway: undefined, link, metric: 0 }
}
const byGateway = (link: string, gateway: string, metric = 0): UnderlayRoute => ({ destination: prefixOf(ip('0.0.0.0'), 0), gateway: ip(gateway), link, metric })

/** Two NICs: eth0 has the default route, eth1 a private network. */
const twoNics: Inventory = {
  interfaces: [nic('lo', 1, ['127.0.0.1/8']), nic('eth0', 2, ['192.0.2.10/24']), nic('eth1', 3, ['192.168.56.11/24'])],
  routes: [connected('eth0', '192.0.2.10/24'), connected('eth1', '192.168.56.11/24'), byGateway('eth0', '192.0.2.1')],
  multipathDefault: [],
}
const ask = (more: Partial<InterfaceRequest> = {}): InterfaceRequest => ({ families: [4], ifaces: [], regexes: [], canReach: undefined, publicIps: {}, former: {}, landmarks: [], ...more })

test('T64: the selection matrix gives flannel\'s choice', t => {
  const rows: readonly (readonly [string, Partial<InterfaceRequest>, string])[] = [
    ['none: default route', {}, 'eth0 192.0.2.10 192.0.2.10'],
    ['name', { ifaces: ['eth1'] }, 'eth1 192.168.56.11 192.168.56.11'],
    ['address', { ifaces: ['192.168.56.11'] }, 'eth1 192.168.56.11 192.168.56.11'],
    ['first that matches', { ifaces: ['eth9', 'eth1'] }, 'eth1 192.168.56.11 192.168.56.11'],
    ['regex on address', { regexes: ['168\\.56'] }, 'eth1 192.168.56.11 192.168.56.11'],
    ['regex on name', { regexes: ['^eth1$'] }, 'eth1 192.168.56.11 192.168.56.11'],
    ['can reach', { canReach: ip('192.168.56.99') }, 'eth1 192.168.56.11 192.168.56.11'],
    ['can reach by gateway', { canReach: ip('203.0.113.9') }, 'eth0 192.0.2.10 192.0.2.10'],
    ['local public IP', { publicIps: { 4: ip('192.168.56.11') } }, 'eth1 192.168.56.11 192.168.56.11'],
    ['remote public IP with --iface', { ifaces: ['eth1'], publicIps: { 4: ip('203.0.113.7') } }, 'eth1 192.168.56.11 203.0.113.7'],
  ]
  for (const [title, request, expected] of rows) {
    const choice = chooseInterface(twoNics, ask(request))
    t.is(`${choice.name} ${formatAddress(choice.addresses[4]!)} ${formatAddress(choice.published[4]!)}`, expected, title)
  }
})

test('T64: choices that cannot be made are refused with advice', t => {
  t.throws(() => chooseInterface(twoNics, ask({ ifaces: ['eth9'] })), { code: 'INTERFACE_NOT_FOUND', message: /no interface matches/ })
  t.throws(() => chooseInterface(twoNics, ask({ regexes: ['('] })), { code: 'INVALID_INPUT', message: /^iface-regex/ })
  t.throws(() => chooseInterface(twoNics, ask({ publicIps: { 4: ip('203.0.113.7') } })), { message: /behind NAT name the interface with --iface/ })
  t.throws(() => chooseInterface({ ...twoNics, routes: twoNics.routes.slice(0, 2) }, ask()), { message: /no default route/ })
  t.throws(() => chooseInterface({ ...twoNics, multipathDefault: [4] }, ask()), { message: /several next hops/ })
  t.throws(() => chooseInterface(twoNics, ask({ families: [4, 6], ifaces: ['eth1'] })), { message: /eth1 has no IPv6 address/ })
})

/** Vagrant with VirtualBox: NAT on eth0, the hosts' own network on eth1. */
const vagrant: Inventory = {
  interfaces: [nic('lo', 1, ['127.0.0.1/8']), nic('eth0', 2, ['10.0.2.15/24']), nic('eth1', 3, ['192.168.56.11/24'])],
  routes: [connected('eth0', '10.0.2.15/24'), connected('eth1', '192.168.56.11/24'), byGateway('eth0', '10.0.2.2', 100)],
  multipathDefault: [],
}

test('T65: 10.0.2.15 on the default route is refused with advice, and --iface works', t => {
  t.throws(() => chooseInterface(vagrant, ask()), { message: /10\.0\.2\.15.*--iface.*eth1/ })
  t.is(chooseInterface(vagrant, ask({ ifaces: ['eth1'] })).name, 'eth1')
})

test('T65: a store or host in the network of another interface tells which one is right', t => {
  const choice = chooseInterface(vagrant, ask({ landmarks: [ip('192.168.56.10')] }))
  t.is(choice.name, 'eth1')
  t.regex(choice.why, /192\.168\.56\.10/)
})

test('a landmark that is this host itself, or far away, says nothing', t => {
  t.is(chooseInterface(twoNics, ask({ landmarks: [ip('192.168.56.11'), ip('127.0.0.1'), ip('203.0.113.1')] })).name, 'eth0')
  t.is(chooseInterface(twoNics, ask({ landmarks: [ip('192.168.56.10'), ip('192.0.2.77')] })).name, 'eth0')
})

test('an address published before is kept while it is local, but never 10.0.2.15', t => {
  t.is(chooseInterface(twoNics, ask({ former: { 4: ip('192.168.56.11') } })).name, 'eth1')
  t.is(chooseInterface(twoNics, ask({ former: { 4: ip('192.168.56.99') } })).name, 'eth0')
  t.throws(() => chooseInterface(vagrant, ask({ former: { 4: ip('10.0.2.15') } })), { message: /10\.0\.2\.15/ })
})

test('global and lasting addresses come before link-local and passing ones', t => {
  const info = (text: string, more: object) => ({ address: ip(text), scope: 'global' as const, deprecated: false, temporary: false, permanent: true, ...more })
  const eth0 = nic('eth0', 2, [], { addresses: [
    info('fe80::1', { scope: 'link' }), info('fd00::1', { deprecated: true }), info('fd00::2', { temporary: true, permanent: false }), info('fd00::3', { permanent: false }), info('fd00::4', {}),
  ] })
  t.is(formatAddress(chooseInterface({ interfaces: [eth0], routes: [], multipathDefault: [] }, ask({ families: [6], ifaces: ['eth0'] })).addresses[6]!), 'fd00::4')
})
