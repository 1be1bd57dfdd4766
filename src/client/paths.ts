// URL paths and queries of the API (API server specification 2.1 and 4.1). Pure.

import { InputError } from '../ops/errors.ts'
import type { ObjectRef } from './objects.ts'
import type { Resource } from './resources.ts'

export type Query = Readonly<Record<string, string | number | boolean | undefined>>

/** "/api/v1/namespaces/default/pods": of one namespace, or of all when `namespace` is absent. */
export function collectionPath(resource: Resource, namespace: string | undefined): string {
  const root = resource.group === '' ? `/api/${resource.version}` : `/apis/${resource.group}/${resource.version}`
  const scope = resource.namespaced && namespace !== undefined ? `/namespaces/${segment(namespace, 'namespace')}` : ''
  return `${root}${scope}/${resource.plural}`
}

/** Path of one object, or of a subresource of it. */
export function objectPath(resource: Resource, ref: ObjectRef, subresource?: string): string {
  if (resource.namespaced && !ref.namespace) throw new InputError('metadata.namespace', ref.namespace ?? '', `is required for ${resource.plural}`)
  const object = `${collectionPath(resource, resource.namespaced ? ref.namespace : undefined)}/${segment(ref.name, 'metadata.name')}`
  return subresource === undefined ? object : `${object}/${subresource}`
}

/** Appends the set parameters. */
export function withQuery(path: string, query: Query): string {
  const set = Object.entries(query).filter((entry): entry is [string, string | number | boolean] => entry[1] !== undefined)
  if (set.length === 0) return path
  return `${path}?${new URLSearchParams(set.map(([name, value]): [string, string] => [name, String(value)]))}`
}

/** A name as a path segment. Dots alone would climb out of the collection. */
function segment(name: string, field: string): string {
  if (name === '' || name === '.' || name === '..' || name.includes('/')) throw new InputError(field, name, 'cannot be a name in a URL path')
  return encodeURIComponent(name)
}
