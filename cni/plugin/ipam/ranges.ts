// Range sets as host-local understands them: each set yields one address, its ranges are tried in order.

import { addressFromBits, addressPlus, compareAddresses, formatAddress, parseAddress, type Address } from '../../../src/net/ip/address.ts'
import { containsAddress, formatPrefix, lastAddress, networkAddress, overlaps, parsePrefix, type Prefix } from '../../../src/net/ip/prefix.ts'
import { ADDRESS_BITS } from '../../../src/net/ip/address.ts'
import { CniError } from '../cni-error.ts'
import { Fields, isObject } from '../request/fields.ts'
import { isAtLeast, type CniVersion } from '../version.ts'

/** `start` and `end` are inclusive and lie inside the subnet; the gateway may lie anywhere. */
export type Range = Readonly<{ subnet: Prefix; start: Address; end: Address; gateway: Address }>
export type RangeSet = readonly Range[]

/** The whole of a subnet that was leased, with its first address as the gateway. */
export const wholeSubnet = (subnet: Prefix): RangeSet => [completeRange(subnet, {}, 'subnet')]

/** Reads "ranges" (a list of sets) and, before it, the old single range with its keys directly in `ipam`. */
export function readRangeSets(ipam: Fields, options: Readonly<{ before: readonly unknown[]; cniVersion: CniVersion }>): readonly RangeSet[] {
  const old = ipam.has('subnet') && ipam.raw('subnet') !== undefined ? [[readRange(ipam)]] : []
  const sets = [...readSets(options.before, 'runtimeConfig.ipRanges'), ...old, ...readSets(ipam.array('ranges') ?? [], ipam.name('ranges'))]
  checkSets(sets, options.cniVersion)
  return sets
}

const readSets = (sets: readonly unknown[], name: string): readonly RangeSet[] =>
  sets.map((set, index) => {
    if (!Array.isArray(set)) throw new CniError('CNI_DECODING_FAILURE', `${name}[${index}] is not a list of ranges`)
    return set.map((range: unknown, at) => {
      if (!isObject(range)) throw new CniError('CNI_DECODING_FAILURE', `${name}[${index}][${at}] is not an object`)
      return readRange(new Fields(range, `${name}[${index}][${at}].`))
    })
  })

function readRange(fields: Fields): Range {
  const text = fields.string('subnet')
  if (text === undefined) throw invalid(`${fields.name('subnet')} is missing`)
  const address = (key: string): Address | undefined => {
    const value = fields.string(key)
    return value === undefined || value === '' ? undefined : parseAddress(value, fields.name(key))
  }
  return completeRange(parsePrefix(text, fields.name('subnet')), { start: address('rangeStart'), end: address('rangeEnd'), gateway: address('gateway') }, fields.name('subnet'))
}

function completeRange(subnet: Prefix, given: Readonly<{ start?: Address | undefined; end?: Address | undefined; gateway?: Address | undefined }>, name: string): Range {
  if (ADDRESS_BITS[subnet.family] - subnet.length <= 1) throw invalid(`${name}: ${formatPrefix(subnet)} is too small to allocate from`)
  const first = addressPlus(networkAddress(subnet), 1n)
  const last = subnet.family === 4 ? addressFromBits(4, lastAddress(subnet).bits - 1n) : lastAddress(subnet)
  const range = { subnet, start: given.start ?? first, end: given.end ?? last, gateway: given.gateway ?? first }
  for (const [key, value] of [['rangeStart', range.start], ['rangeEnd', range.end]] as const) {
    if (!containsAddress(subnet, value)) throw invalid(`${key}: ${formatAddress(value)} is not in ${formatPrefix(subnet)}`)
  }
  if (compareAddresses(range.start, range.end) > 0) throw invalid(`rangeEnd: ${formatAddress(range.end)} lies before rangeStart ${formatAddress(range.start)}`)
  return range
}

function checkSets(sets: readonly RangeSet[], cniVersion: CniVersion): void {
  const placed: Range[] = []
  const families: number[] = []
  for (const [index, set] of sets.entries()) {
    const family = set[0]?.subnet.family
    if (family === undefined) throw invalid(`range set ${index} is empty`)
    for (const range of set) {
      if (range.subnet.family !== family) throw invalid(`range set ${index} mixes IPv4 and IPv6: ${formatPrefix(range.subnet)}`)
      const other = placed.find(each => rangesOverlap(each, range))
      if (other !== undefined) throw invalid(`ranges overlap: ${formatRange(other)} and ${formatRange(range)}`)
      placed.push(range)
    }
    if (!isAtLeast(cniVersion, '0.3.0') && families.includes(family)) {
      throw invalid(`cniVersion ${cniVersion} allows one IPv${family} range set; a second holds ${formatRange(set[0]!)}`)
    }
    families.push(family)
  }
}

const rangesOverlap = (a: Range, b: Range): boolean =>
  overlaps(a.subnet, b.subnet) && compareAddresses(a.start, b.end) <= 0 && compareAddresses(b.start, a.end) <= 0

export const rangeContains = (range: Range, address: Address): boolean =>
  containsAddress(range.subnet, address) && compareAddresses(range.start, address) <= 0 && compareAddresses(address, range.end) <= 0

export const formatRange = (range: Range): string => `${formatAddress(range.start)}-${formatAddress(range.end)}`

const invalid = (message: string): CniError => new CniError('CNI_INVALID_NETWORK_CONFIG', message)
