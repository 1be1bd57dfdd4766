import test from 'ava'
import fc from 'fast-check'
import { addressFromBits } from '../../../src/net/ip/address.ts'
import { formatPrefix, overlaps, parsePrefix, prefixOf, type Prefix } from '../../../src/net/ip/prefix.ts'
import { planPrefixes, takenByRoutes } from '../../../src/cluster/prefix-plan.ts'

const prefix = fc.tuple(fc.bigInt({ min: 0n, max: 2n ** 32n - 1n }), fc.integer({ min: 9, max: 32 }))
  .map(([bits, length]) => prefixOf(addressFromBits(4, bits), length))
const p = (text: string): Prefix => parsePrefix(text, 'test')
const routes = (...texts: string[]) => takenByRoutes(texts.map(text => ({ destination: p(text), link: 'eth0' })))
const NOTHING_WANTED = { podCidr: undefined, serviceCidr: undefined }

test('the chosen prefixes overlap neither each other nor what is taken', t => {
  fc.assert(
    fc.property(fc.array(prefix, { maxLength: 20 }), taken => {
      const { podCidr, serviceCidr, underlay } = planPrefixes(NOTHING_WANTED, taken.map(one => ({ prefix: one, by: 'test' })))
      const chosen = [podCidr, serviceCidr, underlay]
      for (const one of chosen) {
        t.false(taken.some(other => overlaps(one, other)))
        t.is(chosen.filter(other => overlaps(one, other)).length, 1)
      }
    }),
  )
})

test('on a machine without routes the usual prefixes are chosen', t => {
  const { podCidr, serviceCidr, underlay } = planPrefixes(NOTHING_WANTED, [])
  t.deepEqual([podCidr, serviceCidr, underlay].map(formatPrefix), ['10.244.0.0/16', '10.96.0.0/16', '172.30.0.0/24'])
})

test('default routes, also in two halves, take nothing', t => {
  t.deepEqual(routes('0.0.0.0/0', '0.0.0.0/1', '128.0.0.0/1'), [])
})

test('defaults step aside where the machine routes all of 10.0.0.0/8', t => {
  const { podCidr, serviceCidr } = planPrefixes(NOTHING_WANTED, routes('10.0.0.0/8'))
  t.deepEqual([podCidr, serviceCidr].map(formatPrefix), ['172.20.0.0/16', '172.22.0.0/16'])
})

test('a default steps aside from a prefix that was given', t => {
  const { podCidr, serviceCidr } = planPrefixes({ podCidr: p('10.64.0.0/10'), serviceCidr: undefined }, [])
  t.false(overlaps(podCidr, serviceCidr))
  t.is(formatPrefix(podCidr), '10.64.0.0/10')
})

test('a given prefix that collides with a route is refused, naming flag and route', t => {
  t.throws(() => planPrefixes({ podCidr: p('192.168.0.0/16'), serviceCidr: undefined }, routes('192.168.7.0/24')), {
    message: '--pod-cidr: "192.168.0.0/16": overlaps this machine\'s route 192.168.7.0/24 on eth0',
  })
})

test('a machine that routes everything gets an error that says what to do', t => {
  const everything = [{ prefix: p('0.0.0.0/0'), by: 'test' }]
  t.throws(() => planPrefixes(NOTHING_WANTED, everything), { code: 'NO_FREE_PREFIX', message: /--pod-cidr and --service-cidr/ })
})
