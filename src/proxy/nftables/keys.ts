// Keys and values of the sets' elements: network order, each part padded to four bytes (struct nft_data).

import { ADDRESS_BYTES, addressToBytes, type Address } from '../../net/ip/address.ts'
import { PROTOCOL_NUMBER, type Protocol } from '../../net/ip/port.ts'

const littleEndian = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1

/** Where traffic is balanced: over all endpoints that may serve it, or over this node's. */
export type View = 'cluster' | 'local'

/** First index of each view. Fits `numgen … offset`. */
export const VIEW_OFFSET = { cluster: 0, local: 0x8000_0000 } as const satisfies Record<View, number>

/** address . protocol . port */
export function frontendKey(address: Address, protocol: Protocol, port: number): Uint8Array {
  const bytes = new Uint8Array(ADDRESS_BYTES[address.family] + 8)
  bytes.set(addressToBytes(address))
  writeProtocolPort(bytes, ADDRESS_BYTES[address.family], protocol, port)
  return bytes
}

/** protocol . port */
export function nodePortKey(protocol: Protocol, port: number): Uint8Array {
  const bytes = new Uint8Array(8)
  writeProtocolPort(bytes, 0, protocol, port)
  return bytes
}

/** `owner` (a frontend, or a sticky service port's number) . index, as `numgen` leaves it in a register. */
export function endpointKey(owner: Uint8Array, view: View, index: number): Uint8Array {
  const bytes = new Uint8Array(owner.length + 4)
  bytes.set(owner)
  writeNumber(bytes, owner.length, VIEW_OFFSET[view] + index)
  return bytes
}

/** address . port */
export function endpointValue(address: Address, port: number): Uint8Array {
  const bytes = new Uint8Array(ADDRESS_BYTES[address.family] + 4)
  bytes.set(addressToBytes(address))
  bytes[bytes.length - 4] = port >> 8
  bytes[bytes.length - 3] = port & 255
  return bytes
}

/** Bytes one after the other: a frontend and a source, the hairpin pair. */
export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap(part => [...part]))
}

/** A 32-bit number as registers hold it: in the host's byte order. */
export function registerNumber(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  writeNumber(bytes, 0, value)
  return bytes
}

function writeNumber(bytes: Uint8Array, at: number, value: number): void {
  for (let i = 0; i < 4; i += 1) bytes[at + (littleEndian ? i : 3 - i)] = (value >>> (8 * i)) & 255
}

/** The number that the last four characters of a key's text hold. */
export function lastNumber(text: string): number {
  let value = 0
  for (let i = 0; i < 4; i += 1) value |= text.charCodeAt(text.length - 4 + (littleEndian ? i : 3 - i)) << (8 * i)
  return value >>> 0
}

function writeProtocolPort(bytes: Uint8Array, at: number, protocol: Protocol, port: number): void {
  bytes[at] = PROTOCOL_NUMBER[protocol]
  bytes[at + 4] = port >> 8
  bytes[at + 5] = port & 255
}

/** A key as text of one character per byte, for maps in memory. */
export const keyText = (key: Uint8Array): string => String.fromCharCode.apply(null, key as unknown as number[])

export function keyBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i += 1) bytes[i] = text.charCodeAt(i)
  return bytes
}
