import test from 'ava'
import fc from 'fast-check'
import { addressFromBits, formatAddress, parseAddress } from '../../../../src/net/ip/address.ts'
import { addressAt, containsAddress, containsPrefix, formatPrefix, lastAddress, netmask, overlaps, parsePrefix, prefixOf, prefixSize, subPrefixAt } from '../../../../src/net/ip/prefix.ts'

const anyPrefix = fc.oneof(
  fc.tuple(fc.bigInt({ min: 0n, max: (1n << 32n) - 1n }), fc.integer({ min: 0, max: 32 })).map(([bits, length]) => prefixOf(addressFromBits(4, bits), length)),
  fc.tuple(fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }), fc.integer({ min: 0, max: 128 })).map(([bits, length]) => prefixOf(addressFromBits(6, bits), length)),
)

test('a prefix survives its text', t => {
  fc.assert(fc.property(anyPrefix, prefix => t.deepEqual(parsePrefix(formatPrefix(prefix), 'p'), prefix)))
})

test('a prefix contains its first and last address and not their neighbours', t => {
  fc.assert(
    fc.property(anyPrefix, prefix => {
      const last = lastAddress(prefix)
      t.true(containsAddress(prefix, addressAt(prefix, 0n)))
      t.true(containsAddress(prefix, last))
      t.is(last.bits - prefix.network + 1n, prefixSize(prefix))
    }),
  )
})

test('two prefixes overlap exactly when one contains the other', t => {
  t.true(overlaps(parsePrefix('10.0.0.0/8', 'a'), parsePrefix('10.2.0.0/16', 'b')))
  t.false(overlaps(parsePrefix('10.0.0.0/16', 'a'), parsePrefix('10.1.0.0/16', 'b')))
  t.false(containsPrefix(parsePrefix('10.2.0.0/16', 'b'), parsePrefix('10.0.0.0/8', 'a')))
})

test('sub-prefixes and netmasks', t => {
  t.is(formatPrefix(subPrefixAt(parsePrefix('10.244.0.0/16', 'a'), 24, 3n)), '10.244.3.0/24')
  t.is(formatAddress(netmask(parsePrefix('10.0.0.0/20', 'a'))), '255.255.240.0')
  t.is(formatAddress(addressAt(parsePrefix('fd00::/64', 'a'), 5n)), formatAddress(parseAddress('fd00::5', 'a')))
})

test('stray host bits are refused and the right form is shown', t => {
  t.throws(() => parsePrefix('10.244.1.1/16', 'Network'), { message: 'Network: "10.244.1.1/16": has host bits set; the network is 10.244.0.0/16' })
  for (const bad of ['10.0.0.0', '10.0.0.0/33', '10.0.0.0/', '/8', '10.0.0.0/08', 'fd00::/129']) t.throws(() => parsePrefix(bad, 'x'))
})
