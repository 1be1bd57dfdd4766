// One watch of the whole store, fanned out to every watcher. An event is decoded and encoded at most once per form,
// however many watch it.

import type { ApiObject } from '../../api/object.ts'
import type { ApiResource } from '../../api/registry/resource.ts'
import { backoffMs, RECONNECT_BACKOFF } from '../../ops/backoff.ts'
import type { Clock } from '../../ops/clock.ts'
import type { Logger } from '../../ops/log.ts'
import type { Entry, Store, StoreEvent } from '../../store/store.ts'
import { decodeValue } from '../objects/stored-object.ts'

/** A change with what watchers make of it, made on demand and kept while the event is being delivered. */
export class WatchEvent {
  readonly key: string
  readonly revision: number
  readonly entry: Entry | undefined
  /** What was there before, under the revision of this change: the form in which a DELETED event shows it. */
  readonly previous: Entry | undefined
  /** By the version in which the object is looked at: events of one key are served under two groups. */
  readonly #objects = new Map<ApiResource, ApiObject>()
  readonly #previousObjects = new Map<ApiResource, ApiObject>()
  readonly #frames = new Map<string, Buffer>()

  constructor(event: StoreEvent) {
    this.key = event.key
    this.revision = event.revision
    this.entry = event.entry
    this.previous = event.previous === undefined ? undefined : { ...event.previous, modRevision: event.revision }
  }

  object(resource: ApiResource): ApiObject | undefined {
    return decodeOnce(resource, this.entry, this.#objects)
  }

  previousObject(resource: ApiResource): ApiObject | undefined {
    return decodeOnce(resource, this.previous, this.#previousObjects)
  }

  /** The bytes under `form`, made by `encode` the first time. */
  frame(form: string, encode: () => Buffer): Buffer {
    let frame = this.#frames.get(form)
    if (frame === undefined) {
      frame = encode()
      this.#frames.set(form, frame)
    }
    return frame
  }
}

function decodeOnce(resource: ApiResource, entry: Entry | undefined, made: Map<ApiResource, ApiObject>): ApiObject | undefined {
  if (entry === undefined) return undefined
  let object = made.get(resource)
  if (object === undefined) {
    object = decodeValue(resource, entry)
    made.set(resource, object)
  }
  return object
}

export type Subscriber = Readonly<{
  /** Keys it wants to hear of. */
  prefix: string
  deliver: (event: WatchEvent) => void
  /** The stream broke and may have a gap: the watcher must be cut off, so that it resumes from its last revision. */
  broken: () => void
}>

export class WatchHub {
  readonly #store: Store
  readonly #prefix: string
  readonly #subscribers = new Map<string, Set<Subscriber>>()
  #revision = 0
  #waiting: { revision: number; resolve: () => void }[] = []

  constructor(options: Readonly<{ store: Store; prefix: string }>) {
    this.#store = options.store
    this.#prefix = options.prefix
  }

  /** Everything up to here has been delivered to the subscribers. */
  get revision(): number {
    return this.#revision
  }

  get watchers(): number {
    let count = 0
    for (const group of this.#subscribers.values()) count += group.size
    return count
  }

  /** Delivers from the next event on; answers the function that ends it. */
  subscribe(subscriber: Subscriber): () => void {
    const group = this.#subscribers.get(subscriber.prefix) ?? new Set()
    this.#subscribers.set(subscriber.prefix, group)
    group.add(subscriber)
    return () => {
      group.delete(subscriber)
      if (group.size === 0 && this.#subscribers.get(subscriber.prefix) === group) this.#subscribers.delete(subscriber.prefix)
    }
  }

  /** Resolves when everything up to `revision` has been delivered. */
  async reached(revision: number, signal: AbortSignal): Promise<void> {
    if (this.#revision >= revision) return
    await new Promise<void>((resolve, reject) => {
      const waiter = { revision, resolve: () => { signal.removeEventListener('abort', onAbort); resolve() } }
      const onAbort = (): void => {
        this.#waiting = this.#waiting.filter(other => other !== waiter)
        reject(signal.reason as Error)
      }
      signal.addEventListener('abort', onAbort, { once: true })
      this.#waiting.push(waiter)
    })
  }

  /** Follows the store until aborted. A broken stream cuts every watcher off and starts anew at the store's present. */
  async run({ clock, log, signal }: Readonly<{ clock: Clock; log: Logger; signal: AbortSignal }>): Promise<void> {
    let failures = 0
    while (!signal.aborted) {
      try {
        this.#advance(await this.#store.revision({ signal }))
        for await (const { events, revision } of this.#store.watch({ prefix: this.#prefix, afterRevision: this.#revision }, { signal })) {
          failures = 0
          for (const event of events) this.#dispatch(new WatchEvent(event))
          this.#advance(revision)
        }
      } catch (err) {
        if (signal.aborted) return
        failures += 1
        log.warn({ err, failures }, 'store watch broke')
        for (const group of [...this.#subscribers.values()]) for (const subscriber of [...group]) subscriber.broken()
        await clock.sleep(backoffMs(RECONNECT_BACKOFF, failures, 0), { signal }).catch(() => undefined)
      }
    }
  }

  #dispatch(event: WatchEvent): void {
    this.#revision = event.revision
    for (const [prefix, group] of this.#subscribers) {
      if (!event.key.startsWith(prefix)) continue
      for (const subscriber of group) subscriber.deliver(event)
    }
  }

  #advance(revision: number): void {
    this.#revision = Math.max(this.#revision, revision)
    if (this.#waiting.length === 0) return
    const ready = this.#waiting.filter(waiter => waiter.revision <= this.#revision)
    this.#waiting = this.#waiting.filter(waiter => waiter.revision > this.#revision)
    for (const { resolve } of ready) resolve()
  }
}
