// Which addresses an attachment gets: host-local's round robin. A released address is used last, so that a pod that
// crashes in a loop does not get an address whose former connections are still being answered.

import { addressFromBits, formatAddress, sameAddress, type Address } from '../../../src/net/ip/address.ts'
import { CniError } from '../cni-error.ts'
import { formatRange, rangeContains, type Range, type RangeSet } from './ranges.ts'

export type Allocation = Readonly<{ set: number; address: Address; range: Range }>

export type AllocationRequest = Readonly<{
  sets: readonly RangeSet[]
  /** Last reserved address of each set, by index. */
  lastReserved: (set: number) => Address | undefined
  isTaken: (address: Address) => boolean
  requested: readonly Address[]
}>

/** One address per set, all or nothing. Throws 110 when a set is exhausted, 111 when a requested address cannot be had. */
export function planAllocation(request: AllocationRequest): readonly Allocation[] {
  const left = [...request.requested]
  const allocations = request.sets.map((set, index): Allocation => {
    const wanted = left.findIndex(address => set.some(range => rangeContains(range, address)))
    if (wanted === -1) return nextFree(set, index, request)
    return requestedAddress(set, index, left.splice(wanted, 1)[0]!, request.isTaken)
  })
  if (left.length > 0) {
    throw new CniError('CNI_ADDRESS_UNAVAILABLE', `failed to allocate all requested IPs: ${left.map(formatAddress).join(', ')}`, 'no range set is left that contains them')
  }
  return allocations
}

function requestedAddress(set: RangeSet, index: number, address: Address, isTaken: (address: Address) => boolean): Allocation {
  const range = set.find(each => rangeContains(each, address))!
  if (sameAddress(range.gateway, address)) throw new CniError('CNI_ADDRESS_UNAVAILABLE', `requested address ${formatAddress(address)} is the subnet's gateway`)
  if (isTaken(address)) throw new CniError('CNI_ADDRESS_UNAVAILABLE', `requested IP address ${formatAddress(address)} is not available in range set ${formatSet(set)}`)
  return { set: index, address, range }
}

/** Walks from behind the last reserved address through all ranges once; that address itself comes at the very end. */
function nextFree(set: RangeSet, index: number, request: AllocationRequest): Allocation {
  const last = request.lastReserved(index)
  const at = last === undefined ? -1 : set.findIndex(range => rangeContains(range, last))
  const lap = at === -1 || last === undefined ? set.map(whole) : [
    { range: set[at]!, from: last.bits + 1n, to: set[at]!.end.bits },
    ...set.slice(at + 1).map(whole),
    ...set.slice(0, at).map(whole),
    { range: set[at]!, from: set[at]!.start.bits, to: last.bits },
  ]
  for (const { range, from, to } of lap) {
    for (let bits = from; bits <= to; bits += 1n) {
      if (bits === range.gateway.bits) continue
      const address = addressFromBits(range.subnet.family, bits)
      if (!request.isTaken(address)) return { set: index, address, range }
    }
  }
  throw new CniError('CNI_POOL_EXHAUSTED', `no IP addresses available in range set: ${formatSet(set)}`)
}

const whole = (range: Range): Readonly<{ range: Range; from: bigint; to: bigint }> => ({ range, from: range.start.bits, to: range.end.bits })

export const formatSet = (set: RangeSet): string => set.map(formatRange).join(',')
