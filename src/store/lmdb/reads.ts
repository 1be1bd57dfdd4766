// Reads: the newest state straight from `current`; a past state by undoing what the log did since.
// Each function runs without a pause, so all its reads see one LMDB snapshot.

import type { Entry, Range, RangeResult, StoreEvent } from '../store.ts'
import { committedRevision, type Databases } from './databases.ts'
import { decodeLog, decodeNumber, decodeRecord, encodeKey, encodeNumber, historyKey, MAX_KEY_BYTES } from './record.ts'

/** The newest state of a key. */
export function readCurrent({ current }: Databases, key: string): Entry | undefined {
  const bytes = encodeKey(key)
  if (bytes.length > MAX_KEY_BYTES) return undefined
  const record = current.get(bytes)
  return record === undefined ? undefined : decodeRecord(key, record)
}

/** A key's state as of `revision`. */
export function readAt(databases: Databases, key: string, revision: number): Entry | undefined {
  const newest = readCurrent(databases, key)
  if (newest !== undefined && newest.modRevision <= revision) return newest
  // The record replaced first after `revision` is what stood then, unless the key came into being later.
  const bound = { start: historyKey(key, revision + 1), end: historyKey(key, 2 ** 48 - 1), limit: 1 }
  for (const { value } of databases.history.getRange(bound)) {
    const entry = decodeRecord(key, value)
    return entry.modRevision <= revision ? entry : undefined
  }
  return undefined
}

/** Keys of a range as of `revision`, which must not be compacted nor ahead of the file. */
export function readRange(databases: Databases, range: Range & { revision: number }): RangeResult {
  const limit = range.limit ?? Infinity
  const entries: Entry[] = []
  // Keys changed since: their present state must not be shown, and deleted ones may have to come back.
  const changed = committedRevision(databases) === range.revision ? NONE : [...changedKeys(databases, range)].sort(compareBytes)
  let nextChanged = 0
  const takeChangedBefore = (key: string | undefined): void => {
    while (nextChanged < changed.length && (key === undefined || compareBytes(changed[nextChanged]!, key) < 0) && entries.length <= limit) {
      const entry = readAt(databases, changed[nextChanged]!, range.revision)
      if (entry !== undefined) entries.push(entry)
      nextChanged += 1
    }
  }
  for (const { key: bytes, value } of databases.current.getRange({ start: encodeKey(range.start), end: encodeKey(range.end) })) {
    const key = bytes.toString('utf8')
    takeChangedBefore(key)
    if (entries.length > limit) break
    if (changed[nextChanged] !== key) entries.push(decodeRecord(key, value))
    if (entries.length > limit) break
  }
  takeChangedBefore(undefined)
  const more = entries.length > limit
  return { entries: more ? entries.slice(0, limit) : entries, more, revision: range.revision }
}

/** Keys in the range that were written after `revision`. */
function changedKeys(databases: Databases, range: Range & { revision: number }): Set<string> {
  const keys = new Set<string>()
  for (const { value } of databases.log.getRange({ start: encodeNumber(range.revision + 1) })) {
    for (const [, key] of decodeLog(value)) if (compareBytes(key, range.start) >= 0 && compareBytes(key, range.end) < 0) keys.add(key)
  }
  return keys
}

/** Rebuilds the events of up to `limit` revisions in (after, until]; `revision` tells how far it came. */
export function readEvents(
  databases: Databases, query: Readonly<{ prefix: string; after: number; until: number; limit: number }>,
): { events: StoreEvent[]; revision: number } {
  const events: StoreEvent[] = []
  let revisions = 0
  let revision = query.until
  for (const { key: bytes, value } of databases.log.getRange({ start: encodeNumber(query.after + 1), end: encodeNumber(query.until + 1) })) {
    if (revisions === query.limit) {
      revision = decodeNumber(bytes) - 1
      break
    }
    revisions += 1
    const at = decodeNumber(bytes)
    for (const [op, key] of decodeLog(value)) {
      if (!key.startsWith(query.prefix)) continue
      const entry = op === 'p' ? readAt(databases, key, at) : undefined
      const replaced = databases.history.get(historyKey(key, at))
      events.push({
        key, revision: at,
        ...(entry === undefined ? {} : { entry }),
        ...(replaced === undefined ? {} : { previous: decodeRecord(key, replaced) }),
      })
    }
  }
  return { events, revision }
}

const NONE: readonly string[] = []

/** UTF-16 order equals byte order for the ASCII that object names and namespaces consist of; others are compared as bytes. */
export function compareBytes(a: string, b: string): number {
  if (a === b) return 0
  return ASCII.test(a) && ASCII.test(b) ? (a < b ? -1 : 1) : Buffer.compare(Buffer.from(a), Buffer.from(b))
}

const ASCII = /^[\x00-\x7f]*$/
