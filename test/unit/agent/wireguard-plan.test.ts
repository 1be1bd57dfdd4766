import test from 'ava'
import fc from 'fast-check'
import { parseAddress } from '../../../src/net/ip/address.ts'
import { formatPrefix, parsePrefix, subPrefixAt } from '../../../src/net/ip/prefix.ts'
import { keyFromBytes } from '../../../src/net/wireguard/key.ts'
import { wireguardData } from '../../../src/agent/backends/wireguard/data.ts'
import { planWireguard, WIREGUARD_LINKS } from '../../../src/agent/backends/wireguard/plan.ts'
import type { BackendPlan } from '../../../src/agent/backends/backend.ts'
import type { WireguardConfig } from '../../../src/agent/config/backend-config.ts'
import type { DesiredState, DesiredWireguardPeer } from '../../../src/agent/dataplane/desired.ts'
import { planDataplane } from '../../../src/agent/dataplane/plan.ts'
import type { Lease, LeaseAttributes } from '../../../src/agent/leases/lease.ts'
import type { Underlay } from '../../../src/agent/underlay/underlay.ts'
import { KernelModel } from './model/kernel-model.ts'

const networks = { 4: parsePrefix('10.244.0.0/16', 'n'), 6: parsePrefix('fd00:244::/48', 'n') }
const subnets = { 4: parsePrefix('10.244.0.0/24', 's'), 6: parsePrefix('fd00:244::/64', 's') }
const ip = (text: string) => parseAddress(text, 'test')
const underlay: Underlay = {
  link: 'eth0', ifindex: 2, mtu: 1500, addresses: { 4: ip('192.0.2.1'), 6: ip('2001:db8::1') }, published: { 4: ip('192.0.2.1'), 6: ip('2001:db8::1') }, routes: [], why: 'test',
}
const key = (seed: number) => keyFromBytes(Buffer.alloc(32, seed))
const identity = { privateKey: key(200), publicKey: key(201) }
const config: WireguardConfig = { kind: 'wireguard', listenPort: 51_820, listenPortV6: 51_821, mtu: undefined, psk: undefined, keepaliveSeconds: 0, mode: 'separate' }

const attributes = (index: number, seed: number, more: Partial<LeaseAttributes> = {}): LeaseAttributes => ({
  publicIps: { 4: ip(`192.0.2.${index + 10}`), 6: ip(`2001:db8::${index + 10}`) }, backendType: 'wireguard', podMtu: 1420,
  backendData: wireguardData(config, { publicKey: key(seed), families: [4, 6] }), ...more,
})
const peer = (index: number, seed = index, more: Partial<LeaseAttributes> = {}): Lease => ({
  owner: `n${index}`, age: index, attributes: attributes(index, seed, more),
  subnets: { 4: subPrefixAt(networks[4], 24, BigInt(index)), 6: subPrefixAt(networks[6], 64, BigInt(index)) },
})
const plan = (peers: readonly Lease[], more: Partial<WireguardConfig> = {}, input: Partial<Parameters<typeof planWireguard>[0]> = {}): BackendPlan =>
  planWireguard({ config: { ...config, ...more }, networks, subnets, peers, underlay, identity, ...input })
const desire = (backend: BackendPlan, more: Partial<DesiredState> = {}): DesiredState =>
  ({ ...backend, ownLinkNames: WIREGUARD_LINKS, territory: [networks[4], networks[6]], underlay: 'eth0', complete: true, ...more })
const settle = (kernel: KernelModel, desired: DesiredState) => {
  const steps = planDataplane(desired, kernel.observed())
  for (const step of steps) kernel.apply(step)
  return steps
}
const line = ({ link, endpoint, allowedIps }: DesiredWireguardPeer): string => `${link} ${endpoint.address.family}:${endpoint.port} ${allowedIps.map(formatPrefix).join()}`
const v4Only = { networks: { 4: networks[4] }, subnets: { 4: subnets[4] } }

