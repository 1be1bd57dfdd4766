// IPv4 and IPv6 addresses as values: parsed once at the door, canonical from then on.
// Text forms: RFC 4291 section 2.2 and RFC 5952 (canonical IPv6); dotted quads as inet_pton(3) takes them.

import { IPv6 } from 'ip-num'
import { InputError } from '../../ops/errors.ts'

export type Family = 4 | 6

/** An address: `bits` is the 32- or 128-bit number, most significant octet first. Made by the parsers only. */
export type Address = Readonly<{ family: Family; bits: bigint }> & { readonly __brand: 'Address' }

export const ADDRESS_BITS = { 4: 32, 6: 128 } as const satisfies Record<Family, number>
export const ADDRESS_BYTES = { 4: 4, 6: 16 } as const satisfies Record<Family, number>

/** Makes an address from its number. Throws when `bits` does not fit the family. */
export function addressFromBits(family: Family, bits: bigint): Address {
  if (bits < 0n || bits >> BigInt(ADDRESS_BITS[family]) !== 0n) {
    throw new InputError('address', String(bits), `does not fit ${ADDRESS_BITS[family]} bits`)
  }
  return { family, bits } as Address
}

const DOTTED_QUAD = /^(?:(?:0|[1-9]\d{0,2})\.){3}(?:0|[1-9]\d{0,2})$/
const IPV6_TEXT = /^[0-9a-fA-F:]+(?:(?:\d{1,3}\.){3}\d{1,3})?$/

/** Parses strict text ("10.0.0.1", "fd00::1"): no leading zeros, no zone, no surrounding space. */
export function parseAddress(text: string, field: string): Address {
  const parsed = tryParseAddress(text)
  if (parsed === undefined) throw new InputError(field, text, 'is not an IPv4 or IPv6 address')
  return parsed
}

/** Like `parseAddress`, but answers undefined. */
export function tryParseAddress(text: string): Address | undefined {
  if (DOTTED_QUAD.test(text)) return fromOctets(text)
  if (!text.includes(':') || !IPV6_TEXT.test(text)) return undefined
  const expanded = expandIpv6(text)
  return expanded === undefined ? undefined : addressFromBits(6, new IPv6(expanded).value)
}

function fromOctets(text: string): Address | undefined {
  // By hand: a quarter of a million endpoints are read at the start of a proxy, and the library takes microseconds for each.
  let bits = 0
  for (const octet of text.split('.')) {
    const value = Number(octet)
    if (value > 255) return undefined
    bits = bits * 256 + value
  }
  return addressFromBits(4, BigInt(bits))
}

/** Writes the eight groups out, so that `::` and an embedded dotted quad never reach the library's parser. */
function expandIpv6(text: string): string | undefined {
  let head = text
  const tail: string[] = []
  const dotted = text.lastIndexOf('.') === -1 ? -1 : text.lastIndexOf(':') + 1
  if (dotted > 0) {
    const quad = text.slice(dotted)
    const v4 = DOTTED_QUAD.test(quad) ? fromOctets(quad) : undefined
    if (v4 === undefined) return undefined
    tail.push((v4.bits >> 16n).toString(16), (v4.bits & 0xffffn).toString(16))
    head = text.slice(0, dotted)
    if (!head.endsWith('::')) head = head.slice(0, -1)
  }
  const halves = head.split('::')
  if (halves.length > 2) return undefined
  const left = halves[0] === '' ? [] : halves[0]!.split(':')
  const right = halves[1] === undefined || halves[1] === '' ? [] : halves[1].split(':')
  if (halves.length === 1 && head === '') return undefined
  const missing = 8 - left.length - right.length - tail.length
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined
  const groups = [...left, ...Array<string>(halves.length === 1 ? 0 : missing).fill('0'), ...right, ...tail]
  return groups.every(group => /^[0-9a-fA-F]{1,4}$/.test(group)) ? groups.join(':') : undefined
}

/** Canonical text: dotted quad, or RFC 5952. */
export function formatAddress(address: Address): string {
  if (address.family === 4) {
    const b = Number(address.bits)
    return `${b >>> 24}.${(b >>> 16) & 255}.${(b >>> 8) & 255}.${b & 255}`
  }
  const groups: number[] = []
  for (let shift = 112n; shift >= 0n; shift -= 16n) groups.push(Number((address.bits >> shift) & 0xffffn))
  if (address.bits >> 32n === 0xffffn) {
    return `::ffff:${formatAddress(addressFromBits(4, address.bits & 0xffff_ffffn))}`
  }
  const zeros = longestZeroRun(groups)
  const text = (part: readonly number[]): string => part.map(group => group.toString(16)).join(':')
  if (zeros.length < 2) return text(groups)
  return `${text(groups.slice(0, zeros.start))}::${text(groups.slice(zeros.start + zeros.length))}`
}

function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 }
  let start = 0
  for (let i = 0; i <= groups.length; i += 1) {
    if (groups[i] === 0) continue
    if (i - start > best.length) best = { start, length: i - start }
    start = i + 1
  }
  return best
}

/** Network-order bytes (4 or 16), as netlink attributes carry them. */
export function addressToBytes(address: Address): Uint8Array {
  const bytes = new Uint8Array(ADDRESS_BYTES[address.family])
  if (address.family === 4) {
    const bits = Number(address.bits)
    for (let i = 0; i < 4; i += 1) bytes[i] = (bits >>> (24 - 8 * i)) & 255
    return bytes
  }
  let rest = address.bits
  for (let i = bytes.length - 1; i >= 0; i -= 1) {
    bytes[i] = Number(rest & 0xffn)
    rest >>= 8n
  }
  return bytes
}

/** Reads 4 or 16 network-order bytes. */
export function addressFromBytes(bytes: Uint8Array): Address {
  if (bytes.length !== 4 && bytes.length !== 16) {
    throw new InputError('address', [...bytes], 'is neither 4 nor 16 bytes')
  }
  let bits = 0n
  for (const byte of bytes) bits = (bits << 8n) | BigInt(byte)
  return addressFromBits(bytes.length === 4 ? 4 : 6, bits)
}

export const sameAddress = (a: Address, b: Address): boolean => a.family === b.family && a.bits === b.bits

/** The address `offset` places further. Throws when it leaves the family's range. */
export const addressPlus = (address: Address, offset: bigint): Address =>
  addressFromBits(address.family, address.bits + offset)

/** Orders IPv4 before IPv6, then by number. */
export function compareAddresses(a: Address, b: Address): number {
  if (a.family !== b.family) return a.family - b.family
  return a.bits < b.bits ? -1 : a.bits > b.bits ? 1 : 0
}
