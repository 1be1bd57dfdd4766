// Cluster IPs of one address family: one range or several (ServiceCIDRs), the first of which is the primary.

import { addressFromBits, formatAddress, type Address, type Family } from '../../net/ip/address.ts'
import { containsAddress, formatPrefix, prefixSize, samePrefix, type Prefix } from '../../net/ip/prefix.ts'
import { OffsetPool, type Random } from './offset-pool.ts'

export type AllocationFailure = 'taken' | 'outside' | 'full'

type Range = Readonly<{ prefix: Prefix; firstOffset: bigint; pool: OffsetPool }>

export class AddressAllocator {
  readonly family: Family
  readonly #random: Random
  #ranges: readonly Range[]

  constructor({ family, prefixes, random }: { family: Family; prefixes: readonly Prefix[]; random: Random }) {
    this.family = family
    this.#random = random
    this.#ranges = prefixes.map(openRange)
  }

  /** The ranges as "10.96.0.0/16", joined for messages. */
  describe(): string {
    return this.#ranges.map(({ prefix }) => formatPrefix(prefix)).join(', ')
  }

  /** Replaces the set of ranges; what was taken in a range that stays is kept. */
  setPrefixes(prefixes: readonly Prefix[]): void {
    this.#ranges = prefixes.map(prefix => this.#ranges.find(range => samePrefix(range.prefix, prefix)) ?? openRange(prefix))
  }

  /** Takes a given address. Undefined means done. */
  take(address: Address): AllocationFailure | undefined {
    const found = this.#locate(address)
    if (found.length === 0) return 'outside'
    // Overlapping ranges hold the address each; it is free only if it is free in all.
    if (found.some(({ range, offset }) => range.pool.has(offset))) return 'taken'
    for (const { range, offset } of found) range.pool.take(offset)
    return undefined
  }

  /** Takes any address, or answers undefined when every range is full. */
  takeAny(): Address | undefined {
    for (const range of this.#ranges) {
      for (;;) {
        const offset = range.pool.takeAny(this.#random)
        if (offset === undefined) break
        const address = addressFromBits(this.family, range.prefix.network + range.firstOffset + offset)
        const elsewhere = this.#locate(address).filter(other => other.range !== range)
        // Taken in an overlapping range: stays marked here too, which is the truth.
        if (elsewhere.some(other => other.range.pool.has(other.offset))) continue
        for (const other of elsewhere) other.range.pool.take(other.offset)
        return address
      }
    }
    return undefined
  }

  /** True when the address lies in one of the ranges, taken or not. */
  covers(address: Address): boolean {
    return this.#locate(address).length > 0
  }

  has(address: Address): boolean {
    return this.#locate(address).some(({ range, offset }) => range.pool.has(offset))
  }

  contains(address: Address): boolean {
    return this.#locate(address).length > 0
  }

  /** Releasing twice, or what lies outside, is fine. */
  release(address: Address): void {
    for (const { range, offset } of this.#locate(address)) range.pool.release(offset)
  }

  /** The first usable address of the primary range: the one of the `kubernetes` Service. */
  first(): Address {
    const [range] = this.#ranges
    if (range === undefined) throw new RangeError('no range is configured')
    return addressFromBits(this.family, range.prefix.network + range.firstOffset)
  }

  get count(): number {
    return this.#ranges.reduce((sum, { pool }) => sum + pool.count, 0)
  }

  #locate(address: Address): readonly { range: Range; offset: bigint }[] {
    return this.#ranges.flatMap(range => {
      if (!containsAddress(range.prefix, address)) return []
      const offset = address.bits - range.prefix.network - range.firstOffset
      return offset < 0n || offset >= range.pool.size ? [] : [{ range, offset }]
    })
  }
}

/** Network address (and IPv4's broadcast) are never handed out; a /32 or /128 is its single address. */
function openRange(prefix: Prefix): Range {
  const total = prefixSize(prefix)
  const single = total === 1n
  const size = single ? 1n : prefix.family === 4 && total > 2n ? total - 2n : total - 1n
  return { prefix, firstOffset: single ? 0n : 1n, pool: new OffsetPool({ size, staticBand: addressStaticBand(total) }) }
}

/** KEP-3070: min(max(16, size/16), 256) for the whole range, none for tiny ones. */
export function addressStaticBand(size: bigint): bigint {
  if (size <= 16n) return 0n
  const sixteenth = size / 16n
  return sixteenth < 16n ? 16n : sixteenth > 256n ? 256n : sixteenth
}

/** Why an address could not be had, in the words of upstream's ipallocator. */
export function explainAddressFailure(failure: AllocationFailure, address: Address, allocator: AddressAllocator): string {
  switch (failure) {
    case 'taken': return 'provided IP is already allocated'
    case 'outside': return `the provided IP (${formatAddress(address)}) is not in the valid range. The range of valid IPs is ${allocator.describe()}`
    case 'full': return 'range is full'
    default: return failure satisfies never
  }
}
