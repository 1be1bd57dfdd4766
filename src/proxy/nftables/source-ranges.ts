// Elements that hold the source ranges of load-balancer addresses. The set refuses ranges that overlap in part, so those of
// one service are merged first.

import { ADDRESS_BITS, addressFromBits, addressToBytes, type Family } from '../../net/ip/address.ts'
import { lastAddress, type Prefix } from '../../net/ip/prefix.ts'
import type { ServiceEntry } from '../service-table/entry.ts'
import type { EntryElement } from './entry-elements.ts'
import { joined } from './keys.ts'

type Range = Readonly<{ first: bigint; last: bigint }>

/** What guards `key` (a load-balancer address, protocol and port); nothing when everybody may come. */
export function sourceRangeElements(entry: ServiceEntry, key: Uint8Array): readonly EntryElement[] {
  const { sourceRanges, loadBalancerVips, clusterIp } = entry.port
  if (sourceRanges.length === 0) return []
  // A node that owns the address connects from it (service-proxy: source ranges that include the node).
  const own = entry.nodeInSourceRanges ? loadBalancerVips.map(vip => ({ first: vip.bits, last: vip.bits })) : []
  const ranges = mergeRanges([...sourceRanges.map(rangeOf), ...own])
  return [{ set: 'firewalled', key }, ...ranges.map(range => rangeElement(clusterIp.family, key, range))]
}

const rangeOf = (prefix: Prefix): Range => ({ first: prefix.network, last: lastAddress(prefix).bits })

/** Ranges in ascending order, none touching another. */
export function mergeRanges(ranges: readonly Range[]): readonly Range[] {
  const merged: { first: bigint; last: bigint }[] = []
  for (const { first, last } of [...ranges].sort((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0))) {
    const previous = merged.at(-1)
    if (previous === undefined || first > previous.last + 1n) merged.push({ first, last })
    else if (last > previous.last) previous.last = last
  }
  return merged
}

function rangeElement(family: Family, key: Uint8Array, range: Range): EntryElement {
  if (range.last >> BigInt(ADDRESS_BITS[family]) !== 0n) throw new RangeError(`a source range ends beyond the ${ADDRESS_BITS[family]} bits of its family`)
  const bytes = (bits: bigint): Uint8Array => addressToBytes(addressFromBits(family, bits))
  return { set: 'source-ranges', key: joined(key, bytes(range.first)), keyEnd: joined(key, bytes(range.last)) }
}
