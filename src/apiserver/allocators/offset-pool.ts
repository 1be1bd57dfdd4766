// A range of offsets that is handed out from two bands: dynamic picks come from the upper one, so that
// numbers people write down by hand in the lower one stay free (KEP-3070, KEP-3668).

import { openOffsetSet, type OffsetSet } from './offset-set.ts'

/** Uniform in [0, 1). */
export type Random = () => number

export class OffsetPool {
  readonly size: bigint
  readonly #staticBand: bigint
  readonly #taken: OffsetSet

  constructor({ size, staticBand }: { size: bigint; staticBand: bigint }) {
    this.size = size
    this.#staticBand = staticBand
    this.#taken = openOffsetSet(size)
  }

  get count(): number {
    return this.#taken.count
  }

  has(offset: bigint): boolean {
    return this.#taken.has(offset)
  }

  /** False when somebody has it. */
  take(offset: bigint): boolean {
    return this.#taken.add(offset)
  }

  release(offset: bigint): boolean {
    return this.#taken.delete(offset)
  }

  /** Takes any free offset: of the dynamic band from a random place on, else of the static one. Undefined when full. */
  takeAny(random: Random): bigint | undefined {
    const offset = this.#anyIn(this.#staticBand, this.size, random) ?? this.#anyIn(0n, this.#staticBand, random)
    if (offset !== undefined) this.#taken.add(offset)
    return offset
  }

  /** Taken offsets, ascending. */
  taken(): Iterable<bigint> {
    return this.#taken.taken()
  }

  #anyIn(from: bigint, to: bigint, random: Random): bigint | undefined {
    if (from >= to) return undefined
    const start = from + randomBelow(to - from, random)
    return this.#taken.nextFree(start, to) ?? this.#taken.nextFree(from, start)
  }
}

/** A random number below `bound`, 32 bits at a time: a double has too few for an IPv6 range. */
function randomBelow(bound: bigint, random: Random): bigint {
  let value = 0n
  for (let reach = 1n; reach < bound; reach <<= 32n) value = (value << 32n) | BigInt(Math.floor(random() * 0x1_0000_0000))
  return value % bound
}
