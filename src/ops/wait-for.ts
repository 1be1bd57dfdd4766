// Waits for a condition that somebody else brings about.

import { systemClock } from './clock.ts'
import { WeftError, isRetryable } from './errors.ts'

const INTERVAL_MS = 50

export type Waiting<T> = Readonly<{
  /** What is waited for: "3 pods to be ready". */
  what: string
  /** Answers the value once the condition holds, else a few words on what is still missing. */
  look: () => Promise<Readonly<{ value: T }> | string>
  timeoutMs: number
  signal: AbortSignal
}>

/** Looks again and again until the condition holds. Throws WAITED_TOO_LONG with what was last seen. */
export async function waitFor<T>({ what, look, timeoutMs, signal }: Waiting<T>): Promise<T> {
  const deadlineMs = systemClock.monotonicMs() + timeoutMs
  for (;;) {
    const seen = await look().catch((error: unknown) => {
      signal.throwIfAborted()
      if (!isRetryable(error)) throw error
      return (error as Error).message
    })
    if (typeof seen !== 'string') return seen.value
    if (systemClock.monotonicMs() > deadlineMs) {
      throw new WeftError('WAITED_TOO_LONG', `waited ${timeoutMs / 1000} s for ${what}; last seen: ${seen}`, { what })
    }
    await systemClock.sleep(INTERVAL_MS, { signal })
  }
}
