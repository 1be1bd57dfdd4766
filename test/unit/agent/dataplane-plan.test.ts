import test from 'ava'
import fc from 'fast-check'
import { parseAddress } from '../../../src/net/ip/address.ts'
import { parseMac } from '../../../src/net/ip/mac.ts'
import { parsePrefix, prefixOf, subPrefixAt } from '../../../src/net/ip/prefix.ts'
import type { VxlanConfig } from '../../../src/agent/config/backend-config.ts'
import { planHostGw } from '../../../src/agent/backends/host-gw/plan.ts'
import { planVxlan } from '../../../src/agent/backends/vxlan/plan.ts'
import { vtepMacFrom } from '../../../src/agent/backends/vxlan/vtep.ts'
import type { BackendPlan } from '../../../src/agent/backends/backend.ts'
import type { DesiredState } from '../../../src/agent/dataplane/desired.ts'
import { planDataplane } from '../../../src/agent/dataplane/plan.ts'
import type { Lease } from '../../../src/agent/leases/lease.ts'
import type { Underlay } from '../../../src/agent/underlay/underlay.ts'
import { KernelModel, pathTo } from './model/kernel-model.ts'

const network = parsePrefix('10.244.0.0/16', 'n')
const networks = { 4: network }
const subnets = { 4: parsePrefix('10.244.0.0/24', 's') }
const ip = (text: string) => parseAddress(text, 'test')
const underlay: Underlay = {
  link: 'eth0', ifindex: 2, mtu: 1500, addresses: { 4: ip('192.0.2.1') }, published: { 4: ip('192.0.2.1') }, why: 'test',
  routes: [{ destination: parsePrefix('192.0.2.0/24', 'r'), gateway: undefined, link: 'eth0', metric: 0 }, { destination: parsePrefix('0.0.0.0/0', 'r'), gateway: ip('192.0.2.254'), link: 'eth0', metric: 0 }],
}
const config: VxlanConfig = { kind: 'vxlan', vni: 1, port: 0, mtu: undefined, gbp: false, learning: false, directRouting: false, txChecksumOffload: 'auto' }
const identity = { 4: parseMac('0e:2a:00:00:00:01', 'm') }

const peer = (index: number, host: string, macSeed: number): Lease => ({
  owner: `n${index}`, age: index, subnets: { 4: subPrefixAt(network, 24, BigInt(index)) },
  attributes: { publicIps: { 4: ip(host) }, backendType: 'vxlan', backendData: { 4: { VNI: 1, VtepMAC: vtepMacFrom(Uint8Array.of(2, 0, 0, 0, macSeed, index)) } } },
})
const desire = (plan: BackendPlan, more: Partial<DesiredState> = {}): DesiredState =>
  ({ ...plan, ownLinkNames: ['flannel.1'], territory: [network], underlay: 'eth0', complete: true, ...more })
const vxlan = (peers: readonly Lease[], more: Partial<VxlanConfig> = {}) => planVxlan({ config: { ...config, ...more }, networks, subnets, peers, underlay, identity })
const settle = (kernel: KernelModel, desired: DesiredState) => {
  const steps = planDataplane(desired, kernel.observed())
  for (const step of steps) kernel.apply(step)
  return steps
}

test('a fresh host gets the device, its address and three entries per peer, in this order', t => {
  const steps = planDataplane(desire(vxlan([peer(1, '192.0.2.11', 1)])), new KernelModel('eth0').observed())
  t.deepEqual(steps.map(({ key, action }) => `${action.op}: ${key}`), [
    'create-link: link flannel.1', 'set-sysctl: sysctl net/ipv6/conf/flannel.1/accept_ra', 'add-address: address flannel.1 10.244.0.0/32',
    'put-neighbour: neighbour flannel.1 10.244.1.0', 'put-fdb: fdb flannel.1 02:00:00:00:01:01', 'put-route: route 10.244.1.0/24',
  ])
})

const anyPeers = fc.uniqueArray(fc.record({ index: fc.integer({ min: 1, max: 12 }), host: fc.integer({ min: 2, max: 20 }), seed: fc.integer({ min: 0, max: 2 }) }), { selector: ({ index }) => index, maxLength: 10 })
  .map(peers => [...new Map(peers.map(p => [p.host, p])).values()].map(({ index, host, seed }) => peer(index, `192.0.2.${host}`, seed)))

