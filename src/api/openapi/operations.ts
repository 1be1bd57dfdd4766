// The requests that a resource takes, version by version of OpenAPI.

import { typeOfKind } from '../schema/types.ts'
import { formatGroupVersion, type ApiResource, type GroupVersionKind, type Verb } from '../registry/resource.ts'

export type Operation = Readonly<{
  /** Path with parameters in braces. */
  path: string
  method: 'get' | 'post' | 'put' | 'patch' | 'delete'
  /** The name that `x-kubernetes-action` has. */
  action: string
  id: string
  kind: GroupVersionKind
  /** Names of path parameters, in order. */
  pathParameters: readonly string[]
  queryParameters: readonly QueryParameter[]
  /** Media types of the body, none for requests without one. */
  consumes: readonly string[]
  description: string
}>

export type QueryParameter = Readonly<{ name: string; type: 'string' | 'boolean' | 'integer' }>

export const PATCH_TYPES = ['application/apply-patch+yaml', 'application/json-patch+json', 'application/merge-patch+json', 'application/strategic-merge-patch+json'] as const
const text = (...names: readonly string[]): readonly QueryParameter[] => names.map(name => ({ name, type: 'string' }))
const WRITE = text('dryRun', 'fieldManager', 'fieldValidation')
const LIST: readonly QueryParameter[] = [
  { name: 'allowWatchBookmarks', type: 'boolean' }, ...text('continue', 'fieldSelector', 'labelSelector'), { name: 'limit', type: 'integer' },
  ...text('resourceVersion', 'resourceVersionMatch'), { name: 'sendInitialEvents', type: 'boolean' }, { name: 'timeoutSeconds', type: 'integer' }, { name: 'watch', type: 'boolean' },
]
const DELETE: readonly QueryParameter[] = [
  ...text('dryRun'), { name: 'gracePeriodSeconds', type: 'integer' }, { name: 'orphanDependents', type: 'boolean' }, ...text('propagationPolicy'),
]

type Shape = Readonly<{ verb: Verb; method: Operation['method']; action: string; query: readonly QueryParameter[]; body: 'none' | 'any' | 'patch' }>

const COLLECTION: readonly Shape[] = [
  { verb: 'list', method: 'get', action: 'list', query: LIST, body: 'none' },
  { verb: 'create', method: 'post', action: 'post', query: WRITE, body: 'any' },
  { verb: 'deletecollection', method: 'delete', action: 'deletecollection', query: [...LIST, ...DELETE], body: 'any' },
]
const OBJECT: readonly Shape[] = [
  { verb: 'get', method: 'get', action: 'get', query: [], body: 'none' },
  { verb: 'update', method: 'put', action: 'put', query: WRITE, body: 'any' },
  { verb: 'patch', method: 'patch', action: 'patch', query: [...WRITE, { name: 'force', type: 'boolean' }], body: 'patch' },
  { verb: 'delete', method: 'delete', action: 'delete', query: DELETE, body: 'any' },
]
const SUB_CREATE: Shape = { verb: 'create', method: 'post', action: 'post', query: WRITE, body: 'any' }

/** Every request of a resource and its sub-resources. */
export function operationsOf(resource: ApiResource): readonly Operation[] {
  const root = `${resource.group === '' ? '/api' : '/apis'}/${formatGroupVersion(resource)}${resource.namespaced ? '/namespaces/{namespace}' : ''}/${resource.plural}`
  const scope = resource.namespaced ? ['namespace'] : []
  const found: Operation[] = []
  const add = (shapes: readonly Shape[], path: string, pathParameters: readonly string[], about: Readonly<{ verbs: readonly Verb[]; kind: GroupVersionKind; suffix: string }>): void => {
    for (const { verb, method, action, query, body } of shapes) {
      if (!about.verbs.includes(verb)) continue
      found.push({
        path, method, action, id: operationId(action, resource, about.suffix), kind: about.kind, pathParameters, queryParameters: query,
        consumes: body === 'none' ? [] : body === 'any' ? ['*/*'] : PATCH_TYPES.filter(type => !resource.custom || !type.includes('strategic')),
        description: `${action} ${about.suffix === '' ? '' : `${about.suffix.toLowerCase()} of `}${resource.plural}`,
      })
    }
  }
  const own = { verbs: resource.verbs, kind: { group: resource.group, version: resource.version, kind: resource.kind }, suffix: '' }
  add(COLLECTION, root, scope, own)
  add(OBJECT, `${root}/{name}`, ['name', ...scope], own)
  for (const { name, kind, verbs } of resource.subresources) {
    // Options of connections (PodExecOptions, …) travel as query parameters and have no schema.
    if (!resource.custom && typeOfKind(kind) === undefined) continue
    add([SUB_CREATE, ...OBJECT], `${root}/{name}/${name}`, ['name', ...scope], { verbs, kind, suffix: name[0]!.toUpperCase() + name.slice(1) })
  }
  return found
}

const VERB_NAMES: Readonly<Record<string, string>> = { get: 'read', list: 'list', post: 'create', put: 'replace', patch: 'patch', delete: 'delete', deletecollection: 'deleteCollection' }

function operationId(action: string, { group, version, namespaced, kind }: ApiResource, suffix: string): string {
  const groupName = (group === '' ? 'Core' : group.split('.')[0]!.replace(/^./, first => first.toUpperCase())) + version.replace(/^./, first => first.toUpperCase())
  return `${VERB_NAMES[action]}${groupName}${namespaced ? 'Namespaced' : ''}${kind}${suffix}`
}
