// Time as an edge: pure parts take times as values, loops take a Clock, tests take a fake one.

import { setTimeout as delay } from 'node:timers/promises'

export interface Clock {
  /** Wall-clock time in milliseconds since the epoch. May step. */
  now(): number
  /** Monotonic milliseconds from an arbitrary start. Never steps back. */
  monotonicMs(): number
  /** Resolves after `durationMs`; rejects with `signal.reason` when aborted first. */
  sleep(durationMs: number, options: { signal: AbortSignal }): Promise<void>
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: async (durationMs, { signal }) => {
    try {
      await delay(durationMs, undefined, { signal })
    } catch (error) {
      if (signal.aborted) throw signal.reason
      throw error
    }
  },
}
