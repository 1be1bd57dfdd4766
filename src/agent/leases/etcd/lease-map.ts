// The leases below the prefix as last known, kept current by events. A key or value that cannot be read concerns itself only.

import { readLeases, EMPTY_TABLE, type LeaseSource, type LeaseTable } from '../lease-table.ts'
import type { Lease } from '../lease.ts'
import { InputError } from '../../../ops/errors.ts'
import type { StoredLease } from './claim.ts'
import type { EtcdEntry, EtcdEvent, EtcdListing } from './etcd-registry.ts'
import { parseLeaseKey } from './lease-key.ts'
import { parseLeaseValue, type LeaseValue } from './lease-value.ts'

export class LeaseMap {
  #entries = new Map<string, EtcdEntry>()
  #table: LeaseTable = EMPTY_TABLE
  /** An entry object never changes, so it is read once however often the table is made. */
  readonly #leases = new WeakMap<EtcdEntry, Lease>()
  revision = '0'
  /** How often the store was found to have gone back to an earlier state, as one does that is restored from a copy. */
  restores = 0

  get table(): LeaseTable {
    return this.#table
  }

  get size(): number {
    return this.#entries.size
  }

  entry(name: string): EtcdEntry | undefined {
    return this.#entries.get(name)
  }

  /** The table as it would be with this listing, without taking it. */
  tableOf(listing: EtcdListing): LeaseTable {
    return readLeases(this.#table, listing.entries.map(entry => this.#sourceOf(entry)))
  }

  replace(listing: EtcdListing): void {
    // Revisions only grow in the life of a store, and every one that we know of it has told us.
    if (BigInt(listing.revision) < BigInt(this.revision)) this.restores += 1
    this.#entries = new Map(listing.entries.map(entry => [entry.name, entry]))
    this.revision = listing.revision
    this.#read()
  }

  apply(events: readonly EtcdEvent[]): void {
    for (const event of events) {
      if (event.type === 'delete') {
        this.#entries.delete(event.name)
        continue
      }
      this.#entries.set(event.entry.name, event.entry)
      if (BigInt(event.entry.modRevision) > BigInt(this.revision)) this.revision = event.entry.modRevision
    }
    this.#read()
  }

  #sourceOf(entry: EtcdEntry): LeaseSource {
    return {
      owner: entry.name,
      read: () => {
        const lease = this.#leases.get(entry) ?? leaseOfEntry(entry)
        if (lease !== undefined) this.#leases.set(entry, lease)
        return lease
      },
    }
  }

  #read(): void {
    this.#table = readLeases(this.#table, [...this.#entries.values()].map(entry => this.#sourceOf(entry)))
  }
}

/** The lease, or undefined for a hole that is only reserved. Throws InputError when key or value cannot be read. */
export function leaseOfEntry(entry: EtcdEntry): Lease | undefined {
  const subnets = parseLeaseKey(entry.name)
  if (subnets === undefined) throw new InputError('lease key', entry.name, 'is not like 10.5.52.0-24')
  const { attributes, hole } = parseLeaseValue(entry.value, entry.name)
  return hole ? undefined : { owner: entry.name, subnets, attributes, age: Number(entry.createRevision) }
}

/** What a claim must know of each entry; keys that are no leases take no subnet. */
export function storedLeases(entries: readonly EtcdEntry[]): readonly StoredLease[] {
  return entries.flatMap((entry): readonly StoredLease[] => {
    const subnets = parseLeaseKey(entry.name)
    return subnets === undefined ? [] : [{ name: entry.name, subnets, value: readable(entry), modRevision: entry.modRevision, leaseId: entry.leaseId }]
  })
}

function readable(entry: EtcdEntry): LeaseValue | undefined {
  try {
    return parseLeaseValue(entry.value, entry.name)
  } catch {
    return undefined
  }
}
