import test from 'ava'
import { systemClock, type Clock } from '../../../src/ops/clock.ts'
import { Doorbell, reconcileLoop } from '../../../src/ops/wake.ts'

const loop = (doorbell: Doorbell, pass: (reasons: readonly string[]) => Promise<void>, signal: AbortSignal, failures: number[] = []) =>
  reconcileLoop({ doorbell, pass, onFailure: (_, n) => failures.push(n), resyncIntervalMs: 60_000, retryMs: () => 1, clock: systemClock, signal })

test('rings during a pass collapse into one further pass that sees all their reasons', async t => {
  const stop = new AbortController()
  const doorbell = new Doorbell()
  const seen: (readonly string[])[] = []
  await loop(doorbell, async reasons => {
    seen.push(reasons)
    if (seen.length === 1) for (const reason of ['a', 'b', 'a']) doorbell.ring(reason)
    else stop.abort()
  }, stop.signal)
  t.deepEqual(seen, [['start'], ['a', 'b']])
})

test('a failed pass is tried again without anyone ringing, and failures are counted in a row', async t => {
  const stop = new AbortController()
  const failures: number[] = []
  let passes = 0
  await loop(new Doorbell(), async () => {
    passes += 1
    if (passes < 4) throw new Error('not yet')
    stop.abort()
  }, stop.signal, failures)
  t.deepEqual(failures, [1, 2, 3])
})

/** Time that passes only when someone waits, and at once. */
function jumpingClock(): Clock {
  let nowMs = 0
  return {
    now: () => nowMs,
    monotonicMs: () => nowMs,
    sleep: async (durationMs, { signal }) => {
      await new Promise(resolve => setImmediate(resolve))
      signal.throwIfAborted()
      nowMs += durationMs
    },
  }
}

test('a ring cuts the wait of a failed pass short, but not below the first step of the backoff', async t => {
  const stop = new AbortController()
  const doorbell = new Doorbell()
  const clock = jumpingClock()
  const startedMs: number[] = []
  const reasons: (readonly string[])[] = []
  await reconcileLoop({
    doorbell, clock, signal: stop.signal, resyncIntervalMs: 1, onFailure: () => {}, retryMs: failures => 100 * 2 ** (failures - 1),
    pass: async why => {
      startedMs.push(clock.monotonicMs())
      reasons.push(why)
      if (startedMs.length === 6) return stop.abort()
      // The input changes while the fourth and fifth pass run.
      if (startedMs.length >= 4) doorbell.ring('input changed')
      throw new Error('not yet')
    },
  })
  const waits = startedMs.slice(1).map((at, index) => at - startedMs[index]!)
  t.deepEqual(waits, [100, 200, 400, 100, 100])
  t.deepEqual(reasons, [['start'], ['retry'], ['retry'], ['retry'], ['input changed'], ['input changed']])
})

test('an abort while waiting ends the loop', async t => {
  const stop = new AbortController()
  const running = loop(new Doorbell(), async () => void setTimeout(() => stop.abort(), 5), stop.signal)
  await t.notThrowsAsync(running)
})
