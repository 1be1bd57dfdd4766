// A new namespace comes with its service account `default`, in one transaction: a pod created right after the
// namespace is not refused for want of an account, which upstream's controller makes a moment later.

import { randomUUID } from 'node:crypto'
import type { Draft } from '../../api/object.ts'
import { beginCreate } from '../../api/registry/write.ts'
import { DEFAULT_SERVICE_ACCOUNT } from '../../api/strategies/pod/admission.ts'
import type { Catalog } from '../catalog.ts'
import { NO_PARTS, type ObjectStore, type WriteParts } from '../objects/object-store.ts'
import { encodeValue } from '../objects/stored-object.ts'
import type { AdmissionContext, AdmissionPlugin } from '../verbs/admission.ts'

export class NamespaceAdmission implements AdmissionPlugin {
  readonly #objects: ObjectStore
  readonly #catalog: Catalog

  constructor({ objects, catalog }: Readonly<{ objects: ObjectStore; catalog: Catalog }>) {
    this.#objects = objects
    this.#catalog = catalog
  }

  async create(draft: Draft, context: AdmissionContext): Promise<WriteParts> {
    const resource = this.#catalog.builtin('', 'serviceaccounts')
    const namespace = draft.metadata.name!
    const account: Draft = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: DEFAULT_SERVICE_ACCOUNT, namespace } }
    const key = this.#objects.key(resource, { namespace, name: DEFAULT_SERVICE_ACCOUNT })
    // What a namespace of the same name left behind stays as it is.
    if (await this.#objects.store.get(key, context) !== undefined) return NO_PARTS
    beginCreate({ resource, strategy: this.#catalog.strategy(resource) }, account, { namespace, name: '' }, { ...context, uid: randomUUID() })
    return { compares: [], changes: [{ kind: 'put', key, value: encodeValue(resource, account) }] }
  }
}
