// What every API object has, whatever its kind, and the names by which caches and queues know it.

import type { ObjectMeta, OwnerReference } from 'kubernetes-types/meta/v1.js'
import { flatText } from '../ops/flat-text.ts'

/** Any object that the API can hold. */
export type KubeObject = { apiVersion?: string; kind?: string; metadata?: ObjectMeta }

/** Metadata as the API server hands it out: these fields are always there on a stored object. */
export type StoredMeta = Omit<ObjectMeta, 'name' | 'uid' | 'resourceVersion' | 'creationTimestamp'> & {
  name: string
  uid: string
  resourceVersion: string
  creationTimestamp: string
}

/** An object read from the API server, as opposed to one being composed. */
export type Stored<T extends KubeObject> = T & { metadata: StoredMeta }

/** Names one object of a resource; `namespace` is absent for cluster-scoped ones. */
export type ObjectRef = Readonly<{ name: string; namespace?: string | undefined }>

/** The least a cached object must keep, whatever a transform throws away. */
export type Cacheable = { metadata: { name: string; namespace?: string; uid: string; resourceVersion: string } }

/** "namespace/name", or "name" for a cluster-scoped object: the key of caches and queues. */
export const keyOf = (object: { metadata: ObjectRef }): string => refKey(object.metadata)

/** Like `keyOf`, for a reference. */
export const refKey = (ref: ObjectRef): string =>
  ref.namespace === undefined || ref.namespace === '' ? ref.name : flatText(ref.namespace, '/', ref.name)

/** The inverse of `refKey`. */
export function refOf(key: string): ObjectRef {
  const slash = key.indexOf('/')
  return slash === -1 ? { name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) }
}

/** The owner that manages the object (at most one may have `controller: true`). */
export const controllerOf = (object: { metadata: { ownerReferences?: OwnerReference[] } }): OwnerReference | undefined =>
  object.metadata.ownerReferences?.find(owner => owner.controller === true)
