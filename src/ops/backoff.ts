// Exponential backoff with jitter, as a pure function of the number of failures so far.

export type Backoff = Readonly<{ initialMs: number; maxMs: number; factor: number; jitter: number }>

/** client-go's reflector backoff: 0.8 s to 30 s, doubling; jitter keeps a fleet from knocking in step. */
export const RECONNECT_BACKOFF: Backoff = { initialMs: 800, maxMs: 30_000, factor: 2, jitter: 0.5 }

/** Milliseconds to wait after `failures` (>= 1) failures in a row; `random` is in [0, 1). */
export function backoffMs(backoff: Backoff, failures: number, random: number): number {
  const base = Math.min(backoff.maxMs, backoff.initialMs * backoff.factor ** Math.max(0, failures - 1))
  return Math.round(base * (1 + backoff.jitter * random))
}