test('a fresh host gets the device, its address, key and port, its peers and one route, in this order', t => {
  const steps = planDataplane(desire(plan([peer(1)], {}, v4Only)), new KernelModel('eth0').observed())
  t.deepEqual(steps.map(({ key: object, action }) => `${action.op}: ${object}`), [
    'create-link: link flannel-wg', 'add-address: address flannel-wg 10.244.0.0/32', 'configure-wireguard: wireguard flannel-wg', `put-wireguard-peer: wireguard-peer flannel-wg ${key(1)}`, 'put-route: route 10.244.0.0/16',
  ])
})

test('T38, T39: each mode has its devices, and sends to the addresses and ports that it should', t => {
  const lines = (mode: WireguardConfig['mode'], lease = peer(1), input = {}): readonly string[] => plan([lease], { mode }, input).wireguardPeers.map(line)
  const both = '10.244.1.0/24,fd00:244:0:1::/64'
  t.deepEqual(lines('separate'), ['flannel-wg 4:51820 10.244.1.0/24', 'flannel-wg-v6 6:51821 fd00:244:0:1::/64'])
  // What a Weft with one device publishes.
  const single = (more: Partial<LeaseAttributes> = {}) => peer(1, 1, { backendData: wireguardData({ ...config, mode: 'auto' }, { publicKey: key(1), families: [4, 6] }), ...more })
  t.deepEqual(lines('ipv4', single()), [`flannel-wg 4:51820 ${both}`])
  t.deepEqual(lines('ipv6', single()), [`flannel-wg 6:51820 ${both}`])
  t.deepEqual(lines('auto', single()), [`flannel-wg 4:51820 ${both}`])
  const behindNat = { publicIps: { 4: ip('10.0.0.5'), 6: ip('2001:db8::11') } }
  t.deepEqual(lines('auto', single(behindNat)), [`flannel-wg 6:51820 ${both}`])
  t.deepEqual(lines('auto', single(behindNat), { underlay: { ...underlay, addresses: { ...underlay.addresses, 6: ip('fd00::1') } } }), [`flannel-wg 4:51820 ${both}`])
  t.deepEqual(lines('auto', single({ publicIps: { 4: ip('10.0.0.5') } })), [`flannel-wg 4:51820 ${both}`])
  t.deepEqual(lines('auto', single({ publicIps: { 6: ip('fd00::5') } })), [`flannel-wg 6:51820 ${both}`])
  t.is(plan([], { mode: 'auto' }).links.length, 1)
  t.deepEqual(plan([], { mode: 'ipv6' }).routes.map(({ link, destination }) => `${link} ${formatPrefix(destination)}`), ['flannel-wg 10.244.0.0/16', 'flannel-wg fd00:244::/48'])
})

test('T39: a flannel with one device is reached on the port it listens on, not on the one it publishes for IPv6', t => {
  const flannel = (backendData: LeaseAttributes['backendData']) => {
    const { podMtu: _, ...rest } = attributes(1, 1, { backendData })
    return { ...peer(1), attributes: rest }
  }
  const port = (lease: Lease) => plan([lease], { mode: 'ipv6', listenPort: 7000, listenPortV6: 7001 }).wireguardPeers[0]!.endpoint.port
  t.is(port(flannel({ 4: { PublicKey: key(1), Port: 7000 }, 6: { PublicKey: key(1), Port: 7001 } })), 7000)
  t.is(port(flannel({ 6: { PublicKey: key(1), Port: 7001 } })), 7000)
})

test('a peer that publishes no port has this host\'s, as flannels before 0.20 did', t => {
  t.deepEqual(plan([peer(1, 1, { backendData: { 4: { PublicKey: key(1) }, 6: { PublicKey: key(1), Port: 0 } } })]).wireguardPeers.map(({ endpoint }) => endpoint.port), [51_820, 51_821])
})

