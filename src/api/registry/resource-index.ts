// Look-ups over a set of resources. The set is immutable: when a CustomResourceDefinition comes or goes the
// server builds a new index from the built-in rows and the definitions' rows and swaps it in.

import { BUILTIN_RESOURCES } from './builtin.ts'
import type { ApiResource } from './resource.ts'

export type GroupVersions = Readonly<{
  group: string
  /** Preferred first. */
  versions: readonly Readonly<{ version: string; resources: readonly ApiResource[] }>[]
}>

export class ResourceIndex {
  readonly resources: readonly ApiResource[]
  /** In discovery order; the core group ("") comes first. */
  readonly groups: readonly GroupVersions[]
  readonly #byPath: ReadonlyMap<string, ApiResource>
  readonly #byKind: ReadonlyMap<string, ApiResource>

  constructor(resources: readonly ApiResource[]) {
    this.resources = resources
    this.groups = groupResources(resources)
    this.#byPath = new Map(resources.map(resource => [path(resource.group, resource.version, resource.plural), resource]))
    this.#byKind = new Map(resources.map(resource => [path(resource.group, resource.version, resource.kind), resource]))
  }

  /** The resource a URL names; group "" is the core group. */
  find(group: string, version: string, plural: string): ApiResource | undefined {
    return this.#byPath.get(path(group, version, plural))
  }

  /** The resource of an object's apiVersion and kind. */
  findKind(group: string, version: string, kind: string): ApiResource | undefined {
    return this.#byKind.get(path(group, version, kind))
  }

  hasGroupVersion(group: string, version: string): boolean {
    return this.groups.some(candidate => candidate.group === group && candidate.versions.some(item => item.version === version))
  }
}

export const builtinIndex = (): ResourceIndex => new ResourceIndex(BUILTIN_RESOURCES)

const path = (group: string, version: string, name: string): string => `${group}/${version}/${name}`

function groupResources(resources: readonly ApiResource[]): readonly GroupVersions[] {
  const groups = new Map<string, Map<string, ApiResource[]>>()
  for (const resource of resources) {
    const versions = groups.get(resource.group) ?? new Map<string, ApiResource[]>()
    groups.set(resource.group, versions)
    versions.set(resource.version, [...(versions.get(resource.version) ?? []), resource])
  }
  return [...groups].map(([group, versions]) => ({
    group, versions: [...versions].map(([version, members]) => ({ version, resources: members })),
  }))
}
