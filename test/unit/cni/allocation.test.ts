// Which address a pod gets, held to a slow model of host-local's iterator.

import test from 'ava'
import fc from 'fast-check'
import { CniError } from '../../../cni/plugin/cni-error.ts'
import { Pool } from '../../../cni/plugin/ipam/pool.ts'
import { planAllocation } from '../../../cni/plugin/ipam/plan-allocation.ts'
import { readRangeSets, type RangeSet } from '../../../cni/plugin/ipam/ranges.ts'
import { parseResolvConf } from '../../../cni/plugin/ipam/resolv-conf.ts'
import { Fields } from '../../../cni/plugin/request/fields.ts'
import { formatAddress, parseAddress } from '../../../src/net/ip/address.ts'
import type { CniVersion } from '../../../cni/plugin/version.ts'

const sets = (ranges: readonly (readonly object[])[], cniVersion: CniVersion = '1.0.0', ipam: object = {}): readonly RangeSet[] =>
  readRangeSets(new Fields({ ranges, ...ipam }, 'ipam.'), { before: [], cniVersion })

test('ranges: what is accepted and what is refused (17)', t => {
  const good: readonly (readonly (readonly object[])[])[] = [
    [[{ subnet: '10.0.0.0/30' }]], [[{ subnet: 'fd00::/126' }]], [[{ subnet: '10.0.0.0/24', gateway: '192.168.0.1' }]],
    [[{ subnet: '10.0.0.0/24', rangeStart: '10.0.0.0', rangeEnd: '10.0.0.255' }]], [[{ subnet: '10.0.0.0/24' }], [{ subnet: 'fd00::/64' }]],
    [[{ subnet: '10.0.0.0/24', rangeEnd: '10.0.0.9' }, { subnet: '10.0.0.0/24', rangeStart: '10.0.0.10' }]],
  ]
  for (const ranges of good) t.notThrows(() => sets(ranges), JSON.stringify(ranges))
  const bad: readonly (readonly [readonly (readonly object[])[], RegExp])[] = [
    [[[{ subnet: '10.0.0.0/31' }]], /10\.0\.0\.0\/31 is too small/], [[[{ subnet: 'fd00::/127' }]], /too small/], [[[{ subnet: '10.0.0.1/24' }]], /host bits/],
    [[[{ subnet: '10.0.0.0/24', rangeStart: '10.0.1.1' }]], /rangeStart: 10\.0\.1\.1/], [[[{ subnet: '10.0.0.0/24', rangeEnd: 'fd00::1' }]], /rangeEnd: fd00::1/],
    [[[{ subnet: '10.0.0.0/24', rangeStart: '10.0.0.9', rangeEnd: '10.0.0.8' }]], /before rangeStart/], [[[]], /range set 0 is empty/],
    [[[{ subnet: '10.0.0.0/24' }, { subnet: 'fd00::/64' }]], /mixes IPv4 and IPv6/], [[[{ subnet: '10.0.0.0/24' }, { subnet: '10.0.0.0/24' }]], /overlap/],
    [[[{ subnet: '10.0.0.0/24' }], [{ subnet: '10.0.0.0/25' }]], /overlap/], [[[{ rangeStart: '10.0.0.1' }]], /subnet is missing/],
  ]
  for (const [ranges, message] of bad) t.throws(() => sets(ranges), { message }, JSON.stringify(ranges))
  const two = [[{ subnet: '10.0.0.0/24' }], [{ subnet: '10.0.1.0/24' }]]
  t.throws(() => sets(two, '0.2.0'), { message: /allows one IPv4 range set/ })
  t.notThrows(() => sets(two, '0.3.0'))
})

test('the old single range comes first, the runtime\'s before it', t => {
  const read = readRangeSets(new Fields({ subnet: '10.0.1.0/24', ranges: [[{ subnet: '10.0.2.0/24' }]] }, 'ipam.'), { before: [[{ subnet: '10.0.0.0/24' }]], cniVersion: '1.0.0' })
  t.deepEqual(read.map(set => formatAddress(set[0]!.start)), ['10.0.0.1', '10.0.1.1', '10.0.2.1'])
})

test('a /24 gives .2 to .254, round robin; what was given back comes last (34)', t => {
  const [set] = [sets([[{ subnet: '10.0.0.0/24' }]])]
  const pool = new Pool()
  const give = (owner: string): string => {
    const [one] = planAllocation({ sets: set, requested: [], lastReserved: index => pool.lastReserved(index), isTaken: address => pool.isTaken(address) })
    pool.take(one!.address, { owner, set: 0 })
    return formatAddress(one!.address)
  }
  const given = Array.from({ length: 253 }, (_, index) => give(`p${index}`))
  t.is(given[0], '10.0.0.2')
  t.is(given.at(-1), '10.0.0.254')
  t.is(pool.freeIn(set[0]!), 0n)
  const error = t.throws(() => give('more'), { instanceOf: CniError }) as CniError | undefined
  t.is(error?.number, 110)
  t.regex(error?.message ?? '', /no IP addresses available in range set: 10\.0\.0\.1-10\.0\.0\.254/)
  pool.release(parseAddress('10.0.0.9', 'a'), 'p7')
  pool.release(parseAddress('10.0.0.7', 'a'), 'p5')
  t.is(give('x'), '10.0.0.7')
  t.is(give('y'), '10.0.0.9')
})

