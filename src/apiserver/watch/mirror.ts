// A resource's objects kept decoded in memory, for those parts of the server that ask all the time (RBAC, …).

import type { ApiObject } from '../../api/object.ts'
import type { ApiResource } from '../../api/registry/resource.ts'
import { prefixEnd } from '../../store/store.ts'
import type { ObjectStore } from '../objects/object-store.ts'
import { decodeValue } from '../objects/stored-object.ts'
import type { WatchEvent, WatchHub } from './hub.ts'

export class Mirror implements Disposable {
  readonly #objects = new Map<string, ApiObject>()
  readonly #resource: ApiResource
  readonly #prefixLength: number
  readonly #onChange: (() => void) | undefined
  readonly #reload: () => Promise<void>
  #unsubscribe: () => void = () => undefined

  /** Reads what is there and follows it from then on. `onChange` is called after each change. */
  static async open(options: Readonly<{
    objects: ObjectStore
    hub: WatchHub
    resource: ApiResource
    onChange?: () => void
    signal: AbortSignal
  }>): Promise<Mirror> {
    const { objects, hub, resource, signal } = options
    const prefix = objects.prefix(resource, '')
    const mirror: Mirror = new Mirror(resource, prefix, options.onChange, async () => mirror.#load(objects, hub, prefix, signal))
    await mirror.#reload()
    return mirror
  }

  private constructor(resource: ApiResource, prefix: string, onChange: (() => void) | undefined, reload: () => Promise<void>) {
    this.#resource = resource
    this.#prefixLength = prefix.length
    this.#onChange = onChange
    this.#reload = reload
  }

  /** `name` is "namespace/name", or the name of a cluster-scoped object. */
  get(name: string): ApiObject | undefined {
    return this.#objects.get(name)
  }

  values(): IterableIterator<ApiObject> {
    return this.#objects.values()
  }

  [Symbol.dispose](): void {
    this.#unsubscribe()
  }

  async #load(objects: ObjectStore, hub: WatchHub, prefix: string, signal: AbortSignal): Promise<void> {
    this.#unsubscribe()
    await hub.reached(await objects.store.revision({ signal }), signal)
    let waiting: WatchEvent[] | undefined = []
    const revision = hub.revision
    this.#unsubscribe = hub.subscribe({
      prefix,
      deliver: event => { if (waiting === undefined) this.#take(event); else waiting.push(event) },
      broken: () => void this.#reload().catch(() => undefined),
    })
    const { entries } = await objects.store.range({ start: prefix, end: prefixEnd(prefix), revision }, { signal })
    this.#objects.clear()
    for (const entry of entries) this.#objects.set(entry.key.slice(this.#prefixLength), decodeValue(this.#resource, entry))
    const missed = waiting
    waiting = undefined
    for (const event of missed) this.#take(event)
    this.#onChange?.()
  }

  #take(event: WatchEvent): void {
    const name = event.key.slice(this.#prefixLength)
    const object = event.object(this.#resource)
    if (object === undefined) this.#objects.delete(name)
    else this.#objects.set(name, object)
    this.#onChange?.()
  }
}
