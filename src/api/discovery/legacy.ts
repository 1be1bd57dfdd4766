// Discovery as it was before aggregation: one document per group version. kubectl up to 1.25 and `--raw` read it.

import { createHash } from 'node:crypto'
import { formatGroupVersion, type ApiResource, type GroupVersionKind } from '../registry/resource.ts'
import type { GroupVersions, ResourceIndex } from '../registry/resource-index.ts'
import type { JsonObject } from '../object.ts'

/** The document of /api. `serverAddress` is "host:port". */
export const apiVersions = (serverAddress: string): JsonObject => ({
  kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress }],
})

/** The document of /apis. */
export const apiGroupList = (index: ResourceIndex): JsonObject => ({
  kind: 'APIGroupList', apiVersion: 'v1', groups: index.groups.filter(({ group }) => group !== '').map(groupBody),
})

/** The document of /apis/‹group›; undefined for a group that is not served. */
export function apiGroup(index: ResourceIndex, group: string): JsonObject | undefined {
  const found = index.groups.find(candidate => candidate.group === group && group !== '')
  return found === undefined ? undefined : { kind: 'APIGroup', apiVersion: 'v1', ...groupBody(found) }
}

function groupBody({ group, versions }: GroupVersions): JsonObject {
  const entries = versions.map(({ version }) => ({ groupVersion: formatGroupVersion({ group, version }), version }))
  return { name: group, versions: entries, preferredVersion: entries[0]! }
}

/** The document of /api/v1 and /apis/‹group›/‹version›; undefined when nothing is served there. */
export function apiResourceList(index: ResourceIndex, group: string, version: string): JsonObject | undefined {
  const found = index.groups.find(candidate => candidate.group === group)?.versions.find(candidate => candidate.version === version)
  if (found === undefined) return undefined
  return {
    kind: 'APIResourceList', apiVersion: 'v1', groupVersion: formatGroupVersion({ group, version }),
    resources: found.resources.flatMap(resourceRows),
  }
}

function resourceRows(resource: ApiResource): JsonObject[] {
  const { plural, singular, namespaced, kind, verbs, shortNames, categories, subresources, storage, depth } = resource
  return [
    {
      name: plural, singularName: singular, namespaced, kind, verbs: [...verbs],
      ...(shortNames.length === 0 ? {} : { shortNames: [...shortNames] }),
      ...(categories.length === 0 ? {} : { categories: [...categories] }),
      ...(depth === 'virtual' ? {} : { storageVersionHash: storageVersionHash(shownStorageKind(storage.kind)) }),
    },
    ...subresources.map(sub => ({
      name: `${plural}/${sub.name}`, singularName: '', namespaced, kind: sub.kind.kind, verbs: [...sub.verbs],
      // Named only where the kind belongs to another group version than the parent.
      ...(sub.kind.group === resource.group && sub.kind.version === resource.version ? {} : { group: sub.kind.group, version: sub.kind.version }),
    })),
  ]
}

/** Upstream stores definitions in their older, more compact version, and clients compare the hash with what they know. */
const shownStorageKind = (kind: GroupVersionKind): GroupVersionKind =>
  kind.kind === 'CustomResourceDefinition' ? { ...kind, version: 'v1beta1' } : kind

/** Changes when the stored version changes, which storage migrators look for: base64 of the first 8 bytes of a SHA-256. */
export const storageVersionHash = ({ group, version, kind }: GroupVersionKind): string =>
  createHash('sha256').update(`${group}/${version}/${kind}`).digest().subarray(0, 8).toString('base64')
