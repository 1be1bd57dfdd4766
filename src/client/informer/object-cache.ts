// The objects an informer knows, by key and by index.

import { keyOf, type Cacheable } from '../objects.ts'

/** Values under which an object is found; an object may have none or several. */
export type IndexFunction<C> = (object: C) => readonly string[]

/** What changed in a cache. `object` of a deletion is the last state seen. */
export type Change<C> =
  | Readonly<{ type: 'added'; key: string; object: C }>
  | Readonly<{ type: 'modified'; key: string; object: C; previous: C }>
  /** `missed`: the deletion itself was not seen, so the object may have changed once more before it. */
  | Readonly<{ type: 'deleted'; key: string; object: C; missed: boolean }>

/** Read side, for consumers. Objects are shared: nobody may change them. */
export interface ReadCache<C extends Cacheable> {
  readonly size: number
  get(key: string): C | undefined
  values(): IterableIterator<C>
  keys(): IterableIterator<string>
  /** Objects for which the named index function gave `value`. Throws when there is no such index. */
  byIndex(index: string, value: string): readonly C[]
}

type Index<C> = Readonly<{ valuesOf: IndexFunction<C>; keys: Map<string, Set<string>> }>

export class ObjectCache<C extends Cacheable> implements ReadCache<C> {
  readonly #objects = new Map<string, C>()
  readonly #indexes: ReadonlyMap<string, Index<C>>

  constructor(indexes: Readonly<Record<string, IndexFunction<C>>> = {}) {
    this.#indexes = new Map(Object.entries(indexes).map(([name, valuesOf]) => [name, { valuesOf, keys: new Map() }]))
  }

  get size(): number {
    return this.#objects.size
  }

  get(key: string): C | undefined {
    return this.#objects.get(key)
  }

  values(): IterableIterator<C> {
    return this.#objects.values()
  }

  keys(): IterableIterator<string> {
    return this.#objects.keys()
  }

  byIndex(index: string, value: string): readonly C[] {
    const found = this.#indexes.get(index)
    if (found === undefined) throw new Error(`the cache has no index ${index}`)
    return [...(found.keys.get(value) ?? [])].map(key => this.#objects.get(key)!)
  }

  /**
   * Stores the object. Answers the changes it makes: none when this very version is known already, and a
   * deletion before the addition when the name now belongs to another object (its deletion was missed).
   */
  put(object: C): readonly Change<C>[] {
    const key = keyOf(object)
    const previous = this.#objects.get(key)
    if (previous === undefined) {
      this.#set(key, object)
      return [{ type: 'added', key, object }]
    }
    if (previous.metadata.uid !== object.metadata.uid) {
      return [...this.remove(key, { missed: true }), ...this.put(object)]
    }
    if (previous.metadata.resourceVersion === object.metadata.resourceVersion) return []
    this.#unindex(key, previous)
    this.#set(key, object)
    return [{ type: 'modified', key, object, previous }]
  }

  /** Forgets the object; `last` is its final state where the server told it. */
  remove(key: string, { missed, last }: Readonly<{ missed: boolean; last?: C }>): readonly Change<C>[] {
    const previous = this.#objects.get(key)
    if (previous === undefined) return []
    this.#unindex(key, previous)
    this.#objects.delete(key)
    return [{ type: 'deleted', key, object: last ?? previous, missed }]
  }

  #set(key: string, object: C): void {
    this.#objects.set(key, object)
    for (const { valuesOf, keys } of this.#indexes.values()) {
      for (const value of valuesOf(object)) {
        const known = keys.get(value)
        if (known === undefined) keys.set(value, new Set([key]))
        else known.add(key)
      }
    }
  }

  #unindex(key: string, object: C): void {
    for (const { valuesOf, keys } of this.#indexes.values()) {
      for (const value of valuesOf(object)) {
        const known = keys.get(value)
        known?.delete(key)
        if (known?.size === 0) keys.delete(value)
      }
    }
  }
}
