// Addresses and prefixes as old API objects may carry them: leading zeros are decimal ("010.0.0.1" is 10.0.0.1),
// host bits behind a prefix are cut. Go's net.ParseIP took them so until 1.17, and kube-proxy still does
// (k8s.io/utils/net, ParseIPSloppy).

import { tryParseAddress, type Address } from '../../net/ip/address.ts'
import { ADDRESS_BITS } from '../../net/ip/address.ts'
import { prefixOf, type Prefix } from '../../net/ip/prefix.ts'

const decimal = (text: string): string => text.replace(/^0+(?=\d)/, '')

/** Answers undefined for what is no address at all. */
export function parseLenientAddress(text: string): Address | undefined {
  const strict = tryParseAddress(text)
  return strict !== undefined || text.includes(':') ? strict : tryParseAddress(text.split('.').map(decimal).join('.'))
}

/** Answers undefined for what is no prefix at all. */
export function parseLenientPrefix(text: string): Prefix | undefined {
  const slash = text.indexOf('/')
  if (slash === -1) return undefined
  const address = parseLenientAddress(text.slice(0, slash))
  const lengthText = decimal(text.slice(slash + 1))
  if (address === undefined || !/^\d{1,3}$/.test(lengthText)) return undefined
  const length = Number(lengthText)
  return length > ADDRESS_BITS[address.family] ? undefined : prefixOf(address, length)
}
