// When to sync: at once when idle, at most once per interval when busy, and never later for an emergency.

import type { Clock } from '../../ops/clock.ts'

export type SyncTiming = Readonly<{
  /** Shortest time between the end of one sync and the start of the next. A lone change never waits for it. */
  minIntervalMs: number
  /** With nothing to do, sync all the same after this long. */
  idleMs: number
  /** Wait after this many failures in a row. */
  retryMs: (failures: number) => number
}>

export type RunSyncsOptions = SyncTiming & Readonly<{
  bell: SyncBell
  /** One sync. A rejection is retried. */
  sync: (reasons: readonly string[]) => Promise<void>
  onFailure: (error: unknown, failures: number) => void
  clock: Clock
  signal: AbortSignal
}>

/** Collects reasons to sync. However many ring during a sync, one further sync answers them all. */
export class SyncBell {
  #reasons = new Set<string>()
  #urgent = false
  #wake: (() => void) | undefined

  ring(reason: string, options: Readonly<{ urgent?: boolean }> = {}): void {
    this.#reasons.add(reason)
    if (options.urgent === true) this.#urgent = true
    this.#wake?.()
  }

  /** True when somebody rang since the last `take`. */
  get isRung(): boolean {
    return this.#reasons.size > 0
  }

  take(): readonly string[] {
    const reasons = [...this.#reasons]
    this.#reasons = new Set()
    this.#urgent = false
    return reasons
  }

  /** Resolves when there is a reason (with `urgentOnly`: an urgent one) or the time is over; rejects on abort. */
  async wait(options: Readonly<{ timeoutMs: number; urgentOnly: boolean; clock: Clock; signal: AbortSignal }>): Promise<void> {
    const rung = (): boolean => (options.urgentOnly ? this.#urgent : this.#reasons.size > 0)
    if (rung()) return
    const over = new AbortController()
    const woken = new Promise<void>(resolve => {
      this.#wake = () => {
        if (rung()) resolve()
      }
    })
    const sleep = options.clock.sleep(options.timeoutMs, { signal: AbortSignal.any([options.signal, over.signal]) })
    try {
      await Promise.race([woken, sleep])
    } finally {
      this.#wake = undefined
      over.abort()
      sleep.catch(() => undefined)
    }
  }
}

/** Runs syncs, one at a time, until `signal` aborts; then resolves. The first runs at the first ring. */
export async function runSyncs(options: RunSyncsOptions): Promise<void> {
  const { bell, clock, signal } = options
  let failures = 0
  let endedAtMs = Number.NEGATIVE_INFINITY
  const wait = async (timeoutMs: number, urgentOnly: boolean): Promise<boolean> => {
    try {
      await bell.wait({ timeoutMs, urgentOnly, clock, signal })
    } catch (error) {
      if (!signal.aborted) throw error
    }
    return !signal.aborted
  }
  for (;;) {
    if (!(await wait(failures === 0 ? options.idleMs : options.retryMs(failures), false))) return
    const early = endedAtMs + options.minIntervalMs - clock.monotonicMs()
    if (early > 0 && !(await wait(early, true))) return
    const reasons = bell.take()
    try {
      await options.sync(reasons.length > 0 ? reasons : [failures > 0 ? 'retry' : 'idle'])
      failures = 0
    } catch (error) {
      if (signal.aborted) return
      failures += 1
      options.onFailure(error, failures)
    }
    endedAtMs = clock.monotonicMs()
  }
}
