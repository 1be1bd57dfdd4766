// Sets of taken offsets in a range of numbers, able to find the next free one without walking over the taken ones.

export interface OffsetSet {
  has(offset: bigint): boolean
  /** False when it was taken already. */
  add(offset: bigint): boolean
  /** False when it was free already. */
  delete(offset: bigint): boolean
  readonly count: number
  /** The first free offset in [from, to), or undefined. */
  nextFree(from: bigint, to: bigint): bigint | undefined
  /** Taken offsets, ascending. */
  taken(): Iterable<bigint>
}

const DENSE_LIMIT = 1n << 22n

/** A set for offsets in [0, size): a bitmap tree up to 4 million, a hash set beyond, where a range can never be near full. */
export const openOffsetSet = (size: bigint): OffsetSet => (size <= DENSE_LIMIT ? new DenseOffsets(Number(size)) : new SparseOffsets())

/** Bits of 32 to a word; a bit in an upper level says that the whole word below is taken. Search costs one word per level. */
class DenseOffsets implements OffsetSet {
  readonly #levels: readonly Uint32Array[]
  #count = 0

  constructor(size: number) {
    const levels: Uint32Array[] = []
    let bits = size
    do {
      const words = Math.ceil(bits / 32)
      const level = new Uint32Array(words)
      // Bits behind the end are taken for ever, so that "whole word taken" stays true of the last word.
      if (bits % 32 !== 0) level[words - 1] = (0xffff_ffff << bits % 32) >>> 0
      levels.push(level)
      bits = words
    } while (bits > 1)
    this.#levels = levels
  }

  get count(): number {
    return this.#count
  }

  has(offset: bigint): boolean {
    const at = Number(offset)
    return ((this.#levels[0]![at >>> 5]! >>> (at & 31)) & 1) === 1
  }

  add(offset: bigint): boolean {
    if (this.has(offset)) return false
    let at = Number(offset)
    for (const level of this.#levels) {
      const word = (level[at >>> 5]! | (1 << (at & 31))) >>> 0
      level[at >>> 5] = word
      if (word !== 0xffff_ffff) break
      at >>>= 5
    }
    this.#count += 1
    return true
  }

  delete(offset: bigint): boolean {
    if (!this.has(offset)) return false
    let at = Number(offset)
    for (const level of this.#levels) {
      const before = level[at >>> 5]!
      level[at >>> 5] = (before & ~(1 << (at & 31))) >>> 0
      if (before !== 0xffff_ffff) break
      at >>>= 5
    }
    this.#count -= 1
    return true
  }

  nextFree(from: bigint, to: bigint): bigint | undefined {
    let at = Number(from)
    let depth = 0
    // Climb while the rest of the word holds nothing free, then descend to the first free bit.
    for (;;) {
      const level = this.#levels[depth]
      if (level === undefined) return undefined
      const index = at >>> 5
      const free = index < level.length ? (~level[index]! & (0xffff_ffff << (at & 31))) >>> 0 : 0
      if (free !== 0) {
        at = index * 32 + (31 - Math.clz32(free & -free))
        break
      }
      at = index + 1
      depth += 1
    }
    for (; depth > 0; depth -= 1) {
      const free = ~this.#levels[depth - 1]![at]! >>> 0
      at = at * 32 + (31 - Math.clz32(free & -free))
    }
    return BigInt(at) < to ? BigInt(at) : undefined
  }

  *taken(): Iterable<bigint> {
    const bits = this.#levels[0]!
    const end = bits.length * 32
    let left = this.#count
    for (let at = 0; at < end && left > 0; at += 1) {
      if (((bits[at >>> 5]! >>> (at & 31)) & 1) === 0) continue
      left -= 1
      yield BigInt(at)
    }
  }
}

class SparseOffsets implements OffsetSet {
  readonly #taken = new Set<bigint>()

  get count(): number {
    return this.#taken.size
  }

  has(offset: bigint): boolean {
    return this.#taken.has(offset)
  }

  add(offset: bigint): boolean {
    if (this.#taken.has(offset)) return false
    this.#taken.add(offset)
    return true
  }

  delete(offset: bigint): boolean {
    return this.#taken.delete(offset)
  }

  nextFree(from: bigint, to: bigint): bigint | undefined {
    for (let at = from; at < to; at += 1n) if (!this.#taken.has(at)) return at
    return undefined
  }

  taken(): Iterable<bigint> {
    return [...this.#taken].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
  }
}
