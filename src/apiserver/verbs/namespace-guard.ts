// Nothing may be created in a namespace that is missing or going away. The guard joins the create's own transaction,
// so that a namespace that begins to go meanwhile makes the create fail rather than leave an orphan.

import { forbiddenRequest, notFoundObject } from '../../api/status/status.ts'
import type { ApiResource } from '../../api/registry/resource.ts'
import type { ApiObject } from '../../api/object.ts'
import type { ObjectStore, WriteParts } from '../objects/object-store.ts'
import { NO_PARTS } from '../objects/object-store.ts'

const NAMESPACES = { group: '', plural: 'namespaces' } as const

/** Throws 404 or 403; otherwise answers the condition under which the create stays allowed. */
export async function guardNamespace(
  objects: ObjectStore, namespaces: ApiResource, target: Readonly<{ resource: ApiResource; object: ApiObject }>, signal: AbortSignal,
): Promise<WriteParts> {
  if (!target.resource.namespaced) return NO_PARTS
  const name = target.object.metadata.namespace!
  const namespace = await objects.read(namespaces, { namespace: '', name }, { signal })
  if (namespace === undefined) throw notFoundObject(NAMESPACES, name)
  const terminating = namespace.object.metadata.deletionTimestamp !== undefined || (namespace.object['status'] as { phase?: string } | undefined)?.phase === 'Terminating'
  if (terminating) {
    throw forbiddenRequest(target.resource, target.object.metadata.name ?? '', `unable to create new content in namespace ${name} because it is being terminated`,
      [{ reason: 'NamespaceTerminating', message: `namespace ${name} is being terminated`, field: 'metadata.namespace' }])
  }
  return { compares: [{ key: namespace.entry.key, modRevision: namespace.entry.modRevision }], changes: [] }
}

