import test from 'ava'
import fc from 'fast-check'
import { addressFromBits, parseAddress } from '../../../src/net/ip/address.ts'
import { parsePrefix, prefixOf } from '../../../src/net/ip/prefix.ts'
import { subnetsOverlap, type Lease } from '../../../src/agent/leases/lease.ts'
import { settleLeases } from '../../../src/agent/leases/settle.ts'

const lease = (owner: string, subnet: string, publicIp: string, age: number): Lease =>
  ({ owner, subnets: { 4: parsePrefix(subnet, 's') }, attributes: { publicIps: { 4: parseAddress(publicIp, 'p') }, backendType: 'vxlan', backendData: {} }, age })
const networks = { 4: parsePrefix('10.244.0.0/16', 'n') }
const own = lease('me', '10.244.1.0/24', '192.0.2.1', 5)

test('R11: of two leases that overlap the older is kept, whichever comes first in the list', t => {
  const [old, young] = [lease('b', '10.244.2.0/24', '192.0.2.2', 1), lease('a', '10.244.2.0/25', '192.0.2.3', 2)]
  for (const leases of [[old, young], [young, old]]) {
    const { peers, conflicts } = settleLeases({ leases, own, networks })
    t.deepEqual(peers.map(({ owner }) => owner), ['b'])
    t.like(conflicts[0], { kind: 'overlapping-subnet', owner: 'a', other: 'b' })
  }
})

test('R3, R7: nobody takes this host\'s own subnet or address, and its own lease is no peer', t => {
  const { peers, conflicts } = settleLeases({
    leases: [own, lease('x', '10.244.1.0/24', '192.0.2.9', 1), lease('y', '10.244.3.0/24', '192.0.2.1', 1), lease('z', '10.99.0.0/24', '192.0.2.8', 1)],
    own, networks,
  })
  t.deepEqual(peers, [])
  t.deepEqual(conflicts.map(({ kind }) => kind).toSorted(), ['duplicate-public-ip', 'outside-network', 'self-overlap'])
})

test('peers never overlap each other or this host, and the order of the list does not matter', t => {
  const anyLease = fc.record({ owner: fc.integer({ min: 0, max: 99 }), net: fc.integer({ min: 0, max: 15 }), length: fc.integer({ min: 20, max: 26 }), ip: fc.integer({ min: 1, max: 20 }), age: fc.integer({ min: 0, max: 3 }) })
    .map(({ owner, net, length, ip, age }): Lease => ({
      owner: `n${owner}`, age,
      subnets: { 4: prefixOf(addressFromBits(4, networks[4].network + BigInt(net << 8)), length) },
      attributes: { publicIps: { 4: addressFromBits(4, 0xc000_0200n + BigInt(ip)) }, backendType: 'vxlan', backendData: {} },
    }))
  fc.assert(fc.property(fc.uniqueArray(anyLease, { selector: ({ owner }) => owner, maxLength: 20 }), leases => {
    const { peers } = settleLeases({ leases, own, networks })
    t.deepEqual(settleLeases({ leases: leases.toReversed(), own, networks }).peers, peers)
    for (const [i, peer] of peers.entries()) {
      t.false(subnetsOverlap(peer.subnets, own.subnets))
      for (const other of peers.slice(i + 1)) t.false(subnetsOverlap(peer.subnets, other.subnets))
    }
  }))
})
