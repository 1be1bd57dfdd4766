// Distributes endpoints over slices so that the fewest slices change (API server specification 9.1, fill rules). Pure.

import type { Service } from 'kubernetes-types/core/v1.js'
import type { EndpointSlice as UpstreamSlice } from 'kubernetes-types/discovery/v1.js'
import type { OwnerReference } from 'kubernetes-types/meta/v1.js'
import type { Stored } from '../../client/objects.ts'
import { equalJson } from '../../api/object.ts'
import { isHeadless } from './pods.ts'
import { portsKey, type Endpoint, type EndpointGroup } from './plan-endpoints.ts'

export type EndpointSlice = Omit<UpstreamSlice, 'endpoints'> & { endpoints: Endpoint[] }

export const MANAGED_BY_LABEL = 'endpointslice.kubernetes.io/managed-by'
export const MANAGED_BY = 'endpointslice-controller.k8s.io'
export const SERVICE_NAME_LABEL = 'kubernetes.io/service-name'
export const HEADLESS_LABEL = 'service.kubernetes.io/headless'
export const TRIGGER_TIME_ANNOTATION = 'endpoints.kubernetes.io/last-change-trigger-time'

/** What every slice of one owner carries besides its endpoints. */
export type SliceFrame = Readonly<{
  namespace: string
  generateName: string
  labels: Readonly<Record<string, string>>
  annotations?: Readonly<Record<string, string>>
  owner: OwnerReference
}>

export type SlicePlan = Readonly<{
  create: readonly EndpointSlice[]
  /** Existing slices with their new content; metadata keeps name, uid and resource version. */
  update: readonly Stored<EndpointSlice>[]
  delete: readonly Stored<EndpointSlice>[]
}>

export function serviceFrame(service: Stored<Service>): SliceFrame {
  const { [SERVICE_NAME_LABEL]: _name, [MANAGED_BY_LABEL]: _managedBy, [HEADLESS_LABEL]: _headless, ...own } = service.metadata.labels ?? {}
  return {
    namespace: service.metadata.namespace!,
    generateName: `${service.metadata.name}-`,
    labels: { ...own, [SERVICE_NAME_LABEL]: service.metadata.name, [MANAGED_BY_LABEL]: MANAGED_BY, ...(isHeadless(service) && { [HEADLESS_LABEL]: '' }) },
    owner: { apiVersion: 'v1', kind: 'Service', name: service.metadata.name, uid: service.metadata.uid, controller: true, blockOwnerDeletion: true },
  }
}

/**
 * What to write so that the existing slices hold exactly the groups' endpoints, none more than `maxEndpoints`.
 * `triggerTime` (RFC 3339) goes on every slice that is written; undefined takes the annotation off.
 */
export function planSlices(
  groups: readonly EndpointGroup[],
  existing: readonly Stored<EndpointSlice>[],
  options: Readonly<{ frame: SliceFrame; maxEndpoints: number; triggerTime: string | undefined }>,
): SlicePlan {
  const byGroup = Map.groupBy(existing, slice => `${slice.addressType} ${portsKey(slice.ports ?? [])}`)
  const create: Draft[] = []
  const update: Draft[] = []
  const surplus: Stored<EndpointSlice>[] = []
  for (const group of groups) {
    const key = `${group.addressType} ${portsKey(group.ports)}`
    const result = fillGroup(group, byGroup.get(key) ?? [], options)
    byGroup.delete(key)
    create.push(...result.create)
    update.push(...result.update)
    surplus.push(...result.surplus)
  }
  for (const orphaned of byGroup.values()) surplus.push(...orphaned)
  reuse(create, update, surplus)
  return {
    create: create.map(draft => compose(draft, options)),
    update: update.map(draft => ({ ...compose(draft, options), metadata: updatedMeta(draft.slice!, options) })),
    delete: surplus,
  }
}

/** A slice being written: its group's frame, its future endpoints, and the existing slice that will carry them. */
type Draft = { group: EndpointGroup; endpoints: Endpoint[]; slice: Stored<EndpointSlice> | undefined }

