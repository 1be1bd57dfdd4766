// Keeps up with one resource: lists it, watches from there, resumes after every interruption, lists
// again only when the server's history has a gap (API server specification 4.6 and 4.8).

import { backoffMs, type Backoff } from '../../ops/backoff.ts'
import type { Clock } from '../../ops/clock.ts'
import type { ApiClient, Selection, WatchEvent } from '../api-client.ts'
import { ApiError, isGone, isTooLargeResourceVersion } from '../errors.ts'
import type { KubeObject, Stored } from '../objects.ts'
import { resourceName, type Resource } from '../resources.ts'
import { Watchdog } from './watchdog.ts'

/** Where a reflector puts what it learns. */
export interface ReflectorSink<T extends KubeObject> {
  /** A part of a list arrived. Parts of a list that fails half-way are discarded by the next `begin`. */
  begin(): void
  collect(object: Stored<T>): void
  /** The list is complete: what was collected is now everything there is. */
  commit(): void
  put(object: Stored<T>): void
  remove(object: Stored<T>): void
}

export type ReflectorOptions<T extends KubeObject> = Readonly<{
  client: ApiClient
  resource: Resource<T>
  selection: Selection
  sink: ReflectorSink<T>
  clock: Clock
  /** In [0, 1); for jitter. */
  random: () => number
  signal: AbortSignal
  timing?: Partial<ReflectorTiming>
  /** False: never ask for a streaming list (KEP-3157). */
  streamingList?: boolean
}>

export type ReflectorTiming = Readonly<{
  /** Shortest life asked of a watch; the longest is twice that (client-go: 5 to 10 minutes). */
  watchSeconds: number
  /** Silence after which a list in progress, or a watch the server should have ended, is given up. */
  stallMs: number
  backoff: Backoff
}>

/**
 * Faster than client-go (0.8 s to 30 s) because a data plane waits for it: a restarted server is seen within a
 * second, and after a long outage within 20 s. The wide jitter keeps a fleet apart.
 */
export const DEFAULT_TIMING: ReflectorTiming = {
  watchSeconds: 300, stallMs: 30_000, backoff: { initialMs: 200, maxMs: 10_000, factor: 2, jitter: 1 },
}

/** client-go calls a watch "very short" below this: the server accepts watches and drops them. */
const SHORT_WATCH_MS = 1_000
/** Answers that say nothing about streaming lists: a plain list would be answered alike. */
const INCONCLUSIVE: ReadonlySet<number> = new Set([401, 403, 404, 429, 503])
/** We chose: a watch that lasted this long shows that the server is well, even if nothing changed. */
const STEADY_WATCH_MS = 10_000

/** Runs until the signal aborts. Never rejects: every failure is waited out, and told to the client's outage log. */
export async function runReflector<T extends KubeObject>(options: ReflectorOptions<T>): Promise<void> {
  const reflector = new Reflector(options)
  await reflector.run()
}

class Reflector<T extends KubeObject> {
  readonly #options: ReflectorOptions<T>
  readonly #timing: ReflectorTiming
  readonly #subject: string
  #streaming: boolean
  /** Where the next watch starts; undefined means that a list is needed. */
  #resourceVersion: string | undefined
  /** Failures in a row; anything the server delivers ends the row. */
  #failures = 0

  constructor(options: ReflectorOptions<T>) {
    this.#options = options
    this.#timing = { ...DEFAULT_TIMING, ...options.timing }
    this.#streaming = options.streamingList ?? true
    this.#subject = `watch ${resourceName(options.resource)}`
  }

