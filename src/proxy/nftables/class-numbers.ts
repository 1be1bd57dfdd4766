// Numbers of class chains. A service's element holds its class by number and a small map leads from the number to the
// chain, although an element could hold the verdict itself: when a verdict is added, the kernel walks every element of
// every verdict map that a base chain reaches (nft_lookup_validate, net/netfilter/nft_lookup.c). With 44,128 services that
// made each change 9 ms long; now it looks at as many elements as there are classes.
//
// The number travels in the packet's priority, as that of a sticky service port does and for the same reason (class-chain.ts).

/** A range that no program gives its packets: a packet that comes with such a number must not pass for one to a service. */
const FIRST = 0x7765_6601

export class ClassNumbers {
  readonly #numbers = new Map<string, number>()
  readonly #taken = new Set<number>()
  /** What the kernel holds from before: names keep their numbers, and nobody else gets them. */
  readonly #known: ReadonlyMap<string, number>

  constructor(known: ReadonlyMap<string, number>) {
    this.#known = known
    for (const number of known.values()) this.#taken.add(number)
  }

  /** The number of the class whose chain is `name`; a new class gets the lowest one that is free. */
  readonly of = (name: string): number => {
    const present = this.#numbers.get(name)
    if (present !== undefined) return present
    const number = this.#known.get(name) ?? this.#lowestFree()
    this.#numbers.set(name, number)
    this.#taken.add(number)
    return number
  }

  /** To be called when neither an element nor the map of classes holds the number any more. */
  release(name: string): void {
    const number = this.#numbers.get(name)
    if (number === undefined || this.#known.get(name) === number) return
    this.#numbers.delete(name)
    this.#taken.delete(number)
  }

  #lowestFree(): number {
    for (let number = FIRST; ; number += 1) if (!this.#taken.has(number)) return number
  }
}
