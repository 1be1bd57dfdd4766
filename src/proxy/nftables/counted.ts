// Things that several owners ask for and that are there as long as one of them does.

/** Answers, per change of owners, which things came into being and which ceased to be. */
export class Counted<T> {
  readonly #items = new Map<string, { item: T; owners: number }>()

  /** One owner more. */
  retain(id: string, item: T): void {
    const entry = this.#items.get(id)
    if (entry === undefined) this.#items.set(id, { item, owners: 1 })
    else entry.owners += 1
  }

  /** Releases and retains at once, so that what moves from one owner to another stays. */
  update(release: readonly (readonly [string, T])[], retain: readonly (readonly [string, T])[]): Readonly<{ gone: readonly T[]; came: readonly T[] }> {
    const touched = new Map<string, { item: T; before: number }>()
    const touch = (id: string, item: T, difference: 1 | -1): void => {
      const entry = this.#items.get(id) ?? { item, owners: 0 }
      if (!touched.has(id)) touched.set(id, { item, before: entry.owners })
      entry.owners += difference
      this.#items.set(id, entry)
    }
    for (const [id, item] of retain) touch(id, item, 1)
    for (const [id, item] of release) touch(id, item, -1)
    const gone: T[] = []
    const came: T[] = []
    for (const [id, { item, before }] of touched) {
      const owners = this.#items.get(id)!.owners
      if (owners === 0) this.#items.delete(id)
      if (before > 0 && owners === 0) gone.push(item)
      if (before === 0 && owners > 0) came.push(item)
    }
    return { gone, came }
  }

  *values(): Generator<T> {
    for (const { item } of this.#items.values()) yield item
  }

  has(id: string): boolean {
    return this.#items.has(id)
  }
}