/** host-local's iterator, step by step as upstream's RangeIter takes them: one address after the other until the start comes round. */
function slowModel(set: RangeSet, last: string | undefined, taken: ReadonlySet<string>): string | undefined {
  const ring = set.flatMap(range => Array.from({ length: Number(range.end.bits - range.start.bits) + 1 }, (_, index) => ({ range, bits: range.start.bits + BigInt(index) })))
  const at = last === undefined ? -1 : ring.findIndex(({ range, bits }) => formatAddress({ ...range.start, bits }) === last)
  for (let step = 0; step < ring.length; step += 1) {
    const { range, bits } = ring[(at + 1 + step) % ring.length]!
    const text = formatAddress({ ...range.start, bits })
    if (bits !== range.gateway.bits && !taken.has(text)) return text
  }
  return undefined
}

test('any sequence of reservations and releases gives the addresses of the slow model (16)', t => {
  const shapes = [
    [[{ subnet: '10.0.0.0/28' }]], [[{ subnet: '10.0.0.0/29' }, { subnet: '10.0.1.0/30' }]], [[{ subnet: 'fd00::/125' }]],
    [[{ subnet: '10.0.0.0/29', rangeStart: '10.0.0.3', gateway: '10.0.0.4' }, { subnet: '10.0.0.8/29', gateway: '10.0.0.1' }]],
  ]
  fc.assert(fc.property(fc.constantFrom(...shapes), fc.array(fc.nat({ max: 40 }), { maxLength: 80 }), (shape, steps) => {
    const set = sets(shape)
    const pool = new Pool()
    const owners = new Map<string, string>()
    let last: string | undefined
    for (const [index, step] of steps.entries()) {
      const held = [...owners.keys()]
      if (step % 3 === 0 && held.length > 0) {
        const text = held[step % held.length]!
        pool.release(parseAddress(text, 'a'), owners.get(text)!)
        owners.delete(text)
        continue
      }
      const expected = slowModel(set[0]!, last, new Set(owners.keys()))
      let found: string | undefined
      try {
        const [one] = planAllocation({ sets: set, requested: [], lastReserved: () => pool.lastReserved(0), isTaken: address => pool.isTaken(address) })
        pool.take(one!.address, { owner: String(index), set: 0 })
        found = formatAddress(one!.address)
        owners.set(found, String(index))
        last = found
      } catch (error) {
        if (!(error instanceof CniError)) throw error
      }
      t.is(found, expected)
    }
  }), { numRuns: 300 })
})

test('requested addresses: one per set, taken, gateway, outside, left over (35)', t => {
  const both = sets([[{ subnet: '10.0.0.0/24' }], [{ subnet: 'fd00::/64' }]])
  const ask = (requested: readonly string[], taken: readonly string[] = []): readonly string[] =>
    planAllocation({ sets: both, requested: requested.map(text => parseAddress(text, 'ip')), lastReserved: () => undefined, isTaken: address => taken.includes(formatAddress(address)) }).map(each => formatAddress(each.address))
  t.deepEqual(ask(['fd00::9', '10.0.0.77']), ['10.0.0.77', 'fd00::9'])
  t.deepEqual(ask(['10.0.0.77']), ['10.0.0.77', 'fd00::2'])
  t.throws(() => ask(['10.0.0.77'], ['10.0.0.77']), { message: /10\.0\.0\.77 is not available/ })
  t.throws(() => ask(['10.0.0.1']), { message: /is the subnet's gateway/ })
  t.throws(() => ask(['10.1.0.1']), { message: /failed to allocate all requested IPs: 10\.1\.0\.1/ })
  t.throws(() => ask(['10.0.0.5', '10.0.0.6']), { message: /failed to allocate all requested IPs: 10\.0\.0\.6/ })
})

test('a /64 gives an address without a walk through it (39)', t => {
  const large = sets([[{ subnet: 'fd00::/64' }]])
  const taken = new Set(Array.from({ length: 500 }, (_, index) => `fd00::${(index + 2).toString(16)}`))
  const [one] = planAllocation({ sets: large, requested: [], lastReserved: () => parseAddress('fd00::1f5', 'a'), isTaken: address => taken.has(formatAddress(address)) })
  t.is(formatAddress(one!.address), 'fd00::1f6')
  t.true(new Pool().freeIn(large[0]!) > 2n ** 63n)
})

test('an address is only freed by its holder', t => {
  const pool = new Pool()
  const address = parseAddress('10.0.0.2', 'a')
  pool.take(address, { owner: 'new', set: 0 })
  pool.release(address, 'old')
  t.is(pool.holder(address), 'new')
})

test('resolver files: the last domain, all searches and options, no comments', t => {
  t.deepEqual(parseResolvConf('# x\nnameserver 10.0.0.1\nnameserver 10.0.0.2\ndomain a\ndomain b\nsearch c d\nsearch e\noptions ndots:5\n; nameserver 1.1.1.1\n\n'), {
    nameservers: ['10.0.0.1', '10.0.0.2'], domain: 'b', search: ['c', 'd', 'e'], options: ['ndots:5'],
  })
})
