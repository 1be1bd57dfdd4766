import test from 'ava'
import fc from 'fast-check'
import { WorkQueue } from '../../../src/client/work-queue.ts'
import { eventually } from './harness.ts'

const quick = { initialMs: 5, maxMs: 20, factor: 2, jitter: 0 }

test('a key added many times before it is taken is worked on once', async t => {
  const queue = new WorkQueue()
  const stop = new AbortController()
  const seen: string[] = []
  for (const key of ['a', 'b', 'a', 'a']) queue.add(key)
  t.is(queue.length, 2)
  const running = queue.process({ concurrency: 1, signal: stop.signal, onFailure: () => {}, work: async key => void seen.push(key) })
  await eventually(() => seen.length === 2)
  stop.abort()
  await running
  t.deepEqual(seen, ['a', 'b'])
})

test('a key added while it is worked on is worked on once more, and never twice at a time', async t => {
  await fc.assert(fc.asyncProperty(fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 30 }), fc.integer({ min: 1, max: 4 }), async (keys, concurrency) => {
    const queue = new WorkQueue()
    const stop = new AbortController()
    const running = new Set<string>()
    const version = new Map<string, number>()
    const seen = new Map<string, number>()
    let overlaps = 0
    const processing = queue.process({
      concurrency, signal: stop.signal, onFailure: () => {},
      work: async key => {
        if (running.has(key)) overlaps += 1
        running.add(key)
        const now = version.get(key)!
        await new Promise(resolve => setImmediate(resolve))
        seen.set(key, now)
        running.delete(key)
      },
    })
    for (const [index, key] of keys.entries()) {
      version.set(key, (version.get(key) ?? 0) + 1)
      queue.add(key)
      if (index % 3 === 0) await new Promise(resolve => setImmediate(resolve))
    }
    await eventually(() => [...version].every(([key, number]) => seen.get(key) === number))
    stop.abort()
    await processing
    return overlaps === 0
  }), { numRuns: 50 })
  t.pass()
})

test('a key whose work fails comes back after a growing wait, and is forgotten as failing once it succeeds', async t => {
  const queue = new WorkQueue({ backoff: quick })
  const stop = new AbortController()
  const failures: number[] = []
  let done = false
  queue.add('a')
  const running = queue.process({
    concurrency: 1, signal: stop.signal,
    onFailure: (_, __, count) => failures.push(count),
    work: async () => {
      if (failures.length < 3) throw new Error('not yet')
      done = true
    },
  })
  await eventually(() => done && queue.failing.size === 0)
  stop.abort()
  await running
  t.deepEqual(failures, [1, 2, 3])
})

test('of several delays the earliest counts, and adding at once cancels them', async t => {
  const queue = new WorkQueue()
  const stop = new AbortController()
  const seen: string[] = []
  queue.addAfter('late', 60_000)
  queue.addAfter('late', 10)
  queue.addAfter('late', 50_000)
  queue.addAfter('now', 60_000)
  queue.add('now')
  const running = queue.process({ concurrency: 2, signal: stop.signal, onFailure: () => {}, work: async key => void seen.push(key) })
  await eventually(() => seen.length === 2)
  stop.abort()
  await running
  t.deepEqual(seen, ['now', 'late'])
})

test('stopping waits for the work in progress and counts no failure', async t => {
  const queue = new WorkQueue()
  const stop = new AbortController()
  let finished = false
  let failures = 0
  queue.add('a')
  const running = queue.process({
    concurrency: 1, signal: stop.signal, onFailure: () => void (failures += 1),
    work: async (_, { signal }) => {
      stop.abort(new Error('stop'))
      await new Promise(resolve => setTimeout(resolve, 20))
      finished = true
      signal.throwIfAborted()
    },
  })
  await running
  t.true(finished)
  t.is(failures, 0)
})
