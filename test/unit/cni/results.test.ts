// Results in every version: what is kept, what is lost, what is added.

import test from 'ava'
import fc from 'fast-check'
import { Fields } from '../../../cni/plugin/request/fields.ts'
import { formatResult, resultFor } from '../../../cni/plugin/result/format-result.ts'
import { readResult } from '../../../cni/plugin/result/read-result.ts'
import { CNI_VERSIONS, type CniVersion } from '../../../cni/plugin/version.ts'
import { asCniError, CniError, textForDel } from '../../../cni/plugin/cni-error.ts'

const full = {
  cniVersion: '1.1.0',
  interfaces: [{ name: 'cni0', mac: '02:00:00:00:00:01', mtu: 1500, socketPath: '/s', pciID: 'p' }, { name: 'eth0', mac: '02:00:00:00:00:02', sandbox: '/run/netns/x' }],
  ips: [{ interface: 0, address: '10.0.0.2/24', gateway: '10.0.0.1' }, { address: 'fd00::2/64', gateway: 'fd00::1', note: 'foreign' }],
  routes: [{ dst: '0.0.0.0/0', gw: '10.0.0.1', mtu: 1400, priority: 5, table: 7, scope: 0, advmss: 1000 }, { dst: 'fd01::/64' }],
  dns: { nameservers: ['10.0.0.10'], search: ['a', 'b'] },
  'vendor.io/x': { kept: true },
}
const read = (value: object, version: CniVersion = '1.1.0'): ReturnType<typeof readResult> => readResult(new Fields(value), version)
const convert = (value: object, to: CniVersion): Record<string, any> => JSON.parse(formatResult(read(value), to)) as Record<string, any>

test('1.1.0 to itself and to 1.0.0 keeps everything, foreign keys and extra fields included (5, 6)', t => {
  t.deepEqual(convert(full, '1.1.0'), full)
  t.deepEqual(convert(full, '1.0.0'), { ...full, cniVersion: '1.0.0' })
})

test('0.3.x and 0.4.0: interfaces lose what came later, addresses tell their version, dns is always there (4, 5)', t => {
  for (const version of ['0.3.0', '0.3.1', '0.4.0'] as const) {
    const converted = convert(full, version)
    t.deepEqual(converted['interfaces'], [{ name: 'cni0', mac: '02:00:00:00:00:01' }, { name: 'eth0', mac: '02:00:00:00:00:02', sandbox: '/run/netns/x' }])
    t.deepEqual(converted['ips'].map((ip: any) => [ip.version, ip.interface]), [['4', 0], ['6', undefined]])
    t.deepEqual(convert({ ...full, dns: {} }, version)['dns'], {})
  }
  t.false('dns' in convert({ ...full, dns: {} }, '1.0.0'))
})

test('0.1.0 and 0.2.0: one address per family with its routes; none at all cannot be said (4, 5)', t => {
  t.deepEqual(convert(full, '0.2.0'), {
    cniVersion: '0.2.0',
    ip4: { ip: '10.0.0.2/24', gateway: '10.0.0.1', routes: [{ dst: '0.0.0.0/0', gw: '10.0.0.1' }] },
    ip6: { ip: 'fd00::2/64', gateway: 'fd00::1', routes: [{ dst: 'fd01::/64' }] },
    dns: { nameservers: ['10.0.0.10'], search: ['a', 'b'] },
  })
  t.throws(() => convert({ ...full, ips: [] }, '0.1.0'), { instanceOf: CniError })
  const up = read(convert(full, '0.2.0'))
  t.deepEqual(resultFor(up, '1.0.0')['ips'], [{ address: '10.0.0.2/24', gateway: '10.0.0.1' }, { address: 'fd00::2/64', gateway: 'fd00::1' }])
})

test('a result without cniVersion has the configuration\'s; any family is read (6)', t => {
  const { cniVersion: _, ...rest } = convert(full, '0.4.0')
  t.is(read(rest, '0.4.0').ips.length, 2)
  t.is(read({ cniVersion: '0.2.0', ip4: { ip: '10.0.0.2/24' } }, '1.0.0').ips.length, 1)
})

test('every pair of versions from 0.3.0 on: there and back loses nothing that the older one can say (5)', t => {
  const current = CNI_VERSIONS.filter(version => version !== '0.1.0' && version !== '0.2.0')
  const address = fc.tuple(fc.integer({ min: 1, max: 254 }), fc.integer({ min: 8, max: 30 })).map(([host, length]) => `10.1.2.${host}/${length}`)
  const results = fc.record({
    interfaces: fc.array(fc.record({ name: fc.constantFrom('eth0', 'veth1'), mac: fc.constant('02:00:00:00:00:0a') }), { minLength: 1, maxLength: 3 }),
    ips: fc.array(fc.record({ address, interface: fc.constant(0) }), { maxLength: 3 }),
    routes: fc.array(fc.record({ dst: address }), { maxLength: 3 }),
  })
  fc.assert(fc.property(results, fc.constantFrom(...current), fc.constantFrom(...current), (value, a, b) => {
    const there = resultFor(read(value), a)
    const back = resultFor(read(resultFor(read(there, a), b), b), a)
    t.deepEqual(back, there)
  }), { numRuns: 200 })
})

test('errors of a DEL never contain what containerd takes for success (12)', t => {
  for (const text of ['link not found', 'open /x: no such file or directory', 'Not Found NOT FOUND', 'No Such File Or Directory']) {
    t.notRegex(textForDel(text), /not found|no such file or directory/i)
  }
})

test('whatever is thrown becomes an answer with a number', t => {
  t.is(asCniError(new Error('x')).number, 999)
  t.is(asCniError(new DOMException('late', 'TimeoutError')).number, 11)
  t.is(asCniError(Object.assign(new Error('x'), { code: 'EAGAIN' })).number, 11)
  t.is(asCniError(undefined).number, 999)
})
