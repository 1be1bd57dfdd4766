// A queue of keys to look at: each at most once in it, never worked on twice at a time, each with its own backoff.

import { backoffMs, type Backoff } from '../ops/backoff.ts'
import { systemClock, type Clock } from '../ops/clock.ts'
import { isAbort } from '../ops/errors.ts'

/** client-go's per-item limiter starts at 5 ms and grows to 1000 s; we stop at 60 s, so that health never lags by minutes. */
export const ITEM_BACKOFF: Backoff = { initialMs: 5, maxMs: 60_000, factor: 2, jitter: 0.2 }

export type WorkQueueOptions = Readonly<{ clock?: Clock; random?: () => number; backoff?: Backoff }>

export class WorkQueue {
  readonly #clock: Clock
  readonly #random: () => number
  readonly #backoff: Backoff
  /** Keys to hand out, in order of arrival. */
  readonly #ready = new Set<string>()
  readonly #running = new Set<string>()
  /** Keys added while being worked on: handed out again afterwards. */
  readonly #again = new Set<string>()
  /** Keys to add later, with the time and the timer that will. */
  readonly #delayed = new Map<string, Readonly<{ at: number; timer: AbortController }>>()
  readonly #failures = new Map<string, number>()
  readonly #waiting: ((key: string) => void)[] = []

  constructor(options: WorkQueueOptions = {}) {
    this.#clock = options.clock ?? systemClock
    this.#random = options.random ?? Math.random
    this.#backoff = options.backoff ?? ITEM_BACKOFF
  }

  /** Keys waiting to be handed out now. */
  get length(): number {
    return this.#ready.size
  }

  /** Keys whose last attempt failed, with the number of failures in a row. */
  get failing(): ReadonlyMap<string, number> {
    return this.#failures
  }

  add(key: string): void {
    this.#cancelDelay(key)
    if (this.#running.has(key)) {
      this.#again.add(key)
      return
    }
    if (this.#ready.has(key)) return
    const waiter = this.#waiting.shift()
    if (waiter === undefined) this.#ready.add(key)
    else {
      this.#running.add(key)
      waiter(key)
    }
  }

  /** Adds the key after a while; of several delays the earliest counts. */
  addAfter(key: string, delayMs: number): void {
    if (delayMs <= 0) return this.add(key)
    const at = this.#clock.monotonicMs() + delayMs
    const known = this.#delayed.get(key)
    if (known !== undefined && known.at <= at) return
    this.#cancelDelay(key)
    const timer = new AbortController()
    this.#delayed.set(key, { at, timer })
    this.#clock.sleep(delayMs, { signal: timer.signal }).then(
      () => {
        this.#delayed.delete(key)
        this.add(key)
      },
      () => {},
    )
  }

  /** Drops all delays, so that no timer outlives the queue's user. */
  close(): void {
    for (const key of [...this.#delayed.keys()]) this.#cancelDelay(key)
  }

  /**
   * Takes keys, `concurrency` at a time, and works on them until the signal aborts; then waits for those in
   * progress. A key whose work rejects comes back after its own backoff, and `onFailure` is told.
   */
  async process(options: Readonly<{
    concurrency: number
    work: (key: string, options: { signal: AbortSignal }) => Promise<void>
    onFailure: (key: string, error: unknown, failures: number) => void
    signal: AbortSignal
  }>): Promise<void> {
    await Promise.all(Array.from({ length: options.concurrency }, () => this.#worker(options)))
    this.close()
  }

  async #worker({ work, onFailure, signal }: Parameters<WorkQueue['process']>[0]): Promise<void> {
    for (let key = await this.#take(signal); key !== undefined; key = await this.#take(signal)) {
      try {
        await work(key, { signal })
        this.#failures.delete(key)
      } catch (error) {
        if (!isAbort(error, signal)) {
          const failures = (this.#failures.get(key) ?? 0) + 1
          this.#failures.set(key, failures)
          onFailure(key, error, failures)
          this.addAfter(key, backoffMs(this.#backoff, failures, this.#random()))
        }
      } finally {
        this.#done(key)
      }
    }
  }

  /** The next key; undefined once the signal has aborted. */
  #take(signal: AbortSignal): Promise<string | undefined> {
    if (signal.aborted) return Promise.resolve(undefined)
    const [key] = this.#ready
    if (key !== undefined) {
      this.#ready.delete(key)
      this.#running.add(key)
      return Promise.resolve(key)
    }
    return new Promise(resolve => {
      const waiter = (next: string): void => {
        signal.removeEventListener('abort', abort)
        resolve(next)
      }
      const abort = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1)
        resolve(undefined)
      }
      signal.addEventListener('abort', abort, { once: true })
      this.#waiting.push(waiter)
    })
  }

  #done(key: string): void {
    this.#running.delete(key)
    if (this.#again.delete(key)) this.add(key)
  }

  #cancelDelay(key: string): void {
    this.#delayed.get(key)?.timer.abort()
    this.#delayed.delete(key)
  }
}
