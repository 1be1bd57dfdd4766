// An object of the API on its way from an informer to the trackers. What they need is read out of it at once, and given
// to them when the list that it belongs to is complete; nothing else of it is kept. Half a million endpoints would weigh
// ten times as much as objects of the API.

import type { Cacheable, KubeObject, Stored } from '../client/objects.ts'

export class Parcel<R> implements Cacheable {
  readonly metadata: Cacheable['metadata']
  #readings: readonly R[]

  /** `readings`: one per tracker. */
  constructor({ metadata }: Stored<KubeObject>, readings: readonly R[]) {
    const { name, namespace, uid, resourceVersion } = metadata
    this.metadata = { name, ...(namespace === undefined ? {} : { namespace }), uid, resourceVersion }
    this.#readings = readings
  }

  /** The readings, the first time; none afterwards. */
  open(): readonly R[] {
    const readings = this.#readings
    this.#readings = OPENED
    return readings
  }
}

const OPENED: readonly never[] = []
