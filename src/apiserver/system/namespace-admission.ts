// A new namespace comes with its service account `default`, in one transaction: a pod created right after the
// namespace is not refused for want of an account, which upstream's controller makes a moment later.

import { randomUUID } from 'node:crypto'
import type { Draft } from '../../api/object.ts'
import { beginCreate } from '../../api/registry/write.ts'
import { DEFAULT_SERVICE_ACCOUNT } from '../../api/strategies/pod/admission.ts'
import { NO_PARTS } from '../objects/object-store.ts'
import { encodeValue } from '../objects/stored-object.ts'
import type { AdmissionParts, AdmissionPlugin } from '../verbs/admission.ts'

export const namespaceAdmission = ({ objects, catalog }: AdmissionParts): AdmissionPlugin => ({
  create: async (draft, context) => {
    const resource = catalog.builtin('', 'serviceaccounts')
    const namespace = draft.metadata.name!
    const account: Draft = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: DEFAULT_SERVICE_ACCOUNT, namespace } }
    const key = objects.key(resource, { namespace, name: DEFAULT_SERVICE_ACCOUNT })
    // What a namespace of the same name left behind stays as it is.
    if (await objects.store.get(key, context) !== undefined) return NO_PARTS
    beginCreate({ resource, strategy: catalog.strategy(resource) }, account, { namespace, name: '' }, { ...context, uid: randomUUID() })
    return { compares: [], changes: [{ kind: 'put', key, value: encodeValue(resource, account) }] }
  },
})
