import test from 'ava'
import { setTimeout as delay } from 'node:timers/promises'
import { systemClock } from '../../../../src/ops/clock.ts'
import { runSyncs, SyncBell } from '../../../../src/proxy/sync/sync-bell.ts'

const run = (sync: (reasons: readonly string[]) => Promise<void>, minIntervalMs: number) => {
  const bell = new SyncBell()
  const stop = new AbortController()
  const failures: number[] = []
  const running = runSyncs({ bell, sync, onFailure: (_, n) => failures.push(n), minIntervalMs, idleMs: 60_000, retryMs: () => 20, clock: systemClock, signal: stop.signal })
  return { bell, failures, stop: async () => { stop.abort(); await running } }
}

test('a lone change is synced at once, and a burst of five hundred is two syncs (scenario 113)', async t => {
  const at: number[] = []
  const start = performance.now()
  const loop = run(async () => void at.push(performance.now() - start), 200)
  loop.bell.ring('lone')
  await delay(30)
  t.is(at.length, 1)
  t.true(at[0]! < 25)
  for (let i = 0; i < 500; i += 1) loop.bell.ring('burst')
  await delay(400)
  t.is(at.length, 2)
  t.true(at[1]! >= 195)
  await loop.stop()
})

test('an emergency does not wait for the interval', async t => {
  const seen: (readonly string[])[] = []
  const loop = run(async reasons => void seen.push(reasons), 10_000)
  loop.bell.ring('first')
  await delay(10)
  loop.bell.ring('change')
  await delay(10)
  t.is(seen.length, 1)
  loop.bell.ring('rules changed', { urgent: true })
  await delay(20)
  t.deepEqual(seen, [['first'], ['change', 'rules changed']])
  await loop.stop()
})

test('a failed sync is tried again without anyone ringing', async t => {
  let tries = 0
  const loop = run(async () => {
    tries += 1
    if (tries < 3) throw new Error('no')
  }, 0)
  loop.bell.ring('once')
  await delay(150)
  t.is(tries, 3)
  t.deepEqual(loop.failures, [1, 2])
  await loop.stop()
})
