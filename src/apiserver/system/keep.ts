// Keeps the server's own objects in being: once before it is ready, then every ten seconds.

import { RECONNECT_BACKOFF, backoffMs } from '../../ops/backoff.ts'
import type { Clock } from '../../ops/clock.ts'
import type { Logger } from '../../ops/log.ts'
import { Doorbell, reconcileLoop } from '../../ops/wake.ts'

/** kube-apiserver's interval of its `kubernetes` Service controller. */
const INTERVAL_MS = 10_000

/** `first` resolves after the first pass that succeeded, `ended` after the abort. */
export function keepSystemObjects(
  { ensure, clock, log, signal }: Readonly<{ ensure: () => Promise<void>; clock: Clock; log: Logger; signal: AbortSignal }>,
): { first: Promise<void>; ended: Promise<void> } {
  const first = Promise.withResolvers<void>()
  const ended = reconcileLoop({
    doorbell: new Doorbell(), clock, signal, resyncIntervalMs: INTERVAL_MS,
    pass: async () => { await ensure(); first.resolve() },
    retryMs: failures => backoffMs(RECONNECT_BACKOFF, failures, Math.random()),
    onFailure: (err, failures) => log.warn({ err, failures }, 'system objects could not be ensured'),
  })
  return { first: first.promise, ended }
}
