// What every store must do, whatever it is made of. Run by each implementation's test file.

import type { TestFn } from 'ava'
import fc from 'fast-check'
import { prefixEnd, type Change, type Entry, type Store, type StoreEvent } from '../../src/store/store.ts'

type Open = () => Promise<Store>
const signal = new AbortController().signal
const at = (key: string) => ({ start: key, end: prefixEnd(key) })
const text = (entry: Entry | undefined): string | undefined => entry?.value.toString()
const put = (key: string, value: string): Change => ({ kind: 'put', key, value: Buffer.from(value) })

const write = async (store: Store, ...changes: Change[]): Promise<number> => {
  const result = await store.commit({ compares: [], changes }, { signal })
  if (!result.ok) throw new Error('an unconditional transaction was refused')
  return result.revision
}

/** The next `count` events of a watch. */
export async function take(store: Store, prefix: string, afterRevision: number, count: number): Promise<StoreEvent[]> {
  const stop = new AbortController()
  const timer = setTimeout(() => stop.abort(new Error(`no ${count} events within 10 s`)), 10_000)
  const events: StoreEvent[] = []
  try {
    for await (const batch of store.watch({ prefix, afterRevision }, { signal: stop.signal })) {
      events.push(...batch.events)
      if (events.length >= count) break
    }
  } finally {
    clearTimeout(timer)
  }
  return events
}

export function storeContract(test: TestFn, open: Open): void {
  test('a transaction happens whole when every compare holds and not at all otherwise', async t => {
    await using store = await open()
    const first = await write(store, put('/a', '1'), put('/b', '1'))
    const refused = await store.commit({ compares: [{ key: '/a', modRevision: first }, { key: '/b', modRevision: first - 1 }], changes: [put('/a', '2'), put('/b', '2')] }, { signal })
    t.false(refused.ok)
    t.deepEqual(!refused.ok && refused.current.map(text), ['1', '1'])
    t.is(text(await store.get('/a', { signal })), '1')
    const done = await store.commit({ compares: [{ key: '/a', modRevision: first }], changes: [put('/a', '2'), { kind: 'delete', key: '/b' }] }, { signal })
    t.true(done.ok)
    t.is(text(await store.get('/a', { signal })), '2')
    t.is(await store.get('/b', { signal }), undefined)
  })

  test('of many transactions that compare the same revision exactly one happens', async t => {
    await using store = await open()
    const results = await Promise.all(Array.from({ length: 20 }, (_, i) =>
      store.commit({ compares: [{ key: '/one', modRevision: 0 }], changes: [put('/one', String(i))] }, { signal })))
    t.is(results.filter(result => result.ok).length, 1)
    const winner = results.findIndex(result => result.ok)
    t.is(text(await store.get('/one', { signal })), String(winner))
    const loser = results.find(result => !result.ok)!
    t.is(!loser.ok && text(loser.current[0]), String(winner))
  })

  test('a range ends at its limit, says whether more follows, and can be continued at the same revision', async t => {
    await using store = await open()
    for (const name of ['a', 'b', 'c', 'd']) await write(store, put(`/p/${name}`, name))
    await write(store, put('/q/x', 'x'))
    const page = await store.range({ ...at('/p/'), limit: 2 }, { signal })
    t.deepEqual([page.entries.map(text), page.more], [['a', 'b'], true])
    await write(store, put('/p/c', 'changed'), { kind: 'delete', key: '/p/d' }, put('/p/bb', 'new'))
    const rest = await store.range({ start: '/p/b\0', end: prefixEnd('/p/'), revision: page.revision }, { signal })
    t.deepEqual([rest.entries.map(text), rest.more, rest.revision], [['c', 'd'], false, page.revision])
    t.is(await store.count(at('/p/'), { signal }), 4)
  })

  test('a watch replays the past and goes on with the present, without gap or repetition', async t => {
    await using store = await open()
    const start = await store.revision({ signal })
    const past = await write(store, put('/w/a', '1'))
    await write(store, put('/other', '1'))
    const seen = take(store, '/w/', start, 3)
    const second = await write(store, put('/w/a', '2'))
    const third = await write(store, { kind: 'delete', key: '/w/a' })
    t.deepEqual((await seen).map(event => [event.revision, text(event.entry), text(event.previous)]), [
      [past, '1', undefined], [second, '2', '1'], [third, undefined, '2'],
    ])
  })

  test('compaction forgets the past only: older reads and watches are refused, newer ones go on', async t => {
    await using store = await open()
    const first = await write(store, put('/c/a', '1'))
    const second = await write(store, put('/c/a', '2'))
    const third = await write(store, put('/c/b', '1'))
    await store.compact(second, { signal })
    await t.throwsAsync(store.range({ ...at('/c/'), revision: first }, { signal }), { code: 'STORE_COMPACTED' })
    await t.throwsAsync(take(store, '/c/', first - 1, 1), { code: 'STORE_COMPACTED' })
    t.deepEqual((await store.range({ ...at('/c/'), revision: second }, { signal })).entries.map(text), ['2'])
    t.deepEqual((await take(store, '/c/', second, 1)).map(event => event.revision), [third])
  })

  test('a revision that has not been reached cannot be read', async t => {
    await using store = await open()
    const now = await store.revision({ signal })
    await t.throwsAsync(store.range({ ...at('/x/'), revision: now + 1000 }, { signal }), { code: 'STORE_FUTURE_REVISION' })
  })

  test('every past state can be read exactly, whatever was written since', async t => {
    const key = fc.constantFrom('/m/a', '/m/b', '/m/c', '/n/a', '/m/bb')
    const step = fc.uniqueArray(fc.record({ key, value: fc.option(fc.string({ maxLength: 3 }), { nil: undefined }) }), { selector: change => change.key, minLength: 1, maxLength: 3 })
    await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async steps => {
      await using store = await open()
      const model = new Map<string, string>()
      const states = new Map<number, readonly string[]>()
      for (const changes of steps) {
        const revision = await write(store, ...changes.map(({ key, value }): Change => (value === undefined ? { kind: 'delete', key } : put(key, value))))
        for (const { key, value } of changes) {
          if (value === undefined) model.delete(key)
          else model.set(key, value)
        }
        states.set(revision, [...model].filter(([key]) => key.startsWith('/m/')).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => `${key}=${value}`))
      }
      for (const [revision, expected] of states) {
        const { entries } = await store.range({ ...at('/m/'), revision }, { signal })
        t.deepEqual(entries.map(entry => `${entry.key}=${text(entry)}`), expected)
      }
    }), { numRuns: 40 })
  })
}
