// Prefixes that do not overlap each other, each with its owner: finds an overlap in logarithmic time.

import { overlaps, type Prefix } from '../../net/ip/prefix.ts'

type Claimed<T> = Readonly<{ prefix: Prefix; owner: T }>

export class ClaimedPrefixes<T> {
  /** In order of network; one family only. */
  readonly #sorted: Claimed<T>[] = []

  /** The owner of a prefix that overlaps, or undefined. */
  ownerOverlapping(prefix: Prefix): T | undefined {
    const at = this.#placeOf(prefix)
    // Of disjoint prefixes only the neighbours in order can overlap: the one that begins before may reach in, the next may begin inside.
    return [this.#sorted[at - 1], this.#sorted[at]].find(candidate => candidate !== undefined && overlaps(candidate.prefix, prefix))?.owner
  }

  /** `prefix` must overlap none that is here. */
  add(prefix: Prefix, owner: T): void {
    this.#sorted.splice(this.#placeOf(prefix), 0, { prefix, owner })
  }

  /** Index of the first that does not begin before `prefix`. */
  #placeOf(prefix: Prefix): number {
    let [low, high] = [0, this.#sorted.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#sorted[middle]!.prefix.network < prefix.network) low = middle + 1
      else high = middle
    }
    return low
  }
}
