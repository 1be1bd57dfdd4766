// Aggregated discovery: one document per half of the API (/api and /apis), apidiscovery.k8s.io/v2 (KEP-3352).

import { formatGroupVersion, type ApiResource } from '../registry/resource.ts'
import type { GroupVersions, ResourceIndex } from '../registry/resource-index.ts'
import type { JsonObject } from '../object.ts'

/** Clients decide by these parameters whether the answer is aggregated. */
export const AGGREGATED_CONTENT_TYPE = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'

/** `core`: the document of /api; otherwise that of /apis. */
export function aggregatedDiscovery(index: ResourceIndex, half: 'core' | 'groups'): JsonObject {
  const groups = index.groups.filter(({ group }) => (group === '') === (half === 'core'))
  return { kind: 'APIGroupDiscoveryList', apiVersion: 'apidiscovery.k8s.io/v2', metadata: {}, items: groups.map(groupDiscovery) }
}

const groupDiscovery = ({ group, versions }: GroupVersions): JsonObject => ({
  metadata: { ...(group === '' ? {} : { name: group }), creationTimestamp: null },
  versions: versions.map(({ version, resources }) => ({ version, resources: resources.map(resourceDiscovery), freshness: 'Current' })),
})

function resourceDiscovery(resource: ApiResource): JsonObject {
  const { group, version, plural, singular, kind, namespaced, verbs, shortNames, categories, subresources } = resource
  return {
    resource: plural,
    responseKind: { group, version, kind },
    scope: namespaced ? 'Namespaced' : 'Cluster',
    singularResource: singular,
    verbs: [...verbs],
    ...(shortNames.length === 0 ? {} : { shortNames: [...shortNames] }),
    ...(categories.length === 0 ? {} : { categories: [...categories] }),
    ...(subresources.length === 0 ? {} : {
      subresources: subresources.map(sub => ({ subresource: sub.name, responseKind: { ...sub.kind }, verbs: [...sub.verbs] })),
    }),
  }
}

/** The group versions of an index, "v1" and "apps/v1" alike. */
export const groupVersionsOf = (index: ResourceIndex): readonly string[] =>
  index.groups.flatMap(({ group, versions }) => versions.map(({ version }) => formatGroupVersion({ group, version })))
