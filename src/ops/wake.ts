// The level-triggered loop's doorbell: many may ring, one pass answers all rings so far.

import type { Clock } from './clock.ts'

/** Collapses wake-ups: however often `ring` is called during a pass, one further pass follows. */
export class Doorbell {
  #pending = new Set<string>()
  #wake: (() => void) | undefined

  /** Asks for a pass; `reason` is for the log (constant words: "link changed", "lease set changed"). */
  ring(reason: string): void {
    this.#pending.add(reason)
    this.#wake?.()
  }

  /** Takes the reasons rung so far, leaving none. */
  take(): readonly string[] {
    const reasons = [...this.#pending]
    this.#pending.clear()
    return reasons
  }

  /** Resolves as soon as a ring is pending, or after `timeoutMs`; rejects with `signal.reason` on abort. */
  async wait(options: { timeoutMs: number; clock: Clock; signal: AbortSignal }): Promise<void> {
    if (this.#pending.size > 0) return
    options.signal.throwIfAborted()
    const timer = new AbortController()
    const rung = new Promise<void>(resolve => {
      this.#wake = resolve
    })
    try {
      await Promise.race([
        rung,
        options.clock.sleep(options.timeoutMs, { signal: AbortSignal.any([options.signal, timer.signal]) }),
      ])
    } finally {
      this.#wake = undefined
      timer.abort()
    }
  }
}

export type ReconcileOptions = Readonly<{
  doorbell: Doorbell
  /** One pass: looks at the whole, applies the difference. A rejection shortens the next wait. */
  pass: (reasons: readonly string[]) => Promise<void>
  /** Told of every failed pass, with the count of failures in a row. Logging and health happen there. */
  onFailure: (error: unknown, failures: number) => void
  /** The slow timer that passes even when nobody rang. */
  resyncIntervalMs: number
  /**
   * Wait before retrying after `failures` failures in a row. A ring cuts it short, since what was wrong may just have
   * been put right, but never below `retryMs(1)`: a bell that rings without pause must not make a broken pass spin.
   */
  retryMs: (failures: number) => number
  clock: Clock
  signal: AbortSignal
}>

/** Runs passes, one at a time, until `signal` aborts; then resolves. The first pass runs at once. */
export async function reconcileLoop(options: ReconcileOptions): Promise<void> {
  const { doorbell, clock, signal } = options
  let failures = 0
  doorbell.ring('start')
  while (!signal.aborted) {
    try {
      if (failures === 0) await doorbell.wait({ timeoutMs: options.resyncIntervalMs, clock, signal })
      else await waitToRetry(options, failures)
    } catch {
      if (signal.aborted) return
    }
    const reasons = doorbell.take()
    try {
      await options.pass(reasons.length > 0 ? reasons : [failures > 0 ? 'retry' : 'resync'])
      failures = 0
    } catch (error) {
      if (signal.aborted) return
      failures += 1
      options.onFailure(error, failures)
    }
  }
}

async function waitToRetry({ doorbell, retryMs, clock, signal }: ReconcileOptions, failures: number): Promise<void> {
  const wholeMs = retryMs(failures)
  const leastMs = Math.min(wholeMs, retryMs(1))
  await clock.sleep(leastMs, { signal })
  if (wholeMs > leastMs) await doorbell.wait({ timeoutMs: wholeMs - leastMs, clock, signal })
}
