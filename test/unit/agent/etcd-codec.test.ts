import test from 'ava'
import fc from 'fast-check'
import { addressFromBits, parseAddress } from '../../../src/net/ip/address.ts'
import { overlaps, parsePrefix, prefixOf } from '../../../src/net/ip/prefix.ts'
import { parseNetworkConfig } from '../../../src/agent/config/network-config.ts'
import { chooseSubnets } from '../../../src/agent/leases/etcd/choose-subnets.ts'
import { planClaim, type ClaimInput, type StoredLease } from '../../../src/agent/leases/etcd/claim.ts'
import { formatLeaseKey, parseLeaseKey } from '../../../src/agent/leases/etcd/lease-key.ts'
import { formatLeaseValue, parseLeaseValue } from '../../../src/agent/leases/etcd/lease-value.ts'
import { formatSubnets, sameAttributes } from '../../../src/agent/leases/lease.ts'

const ip = (text: string) => parseAddress(text, 'test')
const { pools } = parseNetworkConfig('{"Network":"10.5.0.0/16"}', { source: 'test', store: 'etcd' })

test('keys follow flannel\'s grammar in both directions', t => {
  t.is(formatLeaseKey({ 4: parsePrefix('10.5.52.0/24', 's') }), '10.5.52.0-24')
  t.is(formatLeaseKey({ 4: parsePrefix('10.5.52.0/24', 's'), 6: parsePrefix('fd00:12:13::/56', 's') }), '10.5.52.0-24&fd00:12:13::-56')
  fc.assert(fc.property(fc.bigInt({ min: 0n, max: (1n << 32n) - 1n }), fc.integer({ min: 0, max: 31 }), fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }), fc.integer({ min: 0, max: 127 }), fc.boolean(), (a, la, b, lb, dual) => {
    const subnets = { 4: prefixOf(addressFromBits(4, a), la), ...(dual && { 6: prefixOf(addressFromBits(6, b), lb) }) }
    // The grammar has no dotted quads inside an IPv6 part.
    if (dual && subnets[6]!.network >> 32n === 0xffffn) return
    t.deepEqual(parseLeaseKey(formatLeaseKey(subnets)), subnets)
  }))
})

test('what is no lease key is no lease', t => {
  for (const name of ['10', '10.12.13-24', '10.12.13.300-24', '10.12.13.0-24hi', '&2001::-56', '10.12.13.0-24&20011::-56', '10.12.13.0-24&2001::', '10.12.13.0-32', 'garbage', '']) t.is(parseLeaseKey(name), undefined, name)
})

test('values have flannel\'s members in flannel\'s order, and Weft\'s behind them', t => {
  const vxlan = { publicIps: { 4: ip('192.168.64.3'), 6: ip('fd77::3') }, backendType: 'vxlan', backendData: { 4: { VNI: 1, VtepMAC: 'c6:d2:32:6f:8f:44' }, 6: { VNI: 1, VtepMAC: 'c6:d2:32:6f:8f:45' } } }
  t.is(formatLeaseValue(vxlan, 'me'), '{"PublicIP":"192.168.64.3","PublicIPv6":"fd77::3","BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"c6:d2:32:6f:8f:44"},"BackendV6Data":{"VNI":1,"VtepMAC":"c6:d2:32:6f:8f:45"},"WeftNodeID":"me"}')
  t.is(formatLeaseValue({ publicIps: { 4: ip('1.2.3.4') }, backendType: '', backendData: {} }, 'me'), '{"PublicIP":"1.2.3.4","PublicIPv6":null,"WeftNodeID":"me"}')
  t.true(sameAttributes(parseLeaseValue(formatLeaseValue(vxlan, 'me'), 'v').attributes, vxlan))
  t.like(parseLeaseValue('{"publicip":"0.0.0.0","Other":1}', 'v'), { hole: true, nodeId: undefined })
  for (const bad of ['', 'null', '[]', '{"PublicIP":7}', '{"PublicIP":"x"}', '{"PublicIP":"::1"}']) t.throws(() => parseLeaseValue(bad, 'v'), { code: 'INVALID_INPUT' }, bad)
})

