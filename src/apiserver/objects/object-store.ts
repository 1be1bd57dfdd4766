// Objects over the store: keys, revisions and compare-and-set. Knows resources, not verbs and not HTTP.

import type { ApiObject } from '../../api/object.ts'
import { storageKey, storagePrefix, type ApiResource } from '../../api/registry/resource.ts'
import { serverTimeout } from '../../api/status/status.ts'
import { prefixEnd, type Change, type Compare, type Entry, type RangeResult, type Store, type TxnResult } from '../../store/store.ts'
import { decodeValue, encodeValue, type StoredObject, type StoredValue } from './stored-object.ts'

/** Further conditions and changes that belong to one write, such as the IPAddress of a Service's cluster IP. */
export type WriteParts = Readonly<{
  compares: readonly Compare[]
  changes: readonly Change[]
  /** Changes whose values must be those of the moment at which the transaction is submitted. */
  lateChanges?: () => readonly Change[]
  /** Called exactly once for parts that were made, whether or not they ever reached the store. */
  settle?: (outcome: 'committed' | 'failed') => void
}>

export const NO_PARTS: WriteParts = { compares: [], changes: [] }

export const joinParts = (a: WriteParts, b: WriteParts | undefined): WriteParts => (b === undefined ? a : {
  compares: [...a.compares, ...b.compares],
  changes: [...a.changes, ...b.changes],
  lateChanges: () => [...(a.lateChanges?.() ?? []), ...(b.lateChanges?.() ?? [])],
  settle: outcome => { a.settle?.(outcome); b.settle?.(outcome) },
})

/** What to do with an object that was read: `delete` removes it, showing `object` as its last state. */
export type UpdatePlan =
  | Readonly<{ kind: 'put'; object: ApiObject; parts?: WriteParts; ttlSeconds?: number }>
  | Readonly<{ kind: 'delete'; object: ApiObject; parts?: WriteParts }>
  | Readonly<{ kind: 'unchanged' }>

/** What a client of a write is shown, with the stored form of it where there is one (a dry run and a delete have none). */
export type Written = Readonly<{ object: ApiObject; stored?: StoredValue }>

export type UpdateOutcome = Written & Readonly<{ kind: UpdatePlan['kind'] }>

export type InsertOutcome =
  | (Written & Readonly<{ kind: 'inserted' }>)
  | Readonly<{ kind: 'exists'; existing: ApiObject }>
  /** One of the parts' compares failed: what they rested on has changed. */
  | Readonly<{ kind: 'parts-conflict' }>

/** Lost races after which a write gives up with 500 ServerTimeout (the client may try again). */
const MAX_TRIES = 50

type Options = Readonly<{ signal: AbortSignal }>
type ObjectName = Readonly<{ namespace: string; name: string }>

export class ObjectStore {
  readonly store: Store
  /** In front of every key: "/registry". */
  readonly #root: string

  constructor(store: Store, root: string) {
    this.store = store
    this.#root = root
  }

  key(resource: ApiResource, { namespace, name }: ObjectName): string {
    return `${this.#root}${storageKey(resource, namespace, name)}`
  }

  /** The prefix of all keys of a resource, or of those in one namespace ("" = all). */
  prefix(resource: ApiResource, namespace: string): string {
    return `${this.#root}${storagePrefix(resource, namespace)}`
  }

  async read(resource: ApiResource, name: ObjectName, options: Options): Promise<StoredObject | undefined> {
    const entry = await this.readEntry(resource, name, options)
    return entry === undefined ? undefined : { object: decodeValue(resource, entry), entry }
  }

  async readEntry(resource: ApiResource, name: ObjectName, options: Options): Promise<Entry | undefined> {
    return this.store.get(this.key(resource, name), options)
  }

  /** One page of a collection in key order; `afterKey` is the last key of the page before. */
  async page(
    resource: ApiResource, namespace: string, query: Readonly<{ afterKey?: string; limit: number; revision?: number }>, options: Options,
  ): Promise<RangeResult> {
    const prefix = this.prefix(resource, namespace)
    return this.store.range({
      start: query.afterKey === undefined ? prefix : `${query.afterKey}\0`, end: prefixEnd(prefix), limit: query.limit,
      ...(query.revision === undefined ? {} : { revision: query.revision }),
    }, options)
  }

  /** Stores a new object; its metadata gets the resourceVersion. */
  async insert(resource: ApiResource, object: ApiObject, extra: Readonly<{ parts: WriteParts; ttlSeconds?: number }>, options: Options): Promise<InsertOutcome> {
    const key = this.key(resource, nameOf(object))
    const value = encodeValue(resource, object)
    const put: Change = { kind: 'put', key, value, ...(extra.ttlSeconds === undefined ? {} : { ttlSeconds: extra.ttlSeconds }) }
    const result = await this.#commit({ key, modRevision: 0 }, put, extra.parts, options)
    if (!result.ok) {
      const existing = result.current[0]
      return existing === undefined ? { kind: 'parts-conflict' } : { kind: 'exists', existing: decodeValue(resource, existing) }
    }
    return { kind: 'inserted', object: withRevision(object, result.revision), stored: { value, modRevision: result.revision } }
  }

  /**
   * Reads, lets `plan` decide, writes if nothing changed in between; otherwise again with the newer state.
   * `plan` throws to refuse, for one when the client stated another resourceVersion. Undefined: there is no such object.
   */
  async update(
    resource: ApiResource, name: ObjectName, plan: (old: ApiObject, entry: Entry) => Promise<UpdatePlan> | UpdatePlan, options: Options,
  ): Promise<UpdateOutcome | undefined> {
    const key = this.key(resource, name)
    let entry = await this.store.get(key, options)
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      if (entry === undefined) return undefined
      const old = decodeValue(resource, entry)
      const planned = await plan(old, entry)
      if (planned.kind === 'unchanged') return { kind: 'unchanged', object: old, stored: entry }
      const parts = planned.parts ?? NO_PARTS
      const change: Change = planned.kind === 'delete' ? { kind: 'delete', key }
        : { kind: 'put', key, value: encodeValue(resource, planned.object), ...(planned.ttlSeconds === undefined ? {} : { ttlSeconds: planned.ttlSeconds }) }
      const result = await this.#commit({ key, modRevision: entry.modRevision }, change, parts, options)
      if (result.ok) {
        const stored = change.kind === 'put' ? { stored: { value: change.value, modRevision: result.revision } } : {}
        return { kind: planned.kind, object: withRevision(planned.object, result.revision), ...stored }
      }
      entry = result.current[0]
    }
    throw serverTimeout(resource, 'update', 1)
  }

  async #commit(compare: Compare, change: Change, parts: WriteParts, options: Options): Promise<TxnResult> {
    let outcome: 'committed' | 'failed' = 'failed'
    try {
      const result = await this.store.commit({
        compares: [compare, ...parts.compares], changes: [change, ...parts.changes, ...(parts.lateChanges?.() ?? [])],
      }, options)
      if (result.ok) outcome = 'committed'
      return result
    } finally {
      parts.settle?.(outcome)
    }
  }
}

export const nameOf = (object: ApiObject): ObjectName => ({ namespace: object.metadata.namespace ?? '', name: object.metadata.name ?? '' })

const withRevision = (object: ApiObject, revision: number): ApiObject =>
  ({ ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } })
