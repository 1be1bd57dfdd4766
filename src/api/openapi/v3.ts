// OpenAPI v3 documents, one per group version: which requests there are and which parameters and bodies they take.
// kubectl looks here whether a PATCH takes `fieldValidation` and strategic merge patches.

import type { JsonObject } from '../object.ts'
import type { ResourceIndex } from '../registry/resource-index.ts'
import { formatGroupVersion, type ApiResource } from '../registry/resource.ts'

type GroupVersion = Readonly<{ group: string; version: string }>

const WRITE_PARAMETERS = ['dryRun', 'fieldManager', 'fieldValidation'] as const
const PATCH_TYPES = ['application/apply-patch+yaml', 'application/json-patch+json', 'application/merge-patch+json', 'application/strategic-merge-patch+json'] as const

/** The document of one group version. */
export function openApiV3Document(index: ResourceIndex, { group, version }: GroupVersion): JsonObject {
  const paths: JsonObject = {}
  for (const resource of index.resources) {
    if (resource.group !== group || resource.version !== version) continue
    const root = `${group === '' ? '/api' : '/apis'}/${formatGroupVersion({ group, version })}${resource.namespaced ? '/namespaces/{namespace}' : ''}/${resource.plural}`
    paths[root] = operations(resource, { get: 'list', post: 'create' })
    paths[`${root}/{name}`] = operations(resource, { get: 'get', put: 'update', patch: 'patch', delete: 'delete' })
  }
  return { openapi: '3.0.0', info: { title: 'Kubernetes', version: 'v1.36.0' }, paths, components: { schemas: {} } }
}

function operations(resource: ApiResource, verbs: Readonly<Record<string, string>>): JsonObject {
  const found: JsonObject = {}
  for (const [method, verb] of Object.entries(verbs)) {
    if (!(resource.verbs as readonly string[]).includes(verb)) continue
    const writes = verb === 'create' || verb === 'update' || verb === 'patch'
    found[method] = {
      'x-kubernetes-action': verb === 'create' ? 'post' : verb === 'update' ? 'put' : verb,
      'x-kubernetes-group-version-kind': { group: resource.group, version: resource.version, kind: resource.kind },
      parameters: (writes ? [...WRITE_PARAMETERS, ...(verb === 'patch' ? ['force'] : [])] : []).map(name =>
        ({ name, in: 'query', schema: { type: name === 'force' ? 'boolean' : 'string', uniqueItems: true } })),
      ...(verb === 'patch' ? { requestBody: { content: patchContent(resource) } } : {}),
      responses: { 200: { description: 'OK' } },
    }
  }
  return found
}

const patchContent = (resource: ApiResource): JsonObject => Object.fromEntries(
  PATCH_TYPES.filter(type => !resource.custom || !type.includes('strategic')).map(type => [type, { schema: { type: 'object' } }]))
