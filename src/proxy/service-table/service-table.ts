// The service table of one address family: one entry per service port, and the changes between two states.

import type { ServicePortKey } from '../tracker/service-port.ts'
import type { TrackedChange, TrackedPort } from '../tracker/tracker.ts'
import { Claims, type Conflict } from './claims.ts'
import { makeEntry, sameEntry, type NodeFacts, type ServiceEntry } from './entry.ts'

/** `before` undefined: new; `after` undefined: gone. Never both. */
export type EntryChange =
  | Readonly<{ key: ServicePortKey; before: ServiceEntry | undefined; after: ServiceEntry }>
  | Readonly<{ key: ServicePortKey; before: ServiceEntry; after: undefined }>

export class ServiceTable {
  readonly #tracked = new Map<ServicePortKey, TrackedPort>()
  readonly #entries = new Map<ServicePortKey, ServiceEntry>()
  readonly #claims = new Claims()
  #node: NodeFacts

  constructor(node: NodeFacts) {
    this.#node = node
  }

  get size(): number {
    return this.#entries.size
  }

  entries(): IterableIterator<ServiceEntry> {
    return this.#entries.values()
  }

  entry(key: ServicePortKey): ServiceEntry | undefined {
    return this.#entries.get(key)
  }

  /** The frontends that this port asks for and another one holds. */
  conflictsOf(key: ServicePortKey): readonly Conflict[] {
    const tracked = this.#tracked.get(key)
    return tracked === undefined ? [] : this.#claims.refused(tracked.port)
  }

  /** Applies what the tracker told. A change of one port may move an address from or to another port. */
  apply(changes: readonly TrackedChange[]): readonly EntryChange[] {
    const affected = new Set<ServicePortKey>()
    for (const { key, after } of changes) {
      affected.add(key)
      const before = this.#tracked.get(key)
      if (before?.port !== after?.port) {
        for (const other of before === undefined ? [] : this.#claims.remove(before.port)) affected.add(other)
        for (const other of after === undefined ? [] : this.#claims.add(after.port)) affected.add(other)
      }
      if (after === undefined) this.#tracked.delete(key)
      else this.#tracked.set(key, after)
    }
    return this.#refresh(affected)
  }

  /** Looks at every entry again with new facts about this node. */
  setNode(node: NodeFacts): readonly EntryChange[] {
    this.#node = node
    return this.#refresh(this.#tracked.keys())
  }

  #refresh(keys: Iterable<ServicePortKey>): readonly EntryChange[] {
    const changes: EntryChange[] = []
    for (const key of keys) {
      const tracked = this.#tracked.get(key)
      const before = this.#entries.get(key)
      if (tracked === undefined) {
        this.#entries.delete(key)
        if (before !== undefined) changes.push({ key, before, after: undefined })
        continue
      }
      const after = makeEntry(tracked, this.#claims.held(tracked.port), this.#node)
      if (before !== undefined && sameEntry(before, after)) continue
      this.#entries.set(key, after)
      changes.push({ key, before, after })
    }
    return changes
  }
}
