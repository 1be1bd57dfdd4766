// What the server serves: asked in the aggregated form (KEP-3352), or group by group from servers without it.

import type { APIGroupList, APIResourceList } from 'kubernetes-types/meta/v1.js'
import type { ApiClient } from './api-client.ts'
import { resourceName, type Resource } from './resources.ts'

export type ServedResource = Resource & Readonly<{ verbs: ReadonlySet<string> }>

export type Discovery = Readonly<{
  /** Every resource once, in its group's preferred version; no subresources. */
  resources: readonly ServedResource[]
  /** Groups that could not be asked: what they serve is unknown, not nothing. */
  failures: readonly Readonly<{ groupVersion: string; message: string }>[]
}>

const AGGREGATED = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json'

type AggregatedList = Readonly<{
  kind: string
  items?: readonly Readonly<{
    metadata?: { name?: string }
    versions?: readonly Readonly<{
      version: string
      freshness?: string
      resources?: readonly Readonly<{ resource: string; responseKind?: { kind: string }; scope: string; verbs: readonly string[] }>[]
    }>[]
  }>[]
}>

/** Throws only when the server cannot be asked at all. */
export async function discoverResources(client: ApiClient, options: Readonly<{ signal: AbortSignal }>): Promise<Discovery> {
  const answers = await Promise.all(['/api', '/apis'].map(path => client.raw<AggregatedList>(path, { ...options, accept: AGGREGATED })))
  const parts = answers.every(answer => answer.kind === 'APIGroupDiscoveryList')
    ? answers.map(fromAggregated)
    : await Promise.all([fromGroupVersion(client, 'v1', options), ...groupVersions(answers[1] as unknown as APIGroupList).map(groupVersion => fromGroupVersion(client, groupVersion, options))])
  const found = new Map<string, ServedResource>()
  for (const resource of parts.flatMap(part => part.resources)) if (!found.has(resourceName(resource))) found.set(resourceName(resource), resource)
  return { resources: [...found.values()], failures: parts.flatMap(part => part.failures) }
}

function fromAggregated(list: AggregatedList): Discovery {
  const groups = list.items ?? []
  return {
    resources: groups.flatMap(group => (group.versions ?? []).flatMap(version => (version.resources ?? []).map(entry => ({
      group: group.metadata?.name ?? '', version: version.version, plural: entry.resource, kind: entry.responseKind?.kind ?? '',
      namespaced: entry.scope === 'Namespaced', verbs: new Set(entry.verbs),
    })))),
    failures: groups.flatMap(group => (group.versions ?? []).filter(version => version.freshness === 'Stale').map(version => ({
      groupVersion: `${group.metadata?.name}/${version.version}`, message: 'stale GroupVersion discovery',
    }))),
  }
}

const groupVersions = (list: APIGroupList): readonly string[] => (list.groups ?? []).map(group => (group.preferredVersion ?? group.versions[0]!).groupVersion)

async function fromGroupVersion(client: ApiClient, groupVersion: string, options: Readonly<{ signal: AbortSignal }>): Promise<Discovery> {
  const [group = '', version] = groupVersion.includes('/') ? groupVersion.split('/') : ['', groupVersion]
  try {
    const list = await client.raw<APIResourceList>(group === '' ? `/api/${version}` : `/apis/${groupVersion}`, options)
    const resources = list.resources.filter(({ name }) => !name.includes('/')).map(entry => ({
      group, version: version!, plural: entry.name, kind: entry.kind, namespaced: entry.namespaced, verbs: new Set(entry.verbs),
    }))
    return { resources, failures: [] }
  } catch (error) {
    if (options.signal.aborted) throw error
    return { resources: [], failures: [{ groupVersion, message: (error as Error).message }] }
  }
}