test('after any change of peers one pass is enough, the next finds nothing, and exactly one path leads to each peer', t => {
  fc.assert(fc.property(fc.array(fc.tuple(anyPeers, fc.boolean()), { minLength: 1, maxLength: 5 }), rounds => {
    const kernel = new KernelModel('eth0')
    for (const [peers, directRouting] of rounds) {
      const desired = desire(vxlan(peers, { directRouting }))
      settle(kernel, desired)
      t.deepEqual(planDataplane(desired, kernel.observed()), [])
      for (const { subnets: theirs, attributes } of peers) {
        const gateway = directRouting ? attributes.publicIps[4]!.bits : theirs[4]!.network
        const mac = directRouting ? undefined : (attributes.backendData[4] as { VtepMAC: string }).VtepMAC
        t.is(pathTo(kernel, theirs[4]!), `${gateway} ${mac} ${directRouting ? '' : attributes.publicIps[4]!.bits}`)
      }
      t.is(kernel.routes.length, peers.length)
      t.is(kernel.fdb.length, directRouting ? 0 : peers.length)
    }
  }))
})

test('T24: whatever is deleted or falsified comes back, and only that is touched', t => {
  const peers = [peer(1, '192.0.2.11', 1), peer(2, '192.0.2.12', 1)]
  const desired = desire(vxlan(peers))
  const tamper: readonly (readonly [string, (kernel: KernelModel) => void, readonly string[]])[] = [
    ['route deleted', k => void k.routes.shift(), ['put-route: missing']],
    ['route changed', k => void (k.routes[0] = { ...k.routes[0]!, gateway: ip('10.244.9.0') }), ['put-route: differs']],
    ['route by another gateway put before ours', k => void k.routes.unshift({ ...k.routes[0]!, gateway: ip('192.0.2.200'), ifindex: 2, protocol: 4, onlink: false }), ['remove-route: differs']],
    ['neighbour deleted', k => void k.neighbours.shift(), ['put-neighbour: missing']],
    ['neighbour changed', k => void (k.neighbours[0] = { ...k.neighbours[0]!, mac: identity[4] }), ['put-neighbour: differs']],
    ['FDB entry deleted', k => void k.fdb.shift(), ['put-fdb: missing']],
    ['FDB entry changed', k => void (k.fdb[0] = { ...k.fdb[0]!, destination: ip('192.0.2.99') }), ['put-fdb: differs']],
    ['second remote added', k => void k.fdb.push({ ...k.fdb[0]!, destination: ip('192.0.2.99') }), ['remove-fdb: stray']],
    ['MTU changed', k => void (k.links = k.links.map(l => ({ ...l, mtu: l.name === 'eth0' ? l.mtu : 1400 }))), ['configure-link: differs']],
    ['MAC changed (T34)', k => void (k.links = k.links.map(l => ({ ...l, mac: l.name === 'eth0' ? l.mac : parseMac('02:00:00:00:00:99', 'm') }))), ['configure-link: differs']],
    ['set down', k => void (k.links = k.links.map(l => ({ ...l, up: l.name === 'eth0' }))), ['configure-link: differs']],
    ['foreign address (T34)', k => void k.addresses.push({ ifindex: k.links[1]!.ifindex, value: { address: ip('10.244.0.9'), prefixLength: 24 }, scope: 'global', deprecated: false, temporary: false, permanent: true }), ['remove-address: stray']],
    ['default route into the tunnel (T34)', k => void k.routes.push({ ...k.routes[0]!, destination: prefixOf(ip('0.0.0.0'), 0), protocol: 4 }), ['remove-route: stray']],
    ['device gone (T23)', k => k.removeLink(k.links[1]!.ifindex), ['create-link: missing', 'add-address: missing', 'put-neighbour: missing', 'put-neighbour: missing', 'put-fdb: missing', 'put-fdb: missing', 'put-route: missing', 'put-route: missing']],
  ]
  for (const [title, change, expected] of tamper) {
    const kernel = new KernelModel('eth0')
    settle(kernel, desired)
    change(kernel)
    t.deepEqual(settle(kernel, desired).map(({ action, reason }) => `${action.op}: ${reason}`), expected, title)
    t.deepEqual(planDataplane(desired, kernel.observed()), [], title)
  }
})

test('T35: dead peers and a route to our own subnet are pruned, a stranger\'s route elsewhere is kept, and nothing goes before the lease set is known', t => {
  const desired = desire(vxlan([peer(1, '192.0.2.11', 1)]))
  const kernel = new KernelModel('eth0')
  settle(kernel, desire(vxlan([peer(1, '192.0.2.11', 1), peer(7, '192.0.2.17', 1)])))
  const boot = { ifindex: 2, protocol: 3, metric: 0, onlink: false, mtu: undefined, multipath: false, blackhole: false, plain: true, gateway: ip('192.0.2.50') }
  kernel.routes.push({ ...boot, destination: subnets[4] }, { ...boot, destination: parsePrefix('10.99.0.0/24', 'x') }, { ...boot, destination: parsePrefix('10.244.77.0/24', 'x'), protocol: 4 })
  t.deepEqual(planDataplane({ ...desired, complete: false }, kernel.observed()), [])
  t.deepEqual(settle(kernel, desired).map(({ key }) => key), ['neighbour flannel.1 10.244.7.0', 'fdb flannel.1 02:00:00:00:01:07', 'route 10.244.7.0/24', 'route 10.244.0.0/24'])
  t.deepEqual(kernel.routes.slice(1).map(({ protocol }) => protocol), [3, 4])
})

