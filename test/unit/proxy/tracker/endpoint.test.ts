import test from 'ava'
import fc from 'fast-check'
import { addressFromBits, formatAddress, type Address } from '../../../../src/net/ip/address.ts'
import type { Port } from '../../../../src/net/ip/port.ts'
import { Endpoint, type EndpointFields } from '../../../../src/proxy/tracker/endpoint.ts'

const address: fc.Arbitrary<Address> = fc.oneof(
  fc.bigInt({ min: 0n, max: 2n ** 32n - 1n }).map(bits => addressFromBits(4, bits)),
  fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }).map(bits => addressFromBits(6, bits)),
)

const fields: fc.Arbitrary<EndpointFields> = fc.record({
  address,
  port: fc.integer({ min: 1, max: 65_535 }).map(port => port as Port),
  locality: fc.constantFrom('local', 'remote', 'unknown'),
  ready: fc.boolean(), serving: fc.boolean(), terminating: fc.boolean(),
  hints: fc.record({ zones: fc.subarray(['a', 'b']), nodes: fc.subarray(['n']) }),
})

const shown = ({ address: where, port, locality, ready, serving, terminating, hints }: EndpointFields): string =>
  JSON.stringify([where.family, formatAddress(where), port, locality, ready, serving, terminating, hints])

test('an endpoint gives back what it was made of', t => {
  fc.assert(fc.property(fields, given => shown(new Endpoint(given)) === shown(given)))
  t.is(new Endpoint({ ...fc.sample(fields, 1)[0]!, address: addressFromBits(4, 0xff_ff_ff_ffn), port: 65_535 as Port }).identity, '255.255.255.255:65535')
  t.is(new Endpoint({ ...fc.sample(fields, 1)[0]!, address: addressFromBits(6, 0xfd00n << 112n), port: 80 as Port }).identity, '[fd00::]:80')
})

test('two endpoints are the same exactly when all their fields are', t => {
  fc.assert(fc.property(fields, fields, (a, b) => new Endpoint(a).isSame(new Endpoint(b)) === (shown(a) === shown(b))))
  fc.assert(fc.property(fields, a => new Endpoint(a).isSame(new Endpoint({ ...a, hints: { zones: [...a.hints.zones], nodes: [...a.hints.nodes] } }))))
  t.pass()
})
