import { mkdtempSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { systemClock } from '../../../src/ops/clock.ts'
import { LmdbStore } from '../../../src/store/lmdb/lmdb-store.ts'
import { prefixEnd } from '../../../src/store/store.ts'
import { restoreSnapshot, saveSnapshot } from '../../../src/store/lmdb/snapshot.ts'
import { storeContract, take } from '../../store/contract.ts'

const signal = new AbortController().signal
const made: string[] = []
const directory = (): string => {
  const path = mkdtempSync(join(tmpdir(), 'weft-store-'))
  made.push(path)
  return path
}
test.after.always(() => { for (const path of made) rmSync(path, { recursive: true, force: true }) })

storeContract(test, () => LmdbStore.open({ directory: directory(), clock: systemClock }))

test('state, history and revision outlive the process that wrote them', async t => {
  const path = directory()
  let before = 0
  {
    await using store = await LmdbStore.open({ directory: path, clock: systemClock })
    for (const value of ['1', '2', '3']) await store.commit({ compares: [], changes: [{ kind: 'put', key: '/a', value: Buffer.from(value) }] }, { signal })
    before = await store.revision()
  }
  await using store = await LmdbStore.open({ directory: path, clock: systemClock })
  t.is(await store.revision(), before)
  t.deepEqual((await take(store, '/', before - 2, 2)).map(event => event.entry?.value.toString()), ['2', '3'])
  t.is((await store.range({ start: '/', end: prefixEnd('/'), revision: before - 1 })).entries[0]?.value.toString(), '2')
})

test('a key with a time to live goes by itself, and one written again since stays', async t => {
  let nowMs = 1_000_000
  const clock = { ...systemClock, now: () => nowMs, sleep: async (_: number, options: { signal: AbortSignal }) => systemClock.sleep(5, options) }
  await using store = await LmdbStore.open({ directory: directory(), clock })
  const put = (key: string, ttlSeconds?: number) =>
    store.commit({ compares: [], changes: [{ kind: 'put', key, value: Buffer.from('x'), ...(ttlSeconds === undefined ? {} : { ttlSeconds }) }] }, { signal })
  await put('/gone', 10)
  await put('/kept', 10)
  await put('/kept')
  nowMs += 11_000
  const deleted = await take(store, '/', await store.revision(), 1)
  t.deepEqual(deleted.map(event => [event.key, event.entry]), [['/gone', undefined]])
  t.truthy(await store.get('/kept'))
})

test('a file that is no store is refused with its path and a way out', async t => {
  const path = directory()
  writeFileSync(join(path, 'data.mdb'), 'this is not a database, and longer than a page header'.repeat(400))
  await t.throwsAsync(LmdbStore.open({ directory: path, clock: systemClock }), { code: 'STORE_OPEN_FAILED', message: new RegExp(path) })
})

test('a file that was cut short is refused', async t => {
  const path = directory()
  {
    await using store = await LmdbStore.open({ directory: path, clock: systemClock })
    for (let i = 0; i < 50; i += 1) await store.commit({ compares: [], changes: [{ kind: 'put', key: `/${i}`, value: Buffer.alloc(3000) }] }, { signal })
  }
  const file = join(path, 'data.mdb')
  truncateSync(file, Math.floor(statSync(file).size / 16 / 4096) * 4096)
  await t.throwsAsync(LmdbStore.open({ directory: path, clock: systemClock }), { code: 'STORE_OPEN_FAILED', message: /bytes are in use|at least/ })
})

test('a store is one process\'s at a time, and a dead one\'s lock is taken over', async t => {
  const path = directory()
  {
    await using store = await LmdbStore.open({ directory: path, clock: systemClock })
    await t.throwsAsync(LmdbStore.open({ directory: path, clock: systemClock }), { code: 'STORE_IN_USE', message: new RegExp(`process ${process.pid} works on this store`) })
    t.is(await store.revision(), 0)
  }
  writeFileSync(join(path, 'owner'), '1 12345')
  await using store = await LmdbStore.open({ directory: path, clock: systemClock })
  t.is(await store.revision(), 0)
})

test('a snapshot taken under writes is one consistent state, and a restored store is ahead of every client', async t => {
  const path = directory()
  const file = join(directory(), 'snapshot')
  const restored = join(directory(), 'restored')
  {
    await using store = await LmdbStore.open({ directory: path, clock: systemClock })
    // Both keys are always written together, so a snapshot in which they differ is torn.
    const write = (i: number) => store.commit({ compares: [], changes: ['/a', '/b'].map(key => ({ kind: 'put' as const, key, value: Buffer.from(String(i)) })) }, { signal })
    for (let i = 0; i < 50; i += 1) await write(i)
    const writing = Promise.all(Array.from({ length: 200 }, (_, i) => write(50 + i)))
    const saved = await saveSnapshot(path, file)
    await writing
    t.true(saved.revision >= 50 && saved.revision <= 250)
    await t.throwsAsync(saveSnapshot(path, file), { code: 'SNAPSHOT_EXISTS' })
    await t.throwsAsync(restoreSnapshot(file, path), { code: 'STORE_EXISTS' })
    const info = await restoreSnapshot(file, restored)
    t.true(info.revision > await store.revision())
  }
  await using store = await LmdbStore.open({ directory: restored, clock: systemClock })
  const [a, b] = [await store.get('/a'), await store.get('/b')]
  t.is(a!.value.toString(), b!.value.toString())
  await t.throwsAsync(take(store, '/', 100, 1), { code: 'STORE_COMPACTED' })
  const written = await store.commit({ compares: [], changes: [{ kind: 'put', key: '/a', value: Buffer.from('new') }] }, { signal })
  t.true(written.ok && written.revision === await store.revision() && written.revision > 1_000_000_000)
})

test('a snapshot that is none is refused', async t => {
  const file = join(directory(), 'snapshot')
  writeFileSync(file, 'nothing of the kind')
  await t.throwsAsync(restoreSnapshot(file, join(directory(), 'new')), { code: 'SNAPSHOT_DAMAGED' })
  await t.throwsAsync(restoreSnapshot(`${file}.none`, join(directory(), 'new')), { code: 'SNAPSHOT_DAMAGED' })
  await t.throwsAsync(saveSnapshot(directory(), `${file}.x`), { code: 'STORE_MISSING' })
})
