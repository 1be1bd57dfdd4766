// Deletes keys whose time has come. A key that was written again since keeps living: its newer write has its own due time.

import type { Clock } from '../../ops/clock.ts'
import type { Txn, TxnResult } from '../store.ts'
import type { Databases } from './databases.ts'
import { decodeExpiryKey, decodeNumber, encodeNumber } from './record.ts'

type SweepOptions = Readonly<{
  databases: Databases
  clock: Clock
  intervalMs: number
  commit: (txn: Txn) => Promise<TxnResult>
  signal: AbortSignal
}>

/** Keys that one sweep deletes before it waits for the disk. */
const CHUNK = 200

/** Sweeps every `intervalMs` until aborted; then resolves. A sweep that fails is tried again with the next. */
export async function sweepExpired({ databases, clock, intervalMs, commit, signal }: SweepOptions): Promise<void> {
  while (!signal.aborted) {
    try {
      await clock.sleep(intervalMs, { signal })
      while (await sweepChunk(databases, clock.now(), commit)) signal.throwIfAborted()
    } catch (error) {
      if (signal.aborted) return
      if ((error as { retryable?: boolean }).retryable !== true) throw error
    }
  }
}

/** True when there may be more. */
async function sweepChunk({ root, expiry }: Databases, now: number, commit: SweepOptions['commit']): Promise<boolean> {
  const due = [...expiry.getRange({ end: encodeNumber(now + 1), limit: CHUNK })]
  if (due.length === 0) return false
  await Promise.all(due.map(({ key: bytes, value }) => {
    const { key } = decodeExpiryKey(bytes)
    return commit({ compares: [{ key, modRevision: decodeNumber(value) }], changes: [{ kind: 'delete', key }] })
  }))
  await root.batch(() => { for (const { key } of due) void expiry.remove(key) })
  root.resetReadTxn()
  return due.length === CHUNK
}
