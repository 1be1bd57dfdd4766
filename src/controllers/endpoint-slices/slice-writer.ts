// Writes a plan of slices, and remembers what was written until the watch shows it.

import { isConflict, isNotFound } from '../../client/errors.ts'
import type { ApiClient } from '../../client/api-client.ts'
import type { Change, ReadCache } from '../../client/informer/object-cache.ts'
import { keyOf, refKey, type Stored } from '../../client/objects.ts'
import { OwnWrites } from '../../client/own-writes.ts'
import { ENDPOINT_SLICES, type Resource } from '../../client/resources.ts'
import type { Clock } from '../../ops/clock.ts'
import { BY_SERVICE } from '../shared-informers.ts'
import { MANAGED_BY_LABEL, SERVICE_NAME_LABEL, type EndpointSlice, type SlicePlan } from './plan-slices.ts'

/** The same resource; the type knows the node hints. */
export const SLICES: Resource<EndpointSlice> = ENDPOINT_SLICES as unknown as Resource<EndpointSlice>

/** The slices of one manager ("endpointslice.kubernetes.io/managed-by"). */
export class SliceWriter {
  readonly #client: ApiClient
  readonly #cache: ReadCache<Stored<EndpointSlice>>
  readonly #managedBy: string
  readonly #ownWrites: OwnWrites<Stored<EndpointSlice>>

  constructor(options: Readonly<{ client: ApiClient; cache: ReadCache<Stored<EndpointSlice>>; clock: Clock; managedBy: string }>) {
    this.#client = options.client
    this.#cache = options.cache
    this.#managedBy = options.managedBy
    this.#ownWrites = new OwnWrites(options.clock)
  }

  /** To be called for every change of slices. Answers the Service ("namespace/name") that should be looked at, if any. */
  observe(change: Change<Stored<EndpointSlice>>): string | undefined {
    this.#ownWrites.observe(change)
    const before = change.type === 'modified' ? change.previous : change.object
    const ours = [before, change.object].find(slice => slice.metadata.labels?.[MANAGED_BY_LABEL] === this.#managedBy)
    const service = ours?.metadata.labels?.[SERVICE_NAME_LABEL]
    return service === undefined ? undefined : refKey({ namespace: change.object.metadata.namespace, name: service })
  }

  /** Our slices of the Service, our own latest writes included. */
  slicesOf(service: string): Stored<EndpointSlice>[] {
    const isOurs = (slice: Stored<EndpointSlice>): boolean =>
      slice.metadata.labels?.[MANAGED_BY_LABEL] === this.#managedBy &&
      refKey({ namespace: slice.metadata.namespace, name: slice.metadata.labels[SERVICE_NAME_LABEL] ?? '' }) === service
    return this.#ownWrites.over(this.#cache.byIndex(BY_SERVICE, service), isOurs).filter(slice => isOurs(slice) && slice.metadata.deletionTimestamp === undefined)
  }

  /** Additions before removals, so that no endpoint is missing in between. */
  async apply(plan: SlicePlan, signal: AbortSignal): Promise<void> {
    for (const slice of plan.create) this.#ownWrites.wrote(await this.#client.create(SLICES, slice, { signal }))
    for (const slice of plan.update) {
      await this.#orForget(slice, async () => this.#ownWrites.wrote(await this.#client.update(SLICES, slice, { signal })))
    }
    for (const slice of plan.delete) {
      await this.#orForget(slice, async () => {
        await this.#client.delete(SLICES, slice.metadata, { signal, preconditions: { uid: slice.metadata.uid } })
        this.#ownWrites.deleted(slice)
      })
    }
  }

  /** A write that lost a race says that our picture is old: drop it and look again. */
  async #orForget(slice: Stored<EndpointSlice>, write: () => Promise<void>): Promise<void> {
    try {
      await write()
    } catch (error) {
      if (isConflict(error) || isNotFound(error)) this.#ownWrites.forget(keyOf(slice))
      throw error
    }
  }
}
