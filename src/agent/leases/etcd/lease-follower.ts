// Follows the leases in etcd: lists, watches, and lists anew whenever a watch cannot be trusted any more.

import { backoffMs, type Backoff } from '../../../ops/backoff.ts'
import type { Clock } from '../../../ops/clock.ts'
import { WeftError } from '../../../ops/errors.ts'
import type { Logger } from '../../../ops/log.ts'
import { isMassRemoval } from '../lease-table.ts'
import type { EtcdListing, EtcdRegistry } from './etcd-registry.ts'
import { LeaseMap } from './lease-map.ts'

const RECONNECT: Backoff = { initialMs: 100, maxMs: 5_000, factor: 2, jitter: 0.3 }
const CONFIRM_MASS_REMOVAL_MS = 5_000
/** A watch may hang without an error (a member without leader): how often it is compared with the store. */
const WATCH_CHECK_MS = 30_000

export type LeaseFollowerOptions = Readonly<{ registry: EtcdRegistry; log: Logger; clock: Clock; random: () => number }>

/** True for 1, 2, 4, 8, …: failures worth a line when they come in a row. */
export const isPowerOfTwo = (n: number): boolean => (n & (n - 1)) === 0

export class LeaseFollower {
  readonly map = new LeaseMap()
  readonly #options: LeaseFollowerOptions
  #trouble: string | undefined

  constructor(options: LeaseFollowerOptions) {
    this.#options = options
  }

  /** Why the map may be out of date; undefined when it is not. */
  get trouble(): string | undefined {
    return this.#trouble
  }

  /** Lists and watches for ever. Whatever breaks a watch is answered by listing anew: compaction, a restored store, a cut wire. */
  async run(onChange: () => void, { signal }: { signal: AbortSignal }): Promise<void> {
    const { registry, clock, random, log } = this.#options
    for (let failures = 0; !signal.aborted; ) {
      try {
        await this.#takeListing(await registry.list({ signal }), signal)
        this.#trouble = undefined
        if (failures > 0) log.info({ failures }, 'etcd answers again')
        failures = 0
        onChange()
        await this.#followEvents(onChange, signal)
      } catch (err) {
        if (signal.aborted) return
        failures += 1
        this.#trouble = (err as Error).message
        // The data plane stays as it is, however long this takes.
        if (isPowerOfTwo(failures)) log.warn({ err, failures }, 'cannot follow the leases in etcd')
        await clock.sleep(backoffMs(RECONNECT, failures, random()), { signal }).catch(() => {})
      }
    }
  }

  async #takeListing(listing: EtcdListing, signal: AbortSignal): Promise<void> {
    const { registry, clock, log } = this.#options
    if (!isMassRemoval(this.map.table, this.map.tableOf(listing))) return this.map.replace(listing)
    log.warn({ peers: this.map.size, left: listing.entries.length }, 'most leases vanished at once; waiting for a second look')
    await clock.sleep(CONFIRM_MASS_REMOVAL_MS, { signal })
    this.map.replace(await registry.list({ signal }))
  }

  async #followEvents(onChange: () => void, outer: AbortSignal): Promise<void> {
    const stalled = new AbortController()
    const signal = AbortSignal.any([outer, stalled.signal])
    const checking = this.#checkWatch(stalled, signal)
    try {
      for await (const events of this.#options.registry.watch(this.map.revision, { signal })) {
        this.map.apply(events)
        onChange()
      }
    } finally {
      stalled.abort(new WeftError('ETCD_FAILED', 'the watch has ended', {}, { retryable: true }))
      await checking
    }
  }

  /** Ends a watch that has missed something. */
  async #checkWatch(stalled: AbortController, signal: AbortSignal): Promise<void> {
    const { registry, clock } = this.#options
    try {
      for (;;) {
        await clock.sleep(WATCH_CHECK_MS, { signal })
        const { total, changed } = await registry.count(this.map.revision, { signal })
        // Events may be on their way: only what is still missing a moment later was missed.
        if (total === this.map.size && changed === 0) continue
        await clock.sleep(1_000, { signal })
        const again = await registry.count(this.map.revision, { signal })
        if (again.total !== this.map.size || again.changed > 0) throw new WeftError('ETCD_FAILED', 'the watch missed changes', {}, { retryable: true })
      }
    } catch (error) {
      if (!signal.aborted) stalled.abort(error)
    }
  }
}
