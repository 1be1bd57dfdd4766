// Lets a controller read its own writes: the cache shows them only when the watch has come round.

import type { Clock } from '../ops/clock.ts'
import type { Change } from './informer/object-cache.ts'
import { keyOf, type Cacheable } from './objects.ts'
import { compareResourceVersions } from './resource-version.ts'

/** We chose: a write that a watch has not shown by then was undone by somebody before the watch could. */
const FORGET_AFTER_MS = 60_000

type Write<C> = Readonly<{ object: C; deleted: boolean; at: number }>

/**
 * What this process wrote and its cache has not seen yet. Without it, a controller woken between its
 * write and the watch event would write the same thing a second time.
 */
export class OwnWrites<C extends Cacheable> {
  readonly #writes = new Map<string, Write<C>>()
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Created or updated: what the server answered. */
  wrote(object: C): void {
    this.#writes.set(keyOf(object), { object, deleted: false, at: this.#clock.monotonicMs() })
  }

  deleted(object: C): void {
    this.#writes.set(keyOf(object), { object, deleted: true, at: this.#clock.monotonicMs() })
  }

  /** The server contradicted what we believed: trust the cache again. */
  forget(key: string): void {
    this.#writes.delete(key)
  }

  /** To be called for every change of the cache. */
  observe(change: Change<C>): void {
    const write = this.#writes.get(change.key)
    if (write === undefined) return
    const caughtUp = write.deleted
      ? change.type === 'deleted' || change.object.metadata.uid !== write.object.metadata.uid
      : compareResourceVersions(change.object.metadata.resourceVersion, write.object.metadata.resourceVersion) >= 0
    if (caughtUp) this.#writes.delete(change.key)
  }

  /** The cached objects as they will be once the cache has caught up. `belongs` picks the created ones to add. */
  over(cached: readonly C[], belongs: (object: C) => boolean): C[] {
    if (this.#writes.size === 0) return [...cached]
    const now = this.#clock.monotonicMs()
    const result: C[] = []
    const seen = new Set<string>()
    for (const object of cached) {
      const key = keyOf(object)
      const write = this.#current(key, now)
      seen.add(key)
      if (write === undefined) result.push(object)
      else if (!write.deleted) result.push(write.object)
      else if (write.object.metadata.uid !== object.metadata.uid) result.push(object)
    }
    for (const key of this.#writes.keys()) {
      const write = this.#current(key, now)
      if (write !== undefined && !write.deleted && !seen.has(key) && belongs(write.object)) result.push(write.object)
    }
    return result
  }

  #current(key: string, now: number): Write<C> | undefined {
    const write = this.#writes.get(key)
    if (write === undefined || now - write.at <= FORGET_AFTER_MS) return write
    this.#writes.delete(key)
    return undefined
  }
}
