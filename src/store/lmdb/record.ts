// How entries, history and the log of revisions lie in LMDB. All numbers are big-endian, so that bytewise order is numeric order.
//
//   current   key                     -> record            the newest state
//   history   key 00 revision         -> record            what the key held until `revision` replaced or deleted it
//   log       revision                -> JSON [[op, key]]  what each revision did; "p" put, "d" delete
//   expiry    due (ms) 00 key         -> revision          keys that go by themselves; ignored when the key has changed since
//   meta      "revision", "compacted" -> number

import type { Entry } from '../store.ts'

/** Six bytes hold revisions up to 2^48, which is 8,900 years at 1,000 writes a second. */
const NUMBER_BYTES = 6
const HEADER_BYTES = 3 * NUMBER_BYTES

/** LMDB refuses keys above 1978 bytes (MDB_MAXKEYSIZE of this build); a history key adds seven. */
export const MAX_KEY_BYTES = 1900

export function encodeRecord(entry: Omit<Entry, 'key'>): Buffer {
  const record = Buffer.allocUnsafe(HEADER_BYTES + entry.value.length)
  record.writeUIntBE(entry.modRevision, 0, NUMBER_BYTES)
  record.writeUIntBE(entry.createRevision, NUMBER_BYTES, NUMBER_BYTES)
  record.writeUIntBE(entry.version, 2 * NUMBER_BYTES, NUMBER_BYTES)
  entry.value.copy(record, HEADER_BYTES)
  return record
}

/** The value shares the record's memory. */
export const decodeRecord = (key: string, record: Buffer): Entry => ({
  key,
  modRevision: record.readUIntBE(0, NUMBER_BYTES),
  createRevision: record.readUIntBE(NUMBER_BYTES, NUMBER_BYTES),
  version: record.readUIntBE(2 * NUMBER_BYTES, NUMBER_BYTES),
  value: record.subarray(HEADER_BYTES),
})

export function encodeNumber(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(NUMBER_BYTES)
  bytes.writeUIntBE(value, 0, NUMBER_BYTES)
  return bytes
}

export const decodeNumber = (bytes: Buffer): number => bytes.readUIntBE(0, NUMBER_BYTES)

export const encodeKey = (key: string): Buffer => Buffer.from(key, 'utf8')

export const historyKey = (key: string, revision: number): Buffer => Buffer.concat([encodeKey(key), ZERO, encodeNumber(revision)])

export const expiryKey = (dueMs: number, key: string): Buffer => Buffer.concat([encodeNumber(dueMs), ZERO, encodeKey(key)])

export const decodeExpiryKey = (bytes: Buffer): { dueMs: number; key: string } =>
  ({ dueMs: decodeNumber(bytes), key: bytes.toString('utf8', NUMBER_BYTES + 1) })

export type LoggedChange = readonly [op: 'p' | 'd', key: string]

export const encodeLog = (changes: readonly LoggedChange[]): Buffer => Buffer.from(JSON.stringify(changes))

export const decodeLog = (bytes: Buffer): readonly LoggedChange[] => JSON.parse(bytes.toString()) as LoggedChange[]

const ZERO = Buffer.from([0])
