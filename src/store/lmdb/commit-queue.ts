// The single writer. A transaction is judged at once, against what is on disk and what is on its way there; all
// transactions that arrive while one group is being synced form the next group (group commit).

import { StoreError, type Change, type Entry, type StoreEvent, type Txn, type TxnResult } from '../store.ts'
import { META, committedRevision, type Databases } from './databases.ts'
import { encodeKey, encodeLog, encodeNumber, encodeRecord, expiryKey, historyKey, MAX_KEY_BYTES, type LoggedChange } from './record.ts'
import { readCurrent } from './reads.ts'

type Pending = Readonly<{
  revision: number
  events: readonly StoreEvent[]
  /** When keys of this transaction expire. */
  expiries: readonly { key: string; dueMs: number }[]
  resolve: (result: TxnResult) => void
  reject: (error: unknown) => void
}>

/** Told of each group after it is on disk and before its writers are answered. */
type OnCommit = (events: readonly StoreEvent[], revision: number) => void

export class CommitQueue {
  readonly #databases: Databases
  readonly #onCommit: OnCommit
  readonly #now: () => number
  /** Newest state of keys whose transaction is not yet on disk. */
  readonly #unsynced = new Map<string, { revision: number; entry: Entry | undefined }>()
  #pending: Pending[] = []
  #assigned: number
  #durable: number
  #flushing: Promise<void> | undefined

  constructor(databases: Databases, options: Readonly<{ onCommit: OnCommit; now: () => number }>) {
    this.#databases = databases
    this.#onCommit = options.onCommit
    this.#now = options.now
    this.#durable = committedRevision(databases)
    this.#assigned = this.#durable
  }

  /** The revision up to which everything is on disk and announced. */
  get durableRevision(): number {
    return this.#durable
  }

  /** Resolves when all transactions submitted so far are answered. */
  async drain(): Promise<void> {
    while (this.#flushing !== undefined) await this.#flushing
  }

  submit(txn: Txn): Promise<TxnResult> {
    const held = txn.compares.map(compare => this.#latest(compare.key))
    if (txn.compares.some((compare, i) => (held[i]?.modRevision ?? 0) !== compare.modRevision)) return Promise.resolve({ ok: false, current: held })
    const tooLong = txn.changes.find(change => Buffer.byteLength(change.key) > MAX_KEY_BYTES)
    if (tooLong !== undefined) return Promise.reject(new StoreError('STORE_KEY_TOO_LONG', `a key has more than ${MAX_KEY_BYTES} bytes: shorten the object's name`, { key: tooLong.key }))
    this.#assigned += 1
    const revision = this.#assigned
    const events = txn.changes.flatMap(change => this.#plan(change, revision))
    for (const event of events) this.#unsynced.set(event.key, { revision, entry: event.entry })
    const now = this.#now()
    const expiries = txn.changes.flatMap(change =>
      change.kind === 'put' && change.ttlSeconds !== undefined ? [{ key: change.key, dueMs: now + change.ttlSeconds * 1000 }] : [])
    return new Promise((resolve, reject) => {
      this.#pending.push({ revision, events, expiries, resolve, reject })
      this.#flushing ??= this.#flush()
    })
  }

  #latest(key: string): Entry | undefined {
    const unsynced = this.#unsynced.get(key)
    return unsynced === undefined ? readCurrent(this.#databases, key) : unsynced.entry
  }

  /** Deleting what is not there is no event. */
  #plan(change: Change, revision: number): StoreEvent[] {
    const previous = this.#latest(change.key)
    if (change.kind === 'delete') return previous === undefined ? [] : [{ key: change.key, revision, previous }]
    const entry: Entry = {
      key: change.key, value: change.value, modRevision: revision,
      createRevision: previous?.createRevision ?? revision, version: (previous?.version ?? 0) + 1,
    }
    return [{ key: change.key, revision, entry, ...(previous === undefined ? {} : { previous }) }]
  }

  async #flush(): Promise<void> {
    // One turn of the event loop lets the requests that are already readable join the first group.
    await new Promise<void>(resolve => setImmediate(resolve))
    while (this.#pending.length > 0) {
      const group = this.#pending
      this.#pending = []
      try {
        await this.#write(group)
      } catch (cause) {
        this.#fail(group, cause)
        continue
      }
      this.#databases.root.resetReadTxn()
      this.#durable = group.at(-1)!.revision
      for (const { events } of group) this.#forget(events)
      this.#onCommit(group.flatMap(({ events }) => events), this.#durable)
      for (const { resolve, revision } of group) resolve({ ok: true, revision })
    }
    this.#flushing = undefined
  }

  async #write(group: readonly Pending[]): Promise<void> {
    const { root, current, history, log, expiry, meta } = this.#databases
    await root.batch(() => {
      for (const { revision, events, expiries } of group) {
        for (const { key, entry, previous } of events) {
          if (previous !== undefined) void history.put(historyKey(key, revision), encodeRecord(previous))
          if (entry === undefined) void current.remove(encodeKey(key))
          else void current.put(encodeKey(key), encodeRecord(entry))
        }
        const changes = events.map(({ key, entry }): LoggedChange => [entry === undefined ? 'd' : 'p', key])
        void log.put(encodeNumber(revision), encodeLog(changes))
        for (const { key, dueMs } of expiries) void expiry.put(expiryKey(dueMs, key), encodeNumber(revision))
      }
      void meta.put(META.revision, encodeNumber(group.at(-1)!.revision))
    })
  }

  /** What was judged against the failed group must fail too: it may rest on states that never came to be. */
  #fail(group: readonly Pending[], cause: unknown): void {
    const error = new StoreError('STORE_WRITE_FAILED', `the store cannot write: ${(cause as Error).message}; check the disk's space and health`, {}, { cause, retryable: true })
    // lmdb-js tells the same failure a second time by a promise of its own, which nobody else knows of.
    ;(cause as { commitError?: Promise<unknown> }).commitError?.catch(() => undefined)
    const failed = [...group, ...this.#pending]
    this.#pending = []
    this.#unsynced.clear()
    for (const { reject } of failed) reject(error)
  }

  #forget(events: readonly StoreEvent[]): void {
    for (const { key, revision } of events) if (this.#unsynced.get(key)?.revision === revision) this.#unsynced.delete(key)
  }
}
