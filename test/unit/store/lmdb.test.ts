import { mkdtempSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { systemClock } from '../../../src/ops/clock.ts'
import { LmdbStore } from '../../../src/store/lmdb/lmdb-store.ts'
import { prefixEnd } from '../../../src/store/store.ts'
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
