// Node ports: one range for all Services, and its form in the store (core/v1 RangeAllocation).

import { OffsetPool, type Random } from './offset-pool.ts'
import type { AllocationFailure } from './address-allocator.ts'

export type PortRange = Readonly<{ first: number; last: number }>

export const formatPortRange = ({ first, last }: PortRange): string => `${first}-${last}`

export class PortAllocator {
  readonly range: PortRange
  readonly #random: Random
  #pool: OffsetPool

  constructor({ range, random }: { range: PortRange; random: Random }) {
    this.range = range
    this.#random = random
    this.#pool = openPool(range)
  }

  /** Takes a given port. Undefined means done. */
  take(port: number): AllocationFailure | undefined {
    const offset = this.#offset(port)
    if (offset === undefined) return 'outside'
    return this.#pool.take(offset) ? undefined : 'taken'
  }

  takeAny(): number | undefined {
    const offset = this.#pool.takeAny(this.#random)
    return offset === undefined ? undefined : this.range.first + Number(offset)
  }

  has(port: number): boolean {
    const offset = this.#offset(port)
    return offset !== undefined && this.#pool.has(offset)
  }

  release(port: number): void {
    const offset = this.#offset(port)
    if (offset !== undefined) this.#pool.release(offset)
  }

  get count(): number {
    return this.#pool.count
  }

  /** The taken ports as RangeAllocation.data: a big-endian number whose bit n is port first+n, in base64. */
  encode(): string {
    const size = this.range.last - this.range.first + 1
    const bytes = new Uint8Array(Math.ceil(size / 8))
    for (const offset of this.#pool.taken()) {
      const at = bytes.length - 1 - Number(offset >> 3n)
      bytes[at] = bytes[at]! | (1 << Number(offset & 7n))
    }
    // Go's big.Int writes no leading zero bytes, and nothing at all for zero.
    const start = bytes.findIndex(byte => byte !== 0)
    return start === -1 ? '' : Buffer.from(bytes.subarray(start)).toString('base64')
  }

  /** Replaces what is taken by a stored RangeAllocation.data. Bits beyond the range are dropped. */
  load(data: string): void {
    const bytes = Buffer.from(data, 'base64')
    const pool = openPool(this.range)
    for (let bit = 0; bit < bytes.length * 8 && BigInt(bit) < pool.size; bit += 1) {
      if (((bytes[bytes.length - 1 - (bit >> 3)]! >> (bit & 7)) & 1) === 1) pool.take(BigInt(bit))
    }
    this.#pool = pool
  }

  #offset(port: number): bigint | undefined {
    return port < this.range.first || port > this.range.last ? undefined : BigInt(port - this.range.first)
  }
}

const openPool = ({ first, last }: PortRange): OffsetPool => {
  const size = last - first + 1
  return new OffsetPool({ size: BigInt(size), staticBand: BigInt(portStaticBand(size)) })
}

/** KEP-3668: min(max(16, size/32), 128), none for a tiny range. */
export const portStaticBand = (size: number): number => (size <= 16 ? 0 : Math.min(Math.max(16, Math.floor(size / 32)), 128))

/** Why a port could not be had, in the words of upstream's portallocator. */
export function explainPortFailure(failure: AllocationFailure, range: PortRange): string {
  switch (failure) {
    case 'taken': return 'provided port is already allocated'
    case 'outside': return `provided port is not in the valid range. The range of valid ports is ${formatPortRange(range)}`
    case 'full': return 'range is full'
    default: return failure satisfies never
  }
}
