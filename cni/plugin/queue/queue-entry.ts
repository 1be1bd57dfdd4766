// A deletion that the shim stored while nobody listened: cni/shim/queue.c writes it.

import { FRAME_HEADER_BYTES, FrameError, parseFields, parseHeader } from '../wire/frame.ts'
import { readRequest, type RawRequest } from '../wire/raw-request.ts'

const ENTRY_HEADER_BYTES = 64
const MAGIC = 'WDQ1'

export type QueueEntry = Readonly<{
  bootId: string
  /** Wall clock in nanoseconds, for the log. */
  queuedAtNs: bigint
  /** CLOCK_MONOTONIC in nanoseconds: comparable with an ADD's time within one boot. */
  queuedMonotonicNs: bigint
  request: RawRequest
}>

/** Throws FrameError for anything that no shim wrote whole. */
export function parseQueueEntry(bytes: Buffer): QueueEntry {
  if (bytes.length < ENTRY_HEADER_BYTES + FRAME_HEADER_BYTES || bytes.toString('latin1', 0, 4) !== MAGIC) throw new FrameError('is no queue entry')
  const frame = bytes.subarray(ENTRY_HEADER_BYTES)
  const header = parseHeader(frame)
  if (frame.length !== FRAME_HEADER_BYTES + header.bodyBytes) throw new FrameError('is cut short')
  return {
    bootId: bytes.toString('latin1', 8, 44),
    queuedAtNs: bytes.readBigUInt64LE(48),
    queuedMonotonicNs: bytes.readBigUInt64LE(56),
    request: readRequest(parseFields(frame.subarray(FRAME_HEADER_BYTES), header.fieldCount)),
  }
}
