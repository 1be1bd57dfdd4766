import test from 'ava'
import { parseAddress } from '../../../src/net/ip/address.ts'
import { parsePrefix } from '../../../src/net/ip/prefix.ts'
import type { Lease } from '../../../src/agent/leases/lease.ts'
import { EMPTY_TABLE, isMassRemoval, readLeases, sameTable, type LeaseSource } from '../../../src/agent/leases/lease-table.ts'

const lease = (owner: string, host = '192.0.2.1'): Lease =>
  ({ owner, age: 1, subnets: { 4: parsePrefix('10.1.0.0/24', 's') }, attributes: { publicIps: { 4: parseAddress(host, 'p') }, backendType: 'vxlan', backendData: { 4: { a: 1, b: 2 } } } })
const source = (owner: string, read: () => Lease | undefined): LeaseSource => ({ owner, read })
const broken = (owner: string): LeaseSource => source(owner, () => {
  throw new Error('unreadable')
})

test('a lease that becomes unreadable keeps its last good state and costs nobody else anything', t => {
  const first = readLeases(EMPTY_TABLE, [source('a', () => lease('a')), source('b', () => lease('b'))])
  const second = readLeases(first, [broken('a'), source('b', () => lease('b', '192.0.2.9'))])
  t.is(second.leases.get('a'), first.leases.get('a'))
  t.deepEqual(second.problems, [{ owner: 'a', message: 'unreadable' }])
  t.not(second.leases.get('b'), first.leases.get('b'))
  t.false(readLeases(EMPTY_TABLE, [broken('new')]).leases.has('new'))
})

test('reading the same leases anew gives the same table, and every difference shows', t => {
  const sources = [source('a', () => lease('a')), source('b', () => lease('b'))]
  const table = readLeases(EMPTY_TABLE, sources)
  t.true(sameTable(table, readLeases(table, sources)))
  for (const other of [[sources[0]!], [...sources, source('c', () => lease('c'))], [sources[0]!, source('b', () => lease('b', '192.0.2.2'))], [sources[0]!, broken('b')], [sources[0]!, source('b', () => undefined)]]) {
    t.false(sameTable(table, readLeases(table, other)))
  }
})

test('T74: only the loss of more than half of four or more counts as a mass removal', t => {
  const table = (count: number) => readLeases(EMPTY_TABLE, Array.from({ length: count }, (_, i) => source(`n${i}`, () => lease(`n${i}`))))
  t.true(isMassRemoval(table(4), table(1)))
  t.false(isMassRemoval(table(4), table(2)))
  t.false(isMassRemoval(table(3), table(0)))
  t.true(isMassRemoval(table(1000), EMPTY_TABLE))
})
