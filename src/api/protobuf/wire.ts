// The protobuf wire format, as far as a reader of one message needs it (protobuf.dev, "Encoding").

import { badRequest } from '../status/status.ts'

export type WireField =
  | Readonly<{ number: number; kind: 'varint'; value: bigint }>
  | Readonly<{ number: number; kind: 'bytes'; value: Uint8Array }>
  | Readonly<{ number: number; kind: 'fixed'; value: Uint8Array }>

/** The fields of a message in order. Throws 400 for bytes that are no message. */
export function* readFields(bytes: Uint8Array): Iterable<WireField> {
  const reader = { bytes, at: 0 }
  while (reader.at < bytes.length) {
    const tag = Number(readVarint(reader) & 0xffff_ffffn)
    const number = tag >>> 3
    if (number === 0) throw malformed('field number 0')
    switch (tag & 7) {
      case 0:
        yield { number, kind: 'varint', value: readVarint(reader) }
        break
      case 1:
        yield { number, kind: 'fixed', value: take(reader, 8) }
        break
      case 2:
        yield { number, kind: 'bytes', value: take(reader, Number(readVarint(reader))) }
        break
      case 5:
        yield { number, kind: 'fixed', value: take(reader, 4) }
        break
      default: throw malformed(`wire type ${tag & 7}`)
    }
  }
}

/** Packed integers: varints one behind the other. */
export function readPackedVarints(bytes: Uint8Array): readonly bigint[] {
  const reader = { bytes, at: 0 }
  const values: bigint[] = []
  while (reader.at < bytes.length) values.push(readVarint(reader))
  return values
}

/** Two's complement of 64 bits. */
export const signed = (value: bigint): bigint => BigInt.asIntN(64, value)

type Reader = { bytes: Uint8Array; at: number }

function readVarint(reader: Reader): bigint {
  let value = 0n
  for (let shift = 0n; shift < 70n; shift += 7n) {
    const byte = reader.bytes[reader.at]
    if (byte === undefined) throw malformed('unexpected EOF')
    reader.at += 1
    value |= BigInt(byte & 0x7f) << shift
    if (byte < 0x80) return value
  }
  throw malformed('integer overflow')
}

function take(reader: Reader, length: number): Uint8Array {
  if (length > reader.bytes.length - reader.at) throw malformed('unexpected EOF')
  const part = reader.bytes.subarray(reader.at, reader.at + length)
  reader.at += length
  return part
}

export const malformed = (why: string): Error => badRequest(`proto: ${why}`)