test('a flannel\'s own routes are adopted as they are', t => {
  const desired = desire(vxlan([peer(1, '192.0.2.11', 1)]))
  const kernel = new KernelModel('eth0')
  settle(kernel, desired)
  kernel.routes = kernel.routes.map(route => ({ ...route, protocol: 3 }))
  t.deepEqual(planDataplane(desired, kernel.observed()), [])
})

test('T30: the MTU follows the interface and the configuration, and a smaller peer gets a route MTU', t => {
  const mtu = (plan: BackendPlan) => plan.links.map(link => link.mtu)
  t.deepEqual(mtu(planVxlan({ config, networks, subnets, peers: [], underlay: { ...underlay, mtu: 9000 }, identity })), [8950])
  t.deepEqual(mtu(vxlan([], { mtu: 1300 })), [1250])
  const small = peer(1, '192.0.2.11', 1)
  const plan = vxlan([{ ...small, attributes: { ...small.attributes, podMtu: 1400 } }, peer(2, '192.0.2.12', 1)])
  t.deepEqual(plan.routes.map(route => route.mtu), [1400, undefined])
})

test('T31: in dual stack the IPv6 device leaves room for the larger outer header', t => {
  const plan = planVxlan({
    config, networks: { ...networks, 6: parsePrefix('fd00::/48', 'n') }, subnets: { ...subnets, 6: parsePrefix('fd00::/64', 's') }, peers: [],
    underlay: { ...underlay, addresses: { ...underlay.addresses, 6: ip('fd77::1') }, published: { ...underlay.published, 6: ip('fd77::1') } }, identity: { ...identity, 6: parseMac('0e:2a:00:00:00:06', 'm') },
  })
  t.deepEqual(plan.links.map(({ name, mtu }) => [name, mtu]), [['flannel.1', 1450], ['flannel-v6.1', 1430]])
})

test('T36: host-gw routes to neighbours and says why another host is unreachable', t => {
  const gw = (index: number, host: string): Lease => ({ ...peer(index, host, 0), attributes: { publicIps: { 4: ip(host) }, backendType: 'host-gw', backendData: {} } })
  const plan = planHostGw({ config: { kind: 'host-gw' }, networks, subnets, peers: [gw(1, '192.0.2.11'), gw(5, '198.51.100.5'), peer(6, '192.0.2.16', 1)], underlay, identity: undefined })
  t.deepEqual(plan.routes.map(route => route.gateway), [ip('192.0.2.11')])
  t.deepEqual(plan.problems.map(({ owner, kind }) => [owner, kind]), [['n6', 'other-backend'], ['n5', 'not-on-link']])
  const kernel = new KernelModel('eth0')
  kernel.routes.push({ destination: subPrefixAt(network, 24, 1n), gateway: ip('192.0.2.200'), ifindex: 2, protocol: 4, metric: 0, onlink: false, mtu: undefined, multipath: false, blackhole: false, plain: true })
  settle(kernel, desire(plan))
  t.deepEqual(kernel.routes.map(route => route.gateway), [ip('192.0.2.11')])
})

test('a peer with unusable data costs only itself', t => {
  const bad = peer(1, '192.0.2.11', 1)
  for (const data of [undefined, null, 5, {}, { VtepMAC: 'zz' }, { VtepMAC: 'ff:ff:ff:ff:ff:ff' }, { VtepMAC: '00:00:00:00:00:00' }]) {
    const plan = vxlan([{ ...bad, attributes: { ...bad.attributes, backendData: { 4: data } } }, peer(2, '192.0.2.12', 1)])
    t.deepEqual(plan.problems.map(({ owner, kind }) => [owner, kind]), [['n1', 'bad-data']])
    t.is(plan.routes.length, 1)
  }
})

test('T33: behind NAT the device\'s checksum offload is off, at its making and again whenever it is turned on', t => {
  const behindNat = desire(planVxlan({ config, networks, subnets, peers: [], identity, underlay: { ...underlay, published: { 4: ip('203.0.113.1') } } }))
  const kernel = new KernelModel('eth0')
  settle(kernel, behindNat)
  t.is(kernel.links[1]!.txChecksum, false)
  t.deepEqual(planDataplane(behindNat, kernel.observed()), [])
  kernel.links = kernel.links.map(link => ({ ...link, txChecksum: true }))
  t.deepEqual(settle(kernel, behindNat).map(({ action }) => action.op), ['configure-link'])
  t.is(desire(vxlan([])).links[0]!.txChecksum, undefined)
})
