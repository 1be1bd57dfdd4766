// What the repair of allocations puts right, and what it only tells (spec: dry run, crash, repair), over a real store.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { AddressAllocator } from '../../../src/apiserver/allocators/address-allocator.ts'
import { PortAllocator } from '../../../src/apiserver/allocators/port-allocator.ts'
import { addressRecord } from '../../../src/apiserver/allocators/records.ts'
import { ServiceAllocators } from '../../../src/apiserver/allocators/service-allocators.ts'
import { Catalog } from '../../../src/apiserver/catalog.ts'
import { ObjectStore } from '../../../src/apiserver/objects/object-store.ts'
import { ServiceRepair } from '../../../src/apiserver/system/service-repair.ts'
import { parseAddress } from '../../../src/net/ip/address.ts'
import { parsePrefix } from '../../../src/net/ip/prefix.ts'
import { systemClock } from '../../../src/ops/clock.ts'
import { LmdbStore } from '../../../src/store/lmdb/lmdb-store.ts'

const { signal } = new AbortController()
const CREATED = Date.UTC(2026, 0, 1)

async function open(t: ExecutionContext) {
  const directory = mkdtempSync(join(tmpdir(), 'weft-repair-'))
  const store = await LmdbStore.open({ directory, clock: systemClock })
  t.teardown(async () => {
    await store[Symbol.asyncDispose]()
    rmSync(directory, { recursive: true, force: true })
  })
  const catalog = new Catalog()
  const objects = new ObjectStore(store, '/registry')
  const random = (): number => 0.5
  const allocators = new ServiceAllocators({
    addresses: [new AddressAllocator({ family: 4, prefixes: [parsePrefix('10.96.0.0/24', 'test')], random })], ports: new PortAllocator({ range: { first: 30_000, last: 30_099 }, random }),
  })
  const [services, records] = [catalog.builtin('', 'services'), catalog.builtin('networking.k8s.io', 'ipaddresses')]
  const nowMs = { value: CREATED }
  const put = async (resource: typeof services, object: any): Promise<void> => {
    object.metadata.creationTimestamp = new Date(CREATED).toISOString()
    await objects.insert(resource, object, { parts: { compares: [], changes: [] } }, { signal })
  }
  return {
    allocators, nowMs,
    service: (name: string, clusterIP: string, nodePort?: number) => put(services, {
      apiVersion: 'v1', kind: 'Service', metadata: { namespace: 'default', name },
      spec: { type: nodePort === undefined ? 'ClusterIP' : 'NodePort', clusterIP, clusterIPs: [clusterIP], ports: [{ port: 80, ...(nodePort === undefined ? {} : { nodePort }) }] },
    }),
    record: (address: string, name: string, more: object = {}) => {
      const made = addressRecord(parseAddress(address, 'test'), { namespace: 'default', name })
      return put(records, { ...made, metadata: { ...made.metadata, ...more } })
    },
    owner: async (address: string): Promise<string | undefined> => ((await objects.read(records, { namespace: '', name: address }, { signal }))?.object as any)?.spec.parentRef.name,
    repair: new ServiceRepair({ shared: false, allocators, objects, catalog, clock: { ...systemClock, now: () => nowMs.value } }),
  }
}

const reasons = (findings: readonly { reason: string; service: { metadata: { name?: string } } }[]): readonly string[] => findings.map(({ reason, service }) => `${service.metadata.name} ${reason}`)

test('an address without a record gets one, a record that names another Service is put right', async t => {
  const { service, record, owner, repair, allocators } = await open(t)
  await service('bare', '10.96.0.10')
  await service('wrong', '10.96.0.11')
  await record('10.96.0.11', 'somebody')
  await service('right', '10.96.0.12')
  await record('10.96.0.12', 'right')
  t.deepEqual(reasons(await repair.pass(signal)), ['bare IPAddressNotAllocated', 'wrong IPAddressWrongReference'])
  t.deepEqual(await Promise.all(['10.96.0.10', '10.96.0.11', '10.96.0.12'].map(owner)), ['bare', 'wrong', 'right'])
  t.true(allocators.allocatorFor(parseAddress('10.96.0.10', 'test'))!.has(parseAddress('10.96.0.10', 'test')))
  t.deepEqual(await repair.pass(signal), [])
})

test('a record whose Service is gone goes after a minute, one made by hand stays', async t => {
  const { record, owner, repair, nowMs } = await open(t)
  await record('10.96.0.20', 'gone')
  await record('10.96.0.21', 'gone', { labels: {} })
  nowMs.value = CREATED + 59_000
  await repair.pass(signal)
  t.is(await owner('10.96.0.20'), 'gone')
  nowMs.value = CREATED + 61_000
  await repair.pass(signal)
  t.is(await owner('10.96.0.20'), undefined)
  t.is(await owner('10.96.0.21'), 'gone')
})

test('duplicates and what is out of range are told, and left alone', async t => {
  const { service, record, owner, repair } = await open(t)
  await service('a', '10.96.0.30', 30_001)
  await record('10.96.0.30', 'a')
  await service('b', '10.96.0.30', 30_001)
  await service('far', '10.99.0.1', 31_000)
  t.deepEqual(reasons(await repair.pass(signal)), ['a PortNotAllocated', 'b ClusterIPAlreadyAllocated', 'b PortAlreadyAllocated', 'far ClusterIPOutOfRange', 'far PortOutOfRange'])
  t.is(await owner('10.96.0.30'), 'a')
  t.deepEqual(reasons(await repair.pass(signal)), ['b ClusterIPAlreadyAllocated', 'b PortAlreadyAllocated', 'far ClusterIPOutOfRange', 'far PortOutOfRange'])
})

test('a port that three passes in a row find unused is free again, and not before (scenario 26)', async t => {
  const { service, repair, allocators } = await open(t)
  allocators.ports.take(30_050)
  for (const held of [true, true, false]) {
    await repair.pass(signal)
    t.is(allocators.ports.has(30_050), held)
  }
  allocators.ports.take(30_051)
  await repair.pass(signal)
  await repair.pass(signal)
  await service('late', '10.96.0.40', 30_051)
  await repair.pass(signal)
  t.true(allocators.ports.has(30_051))
})
