// Blocks of equal size carved from a cluster's prefix: which are taken, and the next free one. Pure.

import { InputError } from '../../ops/errors.ts'
import { ADDRESS_BITS } from '../../net/ip/address.ts'
import { containsPrefix, formatPrefix, overlaps, subPrefixAt, type Prefix } from '../../net/ip/prefix.ts'

/** kube-controller-manager's limit: 2^16 blocks, so that the bitmap stays small whatever the IPv6 prefix. */
const MAX_BLOCK_BITS = 16

/** Next-fit, so that a block given back is reused as late as possible: stale routes and neighbours have long gone by then. */
export class BlockSet {
  readonly cluster: Prefix
  readonly blockLength: number
  readonly #blocks: number
  readonly #taken: Uint8Array
  #next = 0
  #used = 0

  /** Throws InputError when the mask does not fit the prefix. */
  constructor(cluster: Prefix, blockLength: number) {
    const bits = blockLength - cluster.length
    if (!Number.isInteger(blockLength) || bits < 0 || blockLength > ADDRESS_BITS[cluster.family]) {
      throw new InputError('node-cidr-mask-size', blockLength, `does not divide ${formatPrefix(cluster)}: choose between ${cluster.length} and ${ADDRESS_BITS[cluster.family]}`)
    }
    if (bits > MAX_BLOCK_BITS) {
      throw new InputError('node-cidr-mask-size', blockLength, `would cut ${formatPrefix(cluster)} into more than 2^${MAX_BLOCK_BITS} blocks: choose at most ${cluster.length + MAX_BLOCK_BITS}`)
    }
    this.cluster = cluster
    this.blockLength = blockLength
    this.#blocks = 2 ** bits
    this.#taken = new Uint8Array(this.#blocks)
  }

  get free(): number {
    return this.#blocks - this.#used
  }

  /** Takes the next free block; undefined when there is none. */
  take(): Prefix | undefined {
    for (let tried = 0; tried < this.#blocks; tried += 1) {
      const index = (this.#next + tried) % this.#blocks
      if (this.#taken[index] === 1) continue
      this.#set(index, 1)
      this.#next = (index + 1) % this.#blocks
      return subPrefixAt(this.cluster, this.blockLength, BigInt(index))
    }
    return undefined
  }

  /** Marks every block that the prefix touches. False when it lies outside the cluster's prefix. */
  occupy(prefix: Prefix): boolean {
    return this.#mark(prefix, 1)
  }

  release(prefix: Prefix): void {
    this.#mark(prefix, 0)
  }

  #mark(prefix: Prefix, value: 0 | 1): boolean {
    if (!overlaps(this.cluster, prefix)) return false
    const inner = containsPrefix(prefix, this.cluster) ? this.cluster : prefix
    const blockBits = BigInt(ADDRESS_BITS[this.cluster.family] - this.blockLength)
    const first = Number((inner.network - this.cluster.network) >> blockBits)
    const count = inner.length >= this.blockLength ? 1 : 2 ** (this.blockLength - inner.length)
    for (let index = first; index < first + count; index += 1) this.#set(index, value)
    return true
  }

  #set(index: number, value: 0 | 1): void {
    this.#used += value - this.#taken[index]!
    this.#taken[index] = value
  }
}
