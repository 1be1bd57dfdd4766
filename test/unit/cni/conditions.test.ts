// Conditions of host ports: two programs' words, one meaning.

import test from 'ava'
import fc from 'fast-check'
import { CniError } from '../../../cni/plugin/cni-error.ts'
import { formatConditions, readConditions, type Condition } from '../../../cni/plugin/config/conditions.ts'
import { conditionExpressions, conditionsId } from '../../../cni/plugin/rules/condition-expressions.ts'
import { prefixOf } from '../../../src/net/ip/prefix.ts'
import { addressFromBits } from '../../../src/net/ip/address.ts'

const read = (words: readonly string[], family: 4 | 6 = 4): readonly string[] => formatConditions(readConditions(words, { field: 'conditions', family }))

test('words of iptables and of nft mean the same (45)', t => {
  const pairs: readonly (readonly [readonly string[], readonly string[]])[] = [
    [['!', '-d', '192.0.2.0/24'], ['ip', 'daddr', '!=', '192.0.2.0/24']],
    [['--source', '10.1.2.3'], ['ip saddr 10.1.2.3']],
    [['-i', 'eth+'], ['iifname "eth*"']],
    [['!', '-i', 'eth0', '-s', '10.0.0.0/8'], ['meta iifname != eth0', 'ip saddr 10.0.0.0/8']],
    [['-m', 'mark', '!', '--mark', '0x1/0x3'], ['meta mark != 1/3']],
  ]
  for (const [iptables, nft] of pairs) {
    t.deepEqual(read(iptables), read(nft), iptables.join(' '))
    t.deepEqual(read(read(iptables)), read(iptables), 'and are read back')
  }
  t.deepEqual(read(['ip6 daddr fc00::/7'], 6), ['-d', 'fc00::/7'])
  t.deepEqual(read([]), [])
})

test('what cannot be said in the packet filter is refused with its words (2), a wrong value with its field (7)', t => {
  for (const words of [['-p', 'tcp'], ['-m', 'owner', '--uid-owner', '0'], ['-s'], ['!'], ['ip', 'ttl', '5'], ['ip6 saddr fd00::/8'], ['--mark', 'x'], ['ct state new']]) {
    t.is((t.throws(() => read(words), { instanceOf: CniError }) as CniError).number, 2, words.join(' '))
  }
  t.throws(() => read(['-s', 'fd00::/8']), { message: /conditions: "fd00::\/8" is not of IPv4/ })
  t.throws(() => read(['-s', '10.0.0.1/8']), { message: /conditions.*10\.0\.0\.0\/8/ })
})

test('equal conditions have one number, others another; every list ends in comparisons', t => {
  const prefix = fc.tuple(fc.bigInt({ min: 0n, max: 2n ** 32n - 1n }), fc.integer({ min: 0, max: 32 })).map(([bits, length]) => prefixOf(addressFromBits(4, bits), length))
  const condition: fc.Arbitrary<Condition> = fc.oneof(
    fc.record({ kind: fc.constantFrom('source' as const, 'destination' as const), not: fc.boolean(), prefix }),
    fc.record({ kind: fc.constant('interface' as const), not: fc.boolean(), name: fc.constantFrom('eth0', 'lo', 'cni'), prefix: fc.boolean() }),
    fc.record({ kind: fc.constant('mark' as const), not: fc.boolean(), value: fc.integer({ min: 0, max: 255 }), mask: fc.constant(0xff) }),
  )
  fc.assert(fc.property(fc.array(condition, { minLength: 1, maxLength: 4 }), fc.array(condition, { minLength: 1, maxLength: 4 }), (a, b) => {
    t.deepEqual(readConditions(formatConditions(a), { field: 'c', family: 4 }), a)
    t.is(Buffer.compare(conditionsId(a), conditionsId(b)) === 0, JSON.stringify(formatConditions(a)) === JSON.stringify(formatConditions(b)))
    t.is(conditionExpressions(a).filter(each => each.kind === 'cmp').length, a.length)
  }))
})