const stored = (subnet: string, publicIp: string, more: Partial<{ nodeId: string; mac: string; leaseId: string; backendType: string }> = {}): StoredLease => ({
  name: subnet.replace('/', '-'), subnets: { 4: parsePrefix(subnet, 's') }, modRevision: '7', leaseId: more.leaseId ?? '99',
  value: { hole: false, nodeId: more.nodeId, attributes: { publicIps: { 4: ip(publicIp) }, backendType: more.backendType ?? 'vxlan', backendData: more.mac === undefined ? {} : { 4: { VtepMAC: more.mac } } } },
})
const ask = (more: Partial<ClaimInput>): ClaimInput => ({
  pools, stored: [], nodeId: 'me', publicIp: ip('192.0.2.1'), shown: [], previous: {}, previousInUse: false, takeOver: false, allowRenumber: false, random: () => 0.5, ...more,
})

test('T02, T03, T11, T20: a lease is taken over only with a proof that it is our own', t => {
  const flannels = stored('10.5.52.0/24', '192.0.2.1', { mac: '0e:00:00:00:00:01' })
  const kind = (more: Partial<ClaimInput>) => planClaim(ask(more)).kind
  t.is(kind({ stored: [flannels] }), 'duplicate')
  t.is(kind({ stored: [flannels], previous: flannels.subnets }), 'renew')
  t.is(kind({ stored: [flannels], shown: [{ VtepMAC: '0e:00:00:00:00:01' }] }), 'renew')
  t.is(kind({ stored: [flannels], takeOver: true }), 'renew')
  t.is(kind({ stored: [stored('10.5.52.0/24', '192.0.2.1', { nodeId: 'other' })], previous: flannels.subnets }), 'duplicate')
  t.is(kind({ stored: [stored('10.5.52.0/24', '192.0.2.1', { leaseId: '0', backendType: '' })] }), 'renew')
  t.is(kind({ stored: [stored('10.99.0.0/24', '192.0.2.1', { nodeId: 'me' })] }), 'drop')
  // The host moved to another address: identity alone is shared by cloned machines, so it needs a proof too.
  const moved = stored('10.5.52.0/24', '192.0.2.77', { nodeId: 'me' })
  t.is(kind({ stored: [moved], previous: moved.subnets }), 'renew')
  t.is(kind({ stored: [moved] }), 'create')
})

test('T14: a subnet that another host took meanwhile strands this host only while it is in use', t => {
  const taken = stored('10.5.52.0/24', '192.0.2.9', { nodeId: 'other' })
  t.is(planClaim(ask({ stored: [taken], previous: taken.subnets, previousInUse: true })).kind, 'stranded')
  t.is(planClaim(ask({ stored: [taken], previous: taken.subnets, previousInUse: true, allowRenumber: true })).kind, 'create')
  t.is(planClaim(ask({ stored: [taken], previous: taken.subnets })).kind, 'create')
})

test('T04: a previous subnet outside the network or of another length is ignored', t => {
  for (const previous of ['10.6.0.0/24', '10.5.52.0/25']) {
    const claim = planClaim(ask({ previous: { 4: parsePrefix(previous, 's') } }))
    t.true(claim.kind === 'create' && formatSubnets(claim.subnets) !== previous)
  }
})

test('T05: a chosen subnet is inside the pool, free, found whenever there is one, and spread over the range', t => {
  const small = parseNetworkConfig('{"Network":"10.5.0.0/16","SubnetMin":"10.5.8.0","SubnetMax":"10.5.31.0"}', { source: 'test', store: 'etcd' }).pools
  fc.assert(fc.property(fc.uniqueArray(fc.integer({ min: 8, max: 31 })), fc.double({ min: 0, max: 0.999999, noNaN: true }), (thirds, random) => {
    const taken = thirds.map(third => ({ 4: parsePrefix(`10.5.${third}.0/24`, 's') }))
    const chosen = chooseSubnets(small, taken, () => random)
    t.is(chosen === undefined, thirds.length === 24)
    if (chosen === undefined) return
    t.true(chosen[4]!.network >= small[4]!.first.bits && chosen[4]!.network <= small[4]!.last.bits)
    t.false(taken.some(subnets => overlaps(subnets[4], chosen[4]!)))
  }))
  const places = new Set(Array.from({ length: 200 }, (_, i) => formatSubnets(chooseSubnets(pools, [], () => i / 200)!)))
  t.true(places.size > 150)
})
