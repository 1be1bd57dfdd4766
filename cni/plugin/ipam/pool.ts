// Who holds which address of a pool, in memory. The attachment store makes it durable and fills it at start.

import type { Address } from '../../../src/net/ip/address.ts'
import { rangeContains, type RangeSet } from './ranges.ts'

/** Key of an attachment: the owner of an address. */
export type Owner = string

export class Pool {
  readonly #holders = new Map<string, Owner>()
  readonly #lastReserved = new Map<number, Address>()

  isTaken(address: Address): boolean {
    return this.#holders.has(keyOf(address))
  }

  holder(address: Address): Owner | undefined {
    return this.#holders.get(keyOf(address))
  }

  lastReserved(set: number): Address | undefined {
    return this.#lastReserved.get(set)
  }

  /** Where the next walk of this set begins, without anybody holding the address. */
  continueAfter(address: Address, set: number): void {
    this.#lastReserved.set(set, address)
  }

  lastBySet(): readonly (readonly [number, Address])[] {
    return [...this.#lastReserved]
  }

  /** Taking what the owner holds already changes nothing, the walk's place included. */
  take(address: Address, options: Readonly<{ owner: Owner; set: number }>): void {
    if (this.#holders.get(keyOf(address)) === options.owner) return
    this.#holders.set(keyOf(address), options.owner)
    this.#lastReserved.set(options.set, address)
  }

  /** Frees the address if `owner` still holds it: a late release must not free a new owner's. */
  release(address: Address, owner: Owner): void {
    if (this.#holders.get(keyOf(address)) === owner) this.#holders.delete(keyOf(address))
  }

  /** Addresses that the set can still give. Counts in bigint: a /64 has more than a number holds. */
  freeIn(set: RangeSet): bigint {
    let free = 0n
    for (const range of set) {
      free += range.end.bits - range.start.bits + 1n
      if (rangeContains(range, range.gateway)) free -= 1n
    }
    for (const key of this.#holders.keys()) {
      const [family, bits] = key.split('/')
      const address = { family: Number(family), bits: BigInt(bits!) } as Address
      if (set.some(range => rangeContains(range, address) && range.gateway.bits !== address.bits)) free -= 1n
    }
    return free
  }
}

const keyOf = (address: Address): string => `${address.family}/${address.bits}`
