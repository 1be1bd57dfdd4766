// The Endpoints object of a Service: deprecated, but still read by old clients (API server specification 9.3). Pure.

import type { EndpointAddress, EndpointSubset, Pod, Service } from 'kubernetes-types/core/v1.js'
import type { Stored } from '../../client/objects.ts'
import { addressOf, addressTypesOf, hostnameOf, isFinished, isHeadless, isReady, isTerminating, resolvePorts } from '../endpoint-slices/pods.ts'
import { portsKey } from '../endpoint-slices/plan-endpoints.ts'

/** More are cut off, and an annotation says so (KEP-0752): readers of Endpoints cannot bear more. */
export const MAX_ADDRESSES = 1000

export type SubsetsPlan = Readonly<{ subsets: EndpointSubset[]; truncated: boolean }>

/** Addresses with equal ports share a subset; those of the primary family only, in a stable order. */
export function planSubsets(service: Stored<Service>, pods: readonly Stored<Pod>[]): SubsetsPlan {
  const publishNotReady = service.spec?.publishNotReadyAddresses === true
  const type = addressTypesOf(service)[0]!
  const groups = new Map<string, { ports: EndpointSubset['ports'] & {}; ready: EndpointAddress[]; notReady: EndpointAddress[] }>()
  for (const pod of pods) {
    const ip = addressOf(pod, type)
    const nodeName = pod.spec?.nodeName ?? ''
    if (ip === undefined || nodeName === '' || isFinished(pod) || (isTerminating(pod) && !publishNotReady)) continue
    const ports = resolvePorts(service, pod)
    // A Service with ports of which the pod has none does not reach it; a headless one without ports does.
    if (ports.length === 0 && (service.spec?.ports ?? []).length > 0) continue
    const hostname = hostnameOf(pod, service)
    const address: EndpointAddress = {
      ip, nodeName, targetRef: { kind: 'Pod', namespace: pod.metadata.namespace!, name: pod.metadata.name, uid: pod.metadata.uid },
      ...(hostname !== undefined && { hostname }),
    }
    const key = portsKey(ports)
    const group = groups.get(key) ?? { ports: ports.map(({ name, ...rest }) => ({ ...(name !== '' && { name }), ...rest })), ready: [], notReady: [] }
    groups.set(key, group)
    ;(publishNotReady || isReady(pod) ? group.ready : group.notReady).push(address)
  }
  return truncate([...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => group))
}

/** Ready addresses first: a reader that sees only a part should see the useful one. */
function truncate(groups: readonly { ports: EndpointSubset['ports'] & {}; ready: EndpointAddress[]; notReady: EndpointAddress[] }[]): SubsetsPlan {
  let room = MAX_ADDRESSES
  const take = (addresses: EndpointAddress[]): EndpointAddress[] => {
    const taken = addresses.sort(byAddress).slice(0, room)
    room -= taken.length
    return taken
  }
  const total = groups.reduce((sum, { ready, notReady }) => sum + ready.length + notReady.length, 0)
  const ready = groups.map(group => take(group.ready))
  const notReady = groups.map(group => take(group.notReady))
  const subsets = groups.flatMap((group, index): EndpointSubset[] => {
    if (ready[index]!.length + notReady[index]!.length === 0) return []
    return [{
      ...(ready[index]!.length > 0 && { addresses: ready[index]! }),
      ...(notReady[index]!.length > 0 && { notReadyAddresses: notReady[index]! }),
      ...(group.ports.length > 0 && { ports: group.ports }),
    }]
  })
  return { subsets, truncated: total > MAX_ADDRESSES }
}

const byAddress = (a: EndpointAddress, b: EndpointAddress): number => (a.ip < b.ip ? -1 : a.ip > b.ip ? 1 : (a.targetRef?.uid ?? '') < (b.targetRef?.uid ?? '') ? -1 : 1)

const MANAGED_BY = 'endpoints.kubernetes.io/managed-by'
const HEADLESS = 'service.kubernetes.io/headless'

/** Since 1.33 Endpoints made from selectors are marked, so that those made by people can be told apart. */
export const endpointsLabels = (service: Service): Record<string, string> => {
  const { [HEADLESS]: _headless, ...own } = service.metadata?.labels ?? {}
  return { ...own, [MANAGED_BY]: 'endpoint-controller', ...(isHeadless(service) && { [HEADLESS]: '' }) }
}

export const isManagedEndpoints = (labels: Readonly<Record<string, string>> | undefined): boolean => labels?.[MANAGED_BY] === 'endpoint-controller'
