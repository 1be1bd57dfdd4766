// An object of the API on its way from an informer to the trackers: it is opened once and not kept, so that the
// informer's cache holds names and versions only. A hundred thousand endpoints would weigh ten times as much twice.

import type { Cacheable, KubeObject, Stored } from '../client/objects.ts'

export class Parcel<T extends KubeObject> implements Cacheable {
  readonly metadata: Cacheable['metadata']
  #content: Stored<T> | undefined

  constructor(object: Stored<T>) {
    const { name, namespace, uid, resourceVersion } = object.metadata
    this.metadata = { name, ...(namespace === undefined ? {} : { namespace }), uid, resourceVersion }
    this.#content = object
  }

  /** The object, the first time; undefined afterwards. */
  open(): Stored<T> | undefined {
    const content = this.#content
    this.#content = undefined
    return content
  }
}