function fillGroup(
  group: EndpointGroup,
  existing: readonly Stored<EndpointSlice>[],
  { frame, maxEndpoints }: Readonly<{ frame: SliceFrame; maxEndpoints: number }>,
): { create: Draft[]; update: Draft[]; surplus: Stored<EndpointSlice>[] } {
  const wanted = new Map(group.endpoints.map(endpoint => [identityOf(endpoint), endpoint]))
  const update: Draft[] = []
  const unchanged: Draft[] = []
  const empty: (Draft & { slice: Stored<EndpointSlice> })[] = []
  // Older slices first, so that which of two copies of an endpoint stays does not depend on the cache's order.
  for (const slice of [...existing].sort(byAge)) {
    const kept: Endpoint[] = []
    for (const endpoint of slice.endpoints ?? []) {
      const key = identityOf(endpoint)
      const current = wanted.get(key)
      if (current === undefined) continue
      wanted.delete(key)
      kept.push(current)
    }
    const draft = { group, endpoints: kept, slice }
    const overfull = kept.length > maxEndpoints
    if (overfull) for (const surplus of kept.splice(maxEndpoints)) wanted.set(identityOf(surplus), surplus)
    if (kept.length === 0) empty.push(draft)
    else if (overfull || !equalJson(kept, slice.endpoints) || !sameFrame(slice, frame)) update.push(draft)
    else unchanged.push(draft)
  }
  const create: Draft[] = []
  const rest = [...wanted.values()]
  const byFill = (a: Draft, b: Draft): number => b.endpoints.length - a.endpoints.length
  for (const draft of [...update].sort(byFill)) draft.endpoints.push(...rest.splice(0, maxEndpoints - draft.endpoints.length))
  while (rest.length >= maxEndpoints) create.push({ group, endpoints: rest.splice(0, maxEndpoints), slice: undefined })
  if (rest.length > 0) {
    const roomy = unchanged.filter(draft => draft.endpoints.length + rest.length <= maxEndpoints).sort(byFill)[0]
    if (roomy === undefined) create.push({ group, endpoints: rest, slice: undefined })
    else {
      roomy.endpoints.push(...rest)
      unchanged.splice(unchanged.indexOf(roomy), 1)
      update.push(roomy)
    }
  }
  // Without any endpoint one empty slice stands for the Service.
  if (update.length + unchanged.length + create.length === 0) {
    const placeholder = empty.shift()
    if (placeholder === undefined) create.push({ group, endpoints: [], slice: undefined })
    else if ((placeholder.slice.endpoints ?? []).length > 0 || !sameFrame(placeholder.slice, frame)) update.push(placeholder)
  }
  return { create, update, surplus: empty.map(draft => draft.slice) }
}

/** An update reaches watchers as one change; a create and a delete would reach them as two. */
function reuse(create: Draft[], update: Draft[], surplus: Stored<EndpointSlice>[]): void {
  for (let index = create.length - 1; index >= 0; index -= 1) {
    const draft = create[index]!
    const at = surplus.findIndex(slice => slice.addressType === draft.group.addressType)
    if (at === -1) continue
    draft.slice = surplus.splice(at, 1)[0]
    update.push(draft)
    create.splice(index, 1)
  }
}

const byAge = (a: Stored<EndpointSlice>, b: Stored<EndpointSlice>): number =>
  a.metadata.creationTimestamp === b.metadata.creationTimestamp
    ? a.metadata.name < b.metadata.name ? -1 : 1
    : a.metadata.creationTimestamp < b.metadata.creationTimestamp ? -1 : 1

/** An endpoint that moves between states stays in its slice; another pod with a reused address is another endpoint. */
const identityOf = (endpoint: Endpoint): string => `${endpoint.addresses[0]} ${endpoint.targetRef?.uid ?? ''}`

const sameFrame = (slice: Stored<EndpointSlice>, frame: SliceFrame): boolean =>
  equalJson(slice.metadata.labels ?? {}, frame.labels) &&
  slice.metadata.ownerReferences?.some(owner => owner.uid === frame.owner.uid) === true &&
  Object.entries(frame.annotations ?? {}).every(([key, value]) => slice.metadata.annotations?.[key] === value)

function compose({ group, endpoints }: Draft, { frame, triggerTime }: Readonly<{ frame: SliceFrame; triggerTime: string | undefined }>): EndpointSlice {
  const annotations = { ...frame.annotations, ...(triggerTime !== undefined && { [TRIGGER_TIME_ANNOTATION]: triggerTime }) }
  return {
    metadata: {
      generateName: frame.generateName,
      namespace: frame.namespace,
      labels: { ...frame.labels },
      ownerReferences: [frame.owner],
      ...(Object.keys(annotations).length > 0 && { annotations }),
    },
    addressType: group.addressType,
    ports: group.ports.map(port => ({ ...port })),
    endpoints,
  }
}

function updatedMeta(slice: Stored<EndpointSlice>, { frame, triggerTime }: Readonly<{ frame: SliceFrame; triggerTime: string | undefined }>): Stored<EndpointSlice>['metadata'] {
  const { [TRIGGER_TIME_ANNOTATION]: _old, ...kept } = slice.metadata.annotations ?? {}
  return {
    ...slice.metadata,
    labels: { ...frame.labels },
    annotations: { ...kept, ...frame.annotations, ...(triggerTime !== undefined && { [TRIGGER_TIME_ANNOTATION]: triggerTime }) },
    ownerReferences: [frame.owner],
  }
}
