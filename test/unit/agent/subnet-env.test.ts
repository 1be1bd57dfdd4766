import test from 'ava'
import fc from 'fast-check'
import { addressFromBits } from '../../../src/net/ip/address.ts'
import { parsePrefix, prefixOf } from '../../../src/net/ip/prefix.ts'
import { formatSubnetEnv, parseSubnetEnv } from '../../../src/agent/config/subnet-env.ts'

test('T70: subnet.env is byte for byte flannel\'s in dual stack', t => {
  const env = {
    networks: { 4: parsePrefix('10.42.0.0/16', 'n'), 6: parsePrefix('2001:cafe:42::/56', 'n') },
    subnets: { 4: parsePrefix('10.42.7.0/24', 's'), 6: parsePrefix('2001:cafe:42:7::/64', 's') },
    mtu: 1450,
    ipMasq: true,
  }
  t.is(formatSubnetEnv(env), [
    'FLANNEL_NETWORK=10.42.0.0/16', 'FLANNEL_SUBNET=10.42.7.1/24', 'FLANNEL_IPV6_NETWORK=2001:cafe:42::/56',
    'FLANNEL_IPV6_SUBNET=2001:cafe:42:7::1/64', 'FLANNEL_MTU=1450', 'FLANNEL_IPMASQ=true', '',
  ].join('\n'))
})

test('what is written is read back', t => {
  const subnet = fc.tuple(fc.bigInt({ min: 0n, max: (1n << 32n) - 1n }), fc.integer({ min: 8, max: 30 })).map(([bits, length]) => prefixOf(addressFromBits(4, bits), length))
  fc.assert(fc.property(subnet, subnet, fc.integer({ min: 576, max: 9000 }), fc.boolean(), (network, own, mtu, ipMasq) => {
    const env = { networks: { 4: network }, subnets: { 4: own }, mtu, ipMasq }
    t.deepEqual(parseSubnetEnv(formatSubnetEnv(env)), env)
  }))
})

test('quotes and single-entry lists are understood; several entries, rubbish and a cut file count as nothing', t => {
  t.deepEqual(parseSubnetEnv('FLANNEL_SUBNET="10.5.52.1/24"\n').subnets, { 4: parsePrefix('10.5.52.0/24', 's') })
  t.deepEqual(parseSubnetEnv("export FLANNEL_SUBNET='10.5.52.1/24,bad'\n").subnets, { 4: parsePrefix('10.5.52.0/24', 's') })
  t.deepEqual(parseSubnetEnv('FLANNEL_SUBNET=10.5.52.1/24,10.5.53.1/24\n').subnets, {})
  fc.assert(fc.property(fc.string(), text => t.notThrows(() => parseSubnetEnv(text))))
})