test('key, keepalive and MTU of the configuration reach every peer and device', t => {
  const made = plan([peer(1)], { psk: key(99), keepaliveSeconds: 25, mtu: 1400 })
  t.true(made.wireguardPeers.every(({ presharedKey, keepaliveSeconds }) => presharedKey === key(99) && keepaliveSeconds === 25))
  t.deepEqual(made.links.map(({ mtu }) => mtu), [1320, 1320])
})

test('peers that cannot be served are told with their reason, and the others are served', t => {
  const peers = [peer(1, 1, { backendType: 'vxlan' }), peer(2, 2, { publicIps: {} }), peer(3, 3, { backendData: { 4: { PublicKey: 'x' } } }), peer(4, 201), peer(5), peer(6, 5)]
  const made = plan(peers, {}, v4Only)
  t.deepEqual(made.problems.map(({ owner, message }) => `${owner}: ${message.slice(0, 34)}`), [
    'n1: runs the backend "vxlan", this hos', 'n2: publishes no IPv4 address', 'n3: publishes unusable data: PublicKey', 'n4: publishes the same public key as t', 'n6: publishes the same public key as n',
  ])
  t.deepEqual(made.wireguardPeers.map(entry => entry.peer), ['n5'])
})

test('a peer whose pods take less has a route of its own with that MTU', t => {
  t.deepEqual(plan([peer(1, 1, { podMtu: 1300 }), peer(2)], {}, v4Only).routes.map(({ destination, mtu }) => `${formatPrefix(destination)} ${mtu}`), ['10.244.0.0/16 undefined', '10.244.1.0/24 1300'])
})

const anyPeers = fc.uniqueArray(fc.record({ index: fc.integer({ min: 1, max: 12 }), seed: fc.integer({ min: 1, max: 30 }), moved: fc.boolean() }), { selector: ({ index }) => index, maxLength: 10 })
  .map(peers => [...new Map(peers.map(p => [p.seed, p])).values()].map(({ index, seed, moved }) => peer(index, seed, moved ? { publicIps: { 4: ip(`192.0.2.${index + 100}`), 6: ip(`2001:db8::${index + 100}`) } } : {})))

test('after any change of peers and modes one pass is enough, the next finds nothing, and every subnet leads to its owner alone', t => {
  fc.assert(fc.property(fc.array(fc.tuple(anyPeers, fc.constantFrom('separate', 'auto', 'ipv4', 'ipv6')), { minLength: 1, maxLength: 5 }), rounds => {
    const kernel = new KernelModel('eth0')
    for (const [peers, mode] of rounds) {
      const desired = desire(plan(peers, { mode }))
      settle(kernel, desired)
      t.deepEqual(planDataplane(desired, kernel.observed()), [])
      const reached = kernel.wireguard.flatMap(device => device.peers.flatMap(({ publicKey, allowedIps }) => allowedIps.map(prefix => `${formatPrefix(prefix)} ${publicKey}`))).toSorted()
      const published = (lease: Lease) => (lease.attributes.backendData[4] as { PublicKey: string }).PublicKey
      t.deepEqual(reached, peers.flatMap(lease => ([4, 6] as const).map(family => `${formatPrefix(lease.subnets[family]!)} ${published(lease)}`)).toSorted())
    }
  }))
})

