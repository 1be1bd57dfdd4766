// What the API server needs from a store: ordered keys, one global revision, compare-and-set transactions that are
// durable before they are answered, reads at a past revision, and a gap-free stream of changes. The model is etcd v3's.

import { WeftError } from '../ops/errors.ts'

/** One key's value as of some revision. `version` counts the writes since the key was created. */
export type Entry = Readonly<{ key: string; value: Buffer; createRevision: number; modRevision: number; version: number }>

/** Holds when the key's last change was `modRevision`; 0 means that the key must not exist. */
export type Compare = Readonly<{ key: string; modRevision: number }>

export type Change =
  | Readonly<{ kind: 'put'; key: string; value: Buffer; /** The key is deleted this long after the write. */ ttlSeconds?: number }>
  | Readonly<{ kind: 'delete'; key: string }>

/** All changes are made at one new revision if every compare holds; otherwise none is. A key occurs in one change at most. */
export type Txn = Readonly<{ compares: readonly Compare[]; changes: readonly Change[] }>

export type TxnResult =
  | Readonly<{ ok: true; revision: number }>
  /** What the compared keys hold, in the order of `compares`. */
  | Readonly<{ ok: false; current: readonly (Entry | undefined)[] }>

/** Keys k with start <= k < end, bytewise. */
export type Range = Readonly<{
  start: string
  end: string
  /** At most this many entries; absent means all. */
  limit?: number
  /** The state as of this revision; absent means the newest. */
  revision?: number
}>

export type RangeResult = Readonly<{
  entries: readonly Entry[]
  /** True when the limit cut the answer short. */
  more: boolean
  /** The revision whose state this is. */
  revision: number
}>

/** One key's change. A delete has no `entry`; a creation no `previous`. */
export type StoreEvent = Readonly<{ key: string; revision: number; entry?: Entry; previous?: Entry }>

/** Changes in order; `revision` is how far the stream has come, also when nothing matched. */
export type WatchBatch = Readonly<{ events: readonly StoreEvent[]; revision: number }>

type Options = Readonly<{ signal: AbortSignal }>

export interface Store extends AsyncDisposable {
  /** The newest revision that reads see. Every transaction that was answered before the call is included. */
  revision(options: Options): Promise<number>
  get(key: string, options: Options): Promise<Entry | undefined>
  /** Throws CompactedError or FutureRevisionError when `range.revision` is outside the history. */
  range(range: Range, options: Options): Promise<RangeResult>
  /** How many keys lie in the range, now. */
  count(range: Pick<Range, 'start' | 'end'>, options: Options): Promise<number>
  /** The answer `ok: true` means durable. Throws StoreError when the store cannot write. */
  commit(txn: Txn, options: Options): Promise<TxnResult>
  /** Every change after `afterRevision` under `prefix`, without gap. Ends by throwing: CompactedError, or the signal's reason. */
  watch(query: Readonly<{ prefix: string; afterRevision: number }>, options: Options): AsyncIterable<WatchBatch>
  /** Forgets states older than `revision`. */
  compact(revision: number, options: Options): Promise<void>
}

/** The store cannot do what was asked for reasons of its own (disk, peer). */
export class StoreError extends WeftError {}

/** The revision asked for has been forgotten; `oldest` is the first that still can be read. */
export class CompactedError extends WeftError {
  readonly oldest: number
  constructor(asked: number, oldest: number) {
    super('STORE_COMPACTED', `revision ${asked} is no longer in the store's history, which starts at ${oldest}: list again`, { asked, oldest })
    this.oldest = oldest
  }
}

/** The revision asked for has not been reached. */
export class FutureRevisionError extends WeftError {
  readonly current: number
  constructor(asked: number, current: number) {
    super('STORE_FUTURE_REVISION', `revision ${asked} is ahead of the store, which is at ${current}`, { asked, current }, { retryable: true })
    this.current = current
  }
}

/** The end of the range of all keys that start with `prefix`. */
export function prefixEnd(prefix: string): string {
  const last = prefix.charCodeAt(prefix.length - 1)
  return `${prefix.slice(0, -1)}${String.fromCharCode(last + 1)}`
}
