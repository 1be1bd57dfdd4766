import test from 'ava'
import { systemClock } from '../../../src/ops/clock.ts'
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

test('an abort while waiting ends the loop', async t => {
  const stop = new AbortController()
  const running = loop(new Doorbell(), async () => void setTimeout(() => stop.abort(), 5), stop.signal)
  await t.notThrowsAsync(running)
})
