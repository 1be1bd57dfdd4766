// Prefixes (CIDRs) as values. Canonical: no stray host bits (RFC 4632 section 3.1).

import { InputError } from '../../ops/errors.ts'
import { ADDRESS_BITS, addressFromBits, formatAddress, tryParseAddress, type Address, type Family } from './address.ts'

/** A network: `network` has only zero bits behind the first `length`. Made by the parsers only. */
export type Prefix = Readonly<{ family: Family; network: bigint; length: number }> & { readonly __brand: 'Prefix' }

/** An address with the length of the network it sits in, as interfaces carry it ("10.244.1.1/24"). */
export type InterfaceAddress = Readonly<{ address: Address; prefixLength: number }>

/** All masks, since making one takes three big numbers, and whoever compares thousands of prefixes asks for millions. */
const HOST_MASKS = {
  4: Array.from({ length: ADDRESS_BITS[4] + 1 }, (_, length) => (1n << BigInt(ADDRESS_BITS[4] - length)) - 1n),
  6: Array.from({ length: ADDRESS_BITS[6] + 1 }, (_, length) => (1n << BigInt(ADDRESS_BITS[6] - length)) - 1n),
} as const satisfies Record<Family, readonly bigint[]>

const hostMask = (family: Family, length: number): bigint => HOST_MASKS[family][length]!

/** The prefix of `length` bits around `address`; host bits are cleared. */
export function prefixOf(address: Address, length: number): Prefix {
  if (!Number.isInteger(length) || length < 0 || length > ADDRESS_BITS[address.family]) {
    throw new InputError('prefixLength', length, `is not between 0 and ${ADDRESS_BITS[address.family]}`)
  }
  const { family } = address
  return { family, network: address.bits & ~hostMask(family, length), length } as Prefix
}

/** Parses "10.244.0.0/16" or "fd00::/48". Stray host bits are an error that shows the canonical form. */
export function parsePrefix(text: string, field: string): Prefix {
  const { address, prefixLength } = parseInterfaceAddress(text, field)
  const prefix = prefixOf(address, prefixLength)
  if (prefix.network !== address.bits) {
    throw new InputError(field, text, `has host bits set; the network is ${formatPrefix(prefix)}`)
  }
  return prefix
}

/** Parses "10.244.1.7/24", keeping the host bits. */
export function parseInterfaceAddress(text: string, field: string): InterfaceAddress {
  const slash = text.indexOf('/')
  const address = slash === -1 ? undefined : tryParseAddress(text.slice(0, slash))
  const lengthText = text.slice(slash + 1)
  if (address === undefined || !/^(?:0|[1-9]\d{0,2})$/.test(lengthText)) {
    throw new InputError(field, text, 'is not a prefix such as 10.244.0.0/16 or fd00:10::/48')
  }
  const prefixLength = Number(lengthText)
  if (prefixLength > ADDRESS_BITS[address.family]) {
    throw new InputError(field, text, `has a length above ${ADDRESS_BITS[address.family]}`)
  }
  return { address, prefixLength }
}

export const formatPrefix = (prefix: Prefix): string =>
  `${formatAddress(networkAddress(prefix))}/${prefix.length}`

export const formatInterfaceAddress = (value: InterfaceAddress): string =>
  `${formatAddress(value.address)}/${value.prefixLength}`

/** The first address (all host bits zero). */
export const networkAddress = (prefix: Prefix): Address => addressFromBits(prefix.family, prefix.network)

/** The last address (all host bits one): the broadcast address in IPv4. */
export const lastAddress = (prefix: Prefix): Address =>
  addressFromBits(prefix.family, prefix.network | hostMask(prefix.family, prefix.length))

/** How many addresses the prefix spans. */
export const prefixSize = (prefix: Prefix): bigint => 1n << BigInt(ADDRESS_BITS[prefix.family] - prefix.length)

/** The `index`-th (0-based) address of the prefix. */
export function addressAt(prefix: Prefix, index: bigint): Address {
  if (index < 0n || index >= prefixSize(prefix)) {
    throw new InputError('index', String(index), `is outside ${formatPrefix(prefix)}`)
  }
  return addressFromBits(prefix.family, prefix.network + index)
}

/** The `index`-th (0-based) sub-prefix of `length` bits. */
export function subPrefixAt(prefix: Prefix, length: number, index: bigint): Prefix {
  const size = 1n << BigInt(ADDRESS_BITS[prefix.family] - length)
  return prefixOf(addressAt(prefix, index * size), length)
}

export const containsAddress = (prefix: Prefix, address: Address): boolean =>
  prefix.family === address.family && (address.bits & ~hostMask(prefix.family, prefix.length)) === prefix.network

/** True when `inner` lies wholly within `outer` (equal counts). */
export const containsPrefix = (outer: Prefix, inner: Prefix): boolean =>
  outer.family === inner.family && inner.length >= outer.length && (inner.network & ~hostMask(outer.family, outer.length)) === outer.network

export const overlaps = (a: Prefix, b: Prefix): boolean => containsPrefix(a, b) || containsPrefix(b, a)

export const samePrefix = (a: Prefix, b: Prefix): boolean =>
  a.family === b.family && a.network === b.network && a.length === b.length

/** IPv4 netmask text ("255.255.255.0"). */
export const netmask = (prefix: Prefix): Address =>
  addressFromBits(prefix.family, ((1n << BigInt(ADDRESS_BITS[prefix.family])) - 1n) ^ hostMask(prefix.family, prefix.length))
