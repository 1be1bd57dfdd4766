// A live, indexed copy of a resource, and word of every change to it.

import { systemClock, type Clock } from '../../ops/clock.ts'
import type { Logger } from '../../ops/log.ts'
import type { ApiClient, Selection } from '../api-client.ts'
import { keyOf, type Cacheable, type KubeObject, type Stored } from '../objects.ts'
import { resourceName, type Resource } from '../resources.ts'
import { ObjectCache, type Change, type IndexFunction, type ReadCache } from './object-cache.ts'
import { runReflector, type ReflectorSink, type ReflectorTiming } from './reflector.ts'

export type InformerOptions<T extends KubeObject, C extends Cacheable> = Selection & Readonly<{
  client: ApiClient
  resource: Resource<T>
  /** Keeps of an object only what its readers need; the default drops `managedFields`. Must not change `metadata`'s name, namespace, uid and resourceVersion. */
  transform?: (object: Stored<T>) => C
  indexes?: Readonly<Record<string, IndexFunction<C>>>
  log: Logger
  clock?: Clock
  random?: () => number
  timing?: Partial<ReflectorTiming>
  streamingList?: boolean
  /** Ends the informer. */
  signal: AbortSignal
}>

export interface Informer<C extends Cacheable> {
  readonly cache: ReadCache<C>
  /** Resolves when the first list is in the cache; rejects with the signal's reason when stopped before. */
  readonly synced: Promise<void>
  readonly hasSynced: boolean
  /** Resolves when the informer has stopped. */
  readonly stopped: Promise<void>
  /**
   * Calls back for every change, after the cache has it, in the server's order. Objects known already are told as
   * added at once. What a callback throws is logged and goes no further. Answers how to unsubscribe.
   */
  onChange(listener: (change: Change<C>) => void): () => void
}

export function startInformer<T extends KubeObject>(options: InformerOptions<T, Stored<T>> & { transform?: never }): Informer<Stored<T>>
export function startInformer<T extends KubeObject, C extends Cacheable>(options: InformerOptions<T, C> & { transform: (object: Stored<T>) => C }): Informer<C>
export function startInformer<T extends KubeObject, C extends Cacheable>(options: InformerOptions<T, C>): Informer<C> {
  return new RunningInformer(options)
}

/** The default transform: field ownership is half of many objects' size and no daemon reads it. */
export function withoutManagedFields<T extends KubeObject>(object: Stored<T>): Stored<T> {
  delete object.metadata.managedFields
  return object
}

class RunningInformer<T extends KubeObject, C extends Cacheable> implements Informer<C>, ReflectorSink<T> {
  readonly cache: ObjectCache<C>
  readonly synced: Promise<void>
  readonly stopped: Promise<void>
  hasSynced = false
  readonly #transform: (object: Stored<T>) => C
  readonly #listeners = new Set<(change: Change<C>) => void>()
  readonly #log: Logger
  readonly #markSynced: () => void
  #collected = new Map<string, C>()

  constructor(options: InformerOptions<T, C>) {
    const { client, resource, namespace, labelSelector, fieldSelector, signal } = options
    this.#transform = options.transform ?? (withoutManagedFields as unknown as (object: Stored<T>) => C)
    this.#log = options.log.child({ component: 'informer', resource: resourceName(resource) })
    this.cache = new ObjectCache(options.indexes)
    const synced = Promise.withResolvers<void>()
    this.synced = synced.promise
    this.#markSynced = synced.resolve
    // Who awaits `synced` sees the rejection; who does not is not brought down by it.
    this.synced.catch(() => {})
    this.stopped = runReflector({
      client, resource, signal, sink: this,
      selection: { namespace, labelSelector, fieldSelector },
      clock: options.clock ?? systemClock,
      random: options.random ?? Math.random,
      ...(options.timing !== undefined && { timing: options.timing }),
      ...(options.streamingList !== undefined && { streamingList: options.streamingList }),
    }).then(() => synced.reject(signal.reason))
  }

  onChange(listener: (change: Change<C>) => void): () => void {
    if (this.hasSynced) for (const object of this.cache.values()) this.#tell(listener, { type: 'added', key: keyOf(object), object })
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  begin(): void {
    this.#collected = new Map()
  }

  collect(object: Stored<T>): void {
    const kept = this.#transform(object)
    this.#collected.set(keyOf(kept), kept)
  }

  commit(): void {
    const all = this.#collected
    this.#collected = new Map()
    for (const key of [...this.cache.keys()]) if (!all.has(key)) this.#announce(this.cache.remove(key, { missed: true }))
    for (const object of all.values()) this.#announce(this.cache.put(object))
    if (this.hasSynced) return
    this.hasSynced = true
    this.#markSynced()
  }

  put(object: Stored<T>): void {
    this.#announce(this.cache.put(this.#transform(object)))
  }

  remove(object: Stored<T>): void {
    const last = this.#transform(object)
    this.#announce(this.cache.remove(keyOf(last), { missed: false, last }))
  }

  #announce(changes: readonly Change<C>[]): void {
    for (const change of changes) for (const listener of this.#listeners) this.#tell(listener, change)
  }

  #tell(listener: (change: Change<C>) => void, change: Change<C>): void {
    try {
      listener(change)
    } catch (err) {
      this.#log.error({ err, object: change.key, change: change.type }, 'a change listener failed')
    }
  }
}