  async run(): Promise<void> {
    const { signal, client, clock, random } = this.#options
    while (!signal.aborted) {
      try {
        if (this.#resourceVersion === undefined && !this.#streaming) await this.#listPaged()
        await this.#watch()
      } catch (error) {
        if (signal.aborted) return
        if (this.#recovers(error)) continue
        this.#failures += 1
        client.outages.failed(this.#subject, error)
        const wait = backoffMs(this.#timing.backoff, this.#failures, random())
        const asked = error instanceof ApiError ? (error.retryAfterMs ?? 0) : 0
        await clock.sleep(Math.max(wait, asked), { signal }).catch(() => {})
      }
    }
  }

  /** Failures with a remedy other than waiting. */
  #recovers(error: unknown): boolean {
    if (this.#resourceVersion !== undefined) {
      if (!isGone(error) && !isTooLargeResourceVersion(error)) return false
      this.#resourceVersion = undefined
      return true
    }
    // A server without streaming lists says so (400 or 422; 500 when its etcd cannot tell its progress), or never ends one.
    const unsupported = (error instanceof ApiError && !INCONCLUSIVE.has(error.status)) || error instanceof ListStalled
    if (!this.#streaming || !unsupported) return false
    this.#streaming = false
    return true
  }

  async #listPaged(): Promise<void> {
    const { client, resource, selection, signal, sink } = this.#options
    sink.begin()
    let resourceVersion = ''
    for await (const page of client.listPages(resource, { ...selection, signal })) {
      for (const object of page.items) sink.collect(object)
      resourceVersion = page.resourceVersion
    }
    sink.commit()
    this.#delivered()
    this.#resourceVersion = resourceVersion
  }

  async #watch(): Promise<void> {
    const { client, resource, selection, clock, random } = this.#options
    const listing = this.#resourceVersion === undefined
    if (listing) this.#options.sink.begin()
    const timeoutSeconds = Math.round(this.#timing.watchSeconds * (1 + random()))
    const startedAt = clock.monotonicMs()
    let events = 0
    using watchdog = new Watchdog(this.#options.signal)
    watchdog.arm(listing ? this.#timing.stallMs : timeoutSeconds * 1000 + this.#timing.stallMs)
    try {
      const watch = client.watch(resource, { ...selection, signal: watchdog.signal, resourceVersion: this.#resourceVersion ?? '', timeoutSeconds, sendInitialEvents: listing })
      for await (const event of watch) {
        events += 1
        if (this.#resourceVersion === undefined) {
          watchdog.arm(this.#timing.stallMs)
          this.#listEvent(event)
          if (this.#resourceVersion !== undefined) watchdog.arm(timeoutSeconds * 1000 + this.#timing.stallMs)
        } else {
          this.#liveEvent(event)
        }
      }
    } catch (error) {
      if (!watchdog.barked) throw error
      if (this.#resourceVersion === undefined) throw new ListStalled('the server did not finish a streaming list')
      return
    } finally {
      if (clock.monotonicMs() - startedAt >= STEADY_WATCH_MS) this.#failures = 0
    }
    if (this.#resourceVersion === undefined) throw new Error('the server ended a streaming list half-way')
    if (clock.monotonicMs() - startedAt >= SHORT_WATCH_MS) return
    if (events === 0) throw new Error('the server ended a watch at once, without an event')
    await clock.sleep(this.#timing.backoff.initialMs, { signal: this.#options.signal })
  }

  #listEvent(event: WatchEvent<T>): void {
    const { sink } = this.#options
    if (event.type === 'BOOKMARK') {
      if (!event.initialEventsEnd) return
      sink.commit()
      this.#resourceVersion = event.resourceVersion
      this.#delivered()
    } else {
      sink.collect(event.object)
    }
  }

  #liveEvent(event: WatchEvent<T>): void {
    const { sink } = this.#options
    if (event.type === 'BOOKMARK') {
      this.#resourceVersion = event.resourceVersion
    } else {
      if (event.type === 'DELETED') sink.remove(event.object)
      else sink.put(event.object)
      this.#resourceVersion = event.object.metadata.resourceVersion
    }
    if (this.#failures > 0) this.#delivered()
  }

  #delivered(): void {
    this.#failures = 0
    this.#options.client.outages.succeeded(this.#subject)
  }
}

class ListStalled extends Error {}
