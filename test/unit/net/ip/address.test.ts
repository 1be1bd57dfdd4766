import { isIP } from 'node:net'
import test from 'ava'
import fc from 'fast-check'
import { addressFromBits, addressFromBytes, addressToBytes, formatAddress, parseAddress, tryParseAddress } from '../../../../src/net/ip/address.ts'

const anyAddress = fc.oneof(
  fc.bigInt({ min: 0n, max: (1n << 32n) - 1n }).map(bits => addressFromBits(4, bits)),
  fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }).map(bits => addressFromBits(6, bits)),
  fc.array(fc.constantFrom<bigint[]>(0n, 0n, 1n, 0xffffn), { minLength: 8, maxLength: 8 }).map(g => addressFromBits(6, g.reduce((a, b) => (a << 16n) | b, 0n))),
)

test('an address survives text and bytes', t => {
  fc.assert(
    fc.property(anyAddress, address => {
      t.deepEqual(parseAddress(formatAddress(address), 'a'), address)
      t.deepEqual(addressFromBytes(addressToBytes(address)), address)
    }),
  )
})

test('text is accepted exactly when inet_pton accepts it', t => {
  const nearly = fc.stringMatching(/^[0-9a-f:.]{0,24}$/)
  fc.assert(fc.property(fc.oneof(nearly, anyAddress.map(formatAddress)), text => (tryParseAddress(text) !== undefined) === (isIP(text) !== 0)), { numRuns: 2000 })
  t.pass()
})

test('IPv6 text is canonical as RFC 5952 asks', t => {
  for (const [given, canonical] of [
    ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['::ffff:192.0.2.1', '::ffff:192.0.2.1'],
    ['0:0:0:0:0:0:0:0', '::'],
  ] as const) {
    t.is(formatAddress(parseAddress(given, 'a')), canonical)
  }
})

test('an error names the field and the value', t => {
  t.throws(() => parseAddress('10.0.0.256', 'spec.clusterIP'), { message: 'spec.clusterIP: "10.0.0.256": is not an IPv4 or IPv6 address' })
})
