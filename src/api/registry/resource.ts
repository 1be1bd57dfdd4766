// What the server knows about a resource before it has seen an object of it.

import type { ApiObject } from '../object.ts'

export const VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'] as const
export type Verb = (typeof VERBS)[number]

/**
 * How deep a resource is served. `full`: defaults, validation, tables, field selectors. `generic`: stored and
 * watched as it comes, under the metadata rules. `virtual`: answered, never stored.
 */
export type Depth = 'full' | 'generic' | 'virtual'

export type GroupVersionKind = Readonly<{ group: string; version: string; kind: string }>

export type Subresource = Readonly<{
  /** "status", "scale", "binding", … */
  name: string
  /** The kind that its body and answer have; often another group's (autoscaling/v1 Scale). */
  kind: GroupVersionKind
  verbs: readonly Verb[]
}>

export type ApiResource = Readonly<{
  group: string
  version: string
  plural: string
  singular: string
  kind: string
  listKind: string
  namespaced: boolean
  shortNames: readonly string[]
  categories: readonly string[]
  /** Alphabetical. */
  verbs: readonly Verb[]
  subresources: readonly Subresource[]
  depth: Depth
  storage: Readonly<{
    /** Key prefix below the store's root, with both slashes: "/services/specs/". Keys: prefix + [namespace "/"] + name. */
    prefix: string
    /** The version that values are written in; differs from group and version for HPA v1 and events.k8s.io. */
    kind: GroupVersionKind
  }>
  /** True for resources made by a CustomResourceDefinition. */
  custom: boolean
  /** Custom ones only: takes away, in place, what the definition's schema does not know; answers the paths. */
  prune?: (object: ApiObject) => readonly string[]
  /** Custom ones only: where the numbers of the scale sub-resource lie, if not at spec.replicas and status.replicas. */
  scalePaths?: Readonly<{ specReplicasPath: string; statusReplicasPath: string; labelSelectorPath?: string }>
  /** Custom ones only: the schema, for OpenAPI documents. */
  schema?: Readonly<Record<string, unknown>>
}>

/** "v1" or "apps/v1". */
export const formatGroupVersion = ({ group, version }: Readonly<{ group: string; version: string }>): string =>
  group === '' ? version : `${group}/${version}`

export const subresourceOf = (resource: ApiResource, name: string): Subresource | undefined =>
  resource.subresources.find(subresource => subresource.name === name)

/** The store's key of an object, below the store's root. */
export const storageKey = (resource: ApiResource, namespace: string, name: string): string =>
  `${storagePrefix(resource, namespace)}${name}`

/** The prefix of all objects of a resource, or of those in one namespace ("" = all). */
export const storagePrefix = (resource: ApiResource, namespace: string): string =>
  resource.namespaced && namespace !== '' ? `${resource.storage.prefix}${namespace}/` : resource.storage.prefix
