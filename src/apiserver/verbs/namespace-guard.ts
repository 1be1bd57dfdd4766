// Nothing may be created in a namespace that is missing or going away. The guard joins the create's own transaction,
// so that a namespace that begins to go meanwhile makes the create fail rather than leave an orphan.

import { forbiddenRequest, notFoundObject } from '../../api/status/status.ts'
import type { ApiResource } from '../../api/registry/resource.ts'
import type { ApiObject } from '../../api/object.ts'
import { NO_PARTS, type ObjectStore, type WriteParts } from '../objects/object-store.ts'
import { decodeValue } from '../objects/stored-object.ts'

const NAMESPACES = { group: '', plural: 'namespaces' } as const

export class NamespaceGuard {
  readonly #objects: ObjectStore
  /** The resource of namespaces themselves. */
  readonly #namespaces: ApiResource
  /** Revisions at which namespaces were found to be there to stay: their values need not be parsed for every create. */
  readonly #staying = new Map<string, number>()

  constructor(objects: ObjectStore, namespaces: ApiResource) {
    this.#objects = objects
    this.#namespaces = namespaces
  }

  /** Throws 404 or 403; otherwise answers the condition under which the create stays allowed. */
  async check(resource: ApiResource, object: ApiObject, signal: AbortSignal): Promise<WriteParts> {
    if (!resource.namespaced) return NO_PARTS
    const name = object.metadata.namespace!
    const entry = await this.#objects.readEntry(this.#namespaces, { namespace: '', name }, { signal })
    if (entry === undefined) {
      this.#staying.delete(name)
      throw notFoundObject(NAMESPACES, name)
    }
    if (this.#staying.get(name) !== entry.modRevision) {
      const { metadata, status } = decodeValue(this.#namespaces, entry) as ApiObject & { status?: { phase?: string } }
      if (metadata.deletionTimestamp !== undefined || status?.phase === 'Terminating') {
        throw forbiddenRequest(resource, object.metadata.name ?? '', `unable to create new content in namespace ${name} because it is being terminated`,
          [{ reason: 'NamespaceTerminating', message: `namespace ${name} is being terminated`, field: 'metadata.namespace' }])
      }
      this.#staying.set(name, entry.modRevision)
    }
    return { compares: [{ key: entry.key, modRevision: entry.modRevision }], changes: [] }
  }
}
