// IP addresses and CIDRs in specs. Strict since 1.36: a new value must be canonical enough that no two parsers read
// it differently (leading zeros, IPv4-mapped IPv6, host bits); one that was stored before stays acceptable.

import { tryParseAddress, type Address } from '../../net/ip/address.ts'
import { prefixOf, networkAddress } from '../../net/ip/prefix.ts'
import { invalid, type FieldError } from '../status/field-error.ts'

const NOT_AN_IP = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'
const NOT_A_CIDR = 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)'
const LEADING_ZEROS = 'must not have leading 0s'

/** `grandfathered`: the stored object had this very text. */
export function validateIp(field: string, text: string, { grandfathered = false } = {}): readonly FieldError[] {
  if (grandfathered) return []
  const address = tryParseAddress(text)
  if (address === undefined) {
    const withoutZeros = text.replace(/\b0+(?=\d)/g, '')
    return [invalid(field, text, !text.includes(':') && tryParseAddress(withoutZeros) !== undefined ? LEADING_ZEROS : NOT_AN_IP)]
  }
  return isMapped(address) ? [invalid(field, text, 'must not be an IPv4-mapped IPv6 address')] : []
}

/** A CIDR whose host bits are zero. */
export function validateCidr(field: string, text: string, { grandfathered = false } = {}): readonly FieldError[] {
  if (grandfathered) return []
  const parsed = parseCidr(text)
  if (parsed === undefined) {
    const withoutZeros = text.replace(/\b0+(?=\d)/g, '')
    return [invalid(field, text, !text.includes(':') && parseCidr(withoutZeros) !== undefined ? LEADING_ZEROS : NOT_A_CIDR)]
  }
  if (isMapped(parsed.address)) return [invalid(field, text, 'must not have an IPv4-mapped IPv6 address')]
  const network = networkAddress(prefixOf(parsed.address, parsed.length))
  return network.bits === parsed.address.bits ? [] : [invalid(field, text, 'must not have bits set beyond the prefix length')]
}

/** Splits "address/length"; undefined when it is no CIDR at all. Host bits are kept. */
export function parseCidr(text: string): Readonly<{ address: Address; length: number }> | undefined {
  const [, addressText, lengthText] = /^([^/]+)\/(0|[1-9]\d{0,2})$/.exec(text) ?? []
  const address = addressText === undefined ? undefined : tryParseAddress(addressText)
  if (address === undefined || Number(lengthText) > (address.family === 4 ? 32 : 128)) return undefined
  return { address, length: Number(lengthText) }
}

/** Addresses that no endpoint and no external IP may have, because traffic to them never leaves a host. */
export function validateEndpointIp(field: string, text: string, options: { grandfathered?: boolean } = {}): readonly FieldError[] {
  const errors = validateIp(field, text, options)
  const address = tryParseAddress(text)
  if (errors.length > 0 || address === undefined || options.grandfathered === true) return errors
  const problem = RESERVED.find(({ test }) => test(address))
  return problem === undefined ? [] : [invalid(field, text, problem.detail)]
}

const within = (family: 4 | 6, top: bigint, length: number) => (address: Address): boolean =>
  address.family === family && address.bits >> BigInt((family === 4 ? 32 : 128) - length) === top

const RESERVED: readonly Readonly<{ test: (address: Address) => boolean; detail: string }>[] = [
  { test: address => address.bits === 0n, detail: 'may not be unspecified (0.0.0.0)' },
  {
    test: address => within(4, 127n, 8)(address) || (address.family === 6 && address.bits === 1n),
    detail: 'may not be in the loopback range (127.0.0.0/8, ::1/128)',
  },
  {
    test: address => within(4, 0xa9fen, 16)(address) || within(6, 0xfe80n >> 6n, 10)(address),
    detail: 'may not be in the link-local range (169.254.0.0/16, fe80::/10)',
  },
  {
    test: address => within(4, 0xe00000n, 24)(address) || within(6, 0xff02n, 16)(address),
    detail: 'may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)',
  },
]

const isMapped = (address: Address): boolean => address.family === 6 && address.bits >> 32n === 0xffffn
