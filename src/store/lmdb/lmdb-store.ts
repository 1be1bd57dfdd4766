// The embedded store: one LMDB file, one process. Reads are synchronous and cheap, so the methods' promises resolve
// at once; writes go through the commit queue.

import { mkdirSync } from 'node:fs'
import type { Clock } from '../../ops/clock.ts'
import {
  CompactedError, FutureRevisionError, type Entry, type Range, type RangeResult, type Store, type StoreEvent, type Txn, type TxnResult, type WatchBatch,
} from '../store.ts'
import { CommitQueue } from './commit-queue.ts'
import { compactedRevision, committedRevision, META, openDatabases, type Databases } from './databases.ts'
import { lockDirectory } from './directory-lock.ts'
import { sweepExpired } from './expiry.ts'
import { readCurrent, readEvents, readRange } from './reads.ts'
import { decodeLog, decodeNumber, encodeKey, encodeNumber, historyKey } from './record.ts'

type Options = Readonly<{ signal: AbortSignal }>

/** Revisions handled before other work gets a turn. */
const CHUNK = 500
const SWEEP_INTERVAL_MS = 5_000

type Listener = { events: StoreEvent[]; revision: number; wake: () => void }

export class LmdbStore implements Store {
  readonly #databases: Databases
  readonly #lock: Disposable
  readonly #queue: CommitQueue
  readonly #listeners = new Set<Listener>()
  readonly #stop = new AbortController()
  readonly #background: Promise<void>

  /** Opens the store in `directory`, making it when it is not there. */
  static async open(options: Readonly<{ directory: string; clock: Clock }>): Promise<LmdbStore> {
    mkdirSync(options.directory, { recursive: true, mode: 0o700 })
    const lock = lockDirectory(options.directory)
    try {
      return new LmdbStore(openDatabases(options.directory), lock, options.clock)
    } catch (error) {
      lock[Symbol.dispose]()
      throw error
    }
  }

  private constructor(databases: Databases, lock: Disposable, clock: Clock) {
    this.#databases = databases
    this.#lock = lock
    this.#queue = new CommitQueue(databases, { onCommit: (events, revision) => this.#announce(events, revision), now: () => clock.now() })
    this.#background = sweepExpired({
      databases, clock, intervalMs: SWEEP_INTERVAL_MS, commit: txn => this.#queue.submit(txn), signal: this.#stop.signal,
    })
  }

  async revision(): Promise<number> {
    return this.#queue.durableRevision
  }

  async get(key: string): Promise<Entry | undefined> {
    return readCurrent(this.#databases, key)
  }

  async range(range: Range): Promise<RangeResult> {
    const revision = range.revision ?? this.#queue.durableRevision
    this.#assertReadable(revision)
    return readRange(this.#databases, { ...range, revision })
  }

  async count(range: Pick<Range, 'start' | 'end'>): Promise<number> {
    return this.#databases.current.getKeysCount({ start: encodeKey(range.start), end: encodeKey(range.end) })
  }

  async commit(txn: Txn, { signal }: Options): Promise<TxnResult> {
    signal.throwIfAborted()
    return this.#queue.submit(txn)
  }

  async *watch(query: Readonly<{ prefix: string; afterRevision: number }>, { signal }: Options): AsyncGenerator<WatchBatch> {
    this.#assertReadable(query.afterRevision)
    // Listening starts before the history is read, and history is read up to where listening started: no gap, no overlap.
    const joinedAt = this.#queue.durableRevision
    const listener: Listener = { events: [], revision: joinedAt, wake: () => undefined }
    this.#listeners.add(listener)
    const onAbort = (): void => listener.wake()
    signal.addEventListener('abort', onAbort)
    try {
      let after = query.afterRevision
      while (after < joinedAt) {
        if (after < compactedRevision(this.#databases)) throw new CompactedError(after, compactedRevision(this.#databases))
        const batch = readEvents(this.#databases, { prefix: query.prefix, after, until: joinedAt, limit: CHUNK })
        after = batch.revision
        yield batch
        signal.throwIfAborted()
      }
      for (;;) {
        if (listener.revision === after) await new Promise<void>(resolve => { listener.wake = resolve; if (signal.aborted) resolve() })
        signal.throwIfAborted()
        const batch = { events: listener.events.filter(event => event.key.startsWith(query.prefix)), revision: listener.revision }
        listener.events = []
        after = batch.revision
        yield batch
      }
    } finally {
      signal.removeEventListener('abort', onAbort)
      this.#listeners.delete(listener)
    }
  }

  async compact(revision: number, { signal }: Options): Promise<void> {
    const { root, history, log, meta } = this.#databases
    const floor = Math.min(revision, this.#queue.durableRevision)
    if (floor <= compactedRevision(this.#databases)) return
    // The floor goes first: nobody may read what is about to lose parts.
    await root.batch(() => void meta.put(META.compacted, encodeNumber(floor)))
    root.resetReadTxn()
    for (;;) {
      signal.throwIfAborted()
      const chunk = [...log.getRange({ end: encodeNumber(floor + 1), limit: CHUNK })]
      if (chunk.length === 0) return
      await root.batch(() => {
        for (const { key, value } of chunk) {
          const at = decodeNumber(key)
          for (const [, changed] of decodeLog(value)) void history.remove(historyKey(changed, at))
          void log.remove(key)
        }
      })
      root.resetReadTxn()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#background
    await this.#queue.drain()
    await this.#databases.root.close()
    this.#lock[Symbol.dispose]()
  }

  #announce(events: readonly StoreEvent[], revision: number): void {
    for (const listener of this.#listeners) {
      for (const event of events) listener.events.push(event)
      listener.revision = revision
      listener.wake()
    }
  }

  #assertReadable(revision: number): void {
    const compacted = compactedRevision(this.#databases)
    if (revision < compacted) throw new CompactedError(revision, compacted)
    const newest = Math.max(committedRevision(this.#databases), this.#queue.durableRevision)
    if (revision > newest) throw new FutureRevisionError(revision, this.#queue.durableRevision)
  }
}
