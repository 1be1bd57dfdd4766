// The wire between shim and agent: a 16-byte header (magic, protocol, field count, body length, zero) and tagged fields
// (tag, zero, length, bytes), little-endian. cni/shim/frame.h is the other end.

import { WeftError } from '../../../src/ops/errors.ts'

export const FRAME_PROTOCOL = 1
export const FRAME_HEADER_BYTES = 16
const FIELD_HEADER_BYTES = 8
const MAGIC = 0x494e_4357 // "WCNI"

export const REQUEST_TAG = {
  COMMAND: 1, CONTAINER_ID: 2, NETNS: 3, IFNAME: 4, ARGS: 5, PATH: 6, NETNS_OVERRIDE: 7, STDIN: 8, OWN_NETNS: 9, OPENED_NETNS: 10,
  TRACEPARENT: 11, TRACESTATE: 12, BAGGAGE: 13, REMAINING_MS: 14, STDIN_ERRNO: 15, PROGRAM: 16,
} as const
export const REPLY_TAG = { EXIT_CODE: 1, STDOUT: 2, STDERR: 3, WRONG_HOST: 4 } as const

/** stdin is limited to 4 MiB by the shim; the environment to what execve(2) takes (2 MiB on most systems). */
export const REQUEST_BODY_LIMIT_BYTES = 8 << 20

export type Field = Readonly<{ tag: number; bytes: Uint8Array }>
export type FrameHeader = Readonly<{ protocol: number; fieldCount: number; bodyBytes: number }>

/** A frame that is not one: the connection ends, nothing else does. */
export class FrameError extends WeftError {
  constructor(problem: string) {
    super('CNI_FRAME_MALFORMED', `request on the CNI socket: ${problem}`)
  }
}

/** Reads a header; throws FrameError on foreign magic or an oversized body. An unknown protocol is the caller's to answer. */
export function parseHeader(bytes: Buffer): FrameHeader {
  if (bytes.length < FRAME_HEADER_BYTES) throw new FrameError('is shorter than a header')
  if (bytes.readUInt32LE(0) !== MAGIC) throw new FrameError('does not begin with WCNI')
  const header = { protocol: bytes.readUInt16LE(4), fieldCount: bytes.readUInt16LE(6), bodyBytes: bytes.readUInt32LE(8) }
  if (bytes.readUInt32LE(12) !== 0) throw new FrameError('has a header that does not end in zero')
  if (header.bodyBytes > REQUEST_BODY_LIMIT_BYTES) throw new FrameError(`claims ${header.bodyBytes} bytes`)
  return header
}

/** Reads the fields behind a header. They must fill the body exactly. */
export function parseFields(body: Buffer, fieldCount: number): readonly Field[] {
  const fields: Field[] = []
  let at = 0
  for (let i = 0; i < fieldCount; i += 1) {
    if (body.length - at < FIELD_HEADER_BYTES) throw new FrameError(`ends within the header of field ${i}`)
    const tag = body.readUInt16LE(at)
    const length = body.readUInt32LE(at + 4)
    at += FIELD_HEADER_BYTES
    if (body.length - at < length) throw new FrameError(`ends within field ${i} (tag ${tag}, ${length} bytes)`)
    fields.push({ tag, bytes: body.subarray(at, at + length) })
    at += length
  }
  if (at !== body.length) throw new FrameError(`has ${body.length - at} bytes behind its last field`)
  return fields
}

export function formatFrame(fields: readonly Field[], protocol: number = FRAME_PROTOCOL): Buffer {
  const bodyBytes = fields.reduce((sum, field) => sum + FIELD_HEADER_BYTES + field.bytes.length, 0)
  const frame = Buffer.alloc(FRAME_HEADER_BYTES + bodyBytes)
  frame.writeUInt32LE(MAGIC, 0)
  frame.writeUInt16LE(protocol, 4)
  frame.writeUInt16LE(fields.length, 6)
  frame.writeUInt32LE(bodyBytes, 8)
  let at = FRAME_HEADER_BYTES
  for (const { tag, bytes } of fields) {
    frame.writeUInt16LE(tag, at)
    frame.writeUInt32LE(bytes.length, at + 4)
    frame.set(bytes, at + FIELD_HEADER_BYTES)
    at += FIELD_HEADER_BYTES + bytes.length
  }
  return frame
}
