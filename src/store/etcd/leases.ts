// Leases for keys that go by themselves. One lease serves the keys of a minute, as in storage/etcd3/lease_manager.go:
// a lease per event would be more work for etcd than the events.

import type { LeaseClient } from 'etcd3'
import type { Clock } from '../../ops/clock.ts'

const REUSE_MS = 60_000
const MAX_KEYS = 1_000

export class Leases {
  readonly #client: LeaseClient
  readonly #clock: Clock
  /** By time to live in seconds. */
  readonly #current = new Map<number, { id: Promise<string>; untilMs: number; keys: number }>()

  constructor(client: LeaseClient, clock: Clock) {
    this.#client = client
    this.#clock = clock
  }

  /** A lease that ends at the earliest in `ttlSeconds`. */
  async forTtl(ttlSeconds: number): Promise<string> {
    const now = this.#clock.monotonicMs()
    let held = this.#current.get(ttlSeconds)
    if (held === undefined || held.untilMs < now || held.keys >= MAX_KEYS) {
      const id = this.#client.leaseGrant({ TTL: ttlSeconds + REUSE_MS / 1000 }).then(({ ID }) => ID)
      held = { id, untilMs: now + REUSE_MS, keys: 0 }
      this.#current.set(ttlSeconds, held)
      id.catch(() => this.#current.delete(ttlSeconds))
    }
    held.keys += 1
    return held.id
  }
}