test('whatever is deleted or falsified comes back, and only that is touched', t => {
  const desired = desire(plan([peer(1), peer(2)], { psk: key(99) }, v4Only))
  const change = (kernel: KernelModel, with_: (peer: KernelModel['wireguard'][0]['peers'][0]) => KernelModel['wireguard'][0]['peers'][0] | undefined) => {
    kernel.wireguard = kernel.wireguard.map(device => ({ ...device, peers: device.peers.flatMap((one, index) => (index > 0 ? [one] : (with_(one) ?? []))) }))
  }
  const tamper: readonly (readonly [string, (kernel: KernelModel) => void, readonly string[]])[] = [
    ['peer deleted', k => change(k, () => undefined), ['put-wireguard-peer: missing']],
    ['preshared key taken away', k => change(k, one => ({ ...one, presharedKey: undefined })), ['put-wireguard-peer: differs']],
    ['prefix taken away', k => change(k, one => ({ ...one, allowedIps: [] })), ['put-wireguard-peer: differs']],
    ['prefix added', k => change(k, one => ({ ...one, allowedIps: [...one.allowedIps, parsePrefix('0.0.0.0/0', 'x')] })), ['put-wireguard-peer: differs']],
    ['endpoint changed', k => change(k, one => ({ ...one, endpoint: { address: ip('192.0.2.99'), port: 1 } })), ['put-wireguard-peer: differs']],
    ['stranger added', k => void (k.wireguard = k.wireguard.map(device => ({ ...device, peers: [...device.peers, { ...device.peers[0]!, publicKey: key(77), allowedIps: [] }] }))), ['remove-wireguard-peer: stray']],
    ['key changed', k => void (k.wireguard = k.wireguard.map(device => ({ ...device, publicKey: key(78) }))), ['configure-wireguard: differs']],
    ['port changed', k => void (k.wireguard = k.wireguard.map(device => ({ ...device, listenPort: 9 }))), ['configure-wireguard: differs']],
    ['route deleted', k => void k.routes.shift(), ['put-route: missing']],
  ]
  for (const [name, spoil, expected] of tamper) {
    const kernel = new KernelModel('eth0')
    settle(kernel, desired)
    spoil(kernel)
    t.deepEqual(settle(kernel, desired).map(({ action, reason }) => `${action.op}: ${reason}`), expected, name)
    t.deepEqual(planDataplane(desired, kernel.observed()), [], name)
  }
})

test('T41: a peer that roamed keeps its endpoint while its session lives, unless its lease says another', t => {
  const kernel = new KernelModel('eth0')
  const desired = desire(plan([peer(1)], {}, v4Only))
  settle(kernel, desired)
  const roam = (handshakeAgeMs: number | undefined): void => {
    kernel.wireguard = kernel.wireguard.map(device => ({ ...device, peers: device.peers.map(one => ({ ...one, endpoint: { address: ip('203.0.113.9'), port: 4242 }, handshakeAgeMs })) }))
  }
  const endpoint = () => kernel.wireguard[0]!.peers[0]!.endpoint!.port
  roam(5_000)
  t.deepEqual(planDataplane(desired, kernel.observed()), [])
  const withKeepalive = desire(plan([peer(1)], { keepaliveSeconds: 5 }, v4Only))
  t.is(settle(kernel, withKeepalive).length, 1)
  t.is(endpoint(), 4242)
  roam(200_000)
  settle(kernel, withKeepalive)
  t.is(endpoint(), 51_820)
  roam(5_000)
  settle(kernel, desire(plan([peer(1, 1, { publicIps: { 4: ip('192.0.2.200') } })], { keepaliveSeconds: 5 }, v4Only)))
  t.is(endpoint(), 51_820)
})

test('a start keeps an endpoint that roamed, but not one of the family that another Mode used', t => {
  const kernel = new KernelModel('eth0')
  const desired = (mode: WireguardConfig['mode']) => desire(plan([peer(1)], { mode }))
  settle(kernel, desired('ipv4'))
  const restart = (endpoint: string): void => {
    kernel.wireguard = kernel.wireguard.map(device => ({ ...device, peers: device.peers.map(one => ({ ...one, endpoint: { address: ip(endpoint), port: 4242 }, assigned: undefined, handshakeAgeMs: 5_000 })) }))
  }
  restart('203.0.113.9')
  t.deepEqual(settle(kernel, desired('ipv4')), [])
  t.is(settle(kernel, desired('ipv6')).length, 1)
  t.is(kernel.wireguard[0]!.peers[0]!.endpoint!.address.family, 6)
})

test('nothing is removed before all leases are known', t => {
  const kernel = new KernelModel('eth0')
  settle(kernel, desire(plan([peer(1), peer(2)], {}, v4Only)))
  t.deepEqual(planDataplane(desire(plan([peer(1)], {}, v4Only), { complete: false }), kernel.observed()), [])
})
