// EndpointSlices for Endpoints that people or other programs wrote for a Service without a selector
// (API server specification 9.2). Pure.

import type { EndpointAddress, EndpointPort, Endpoints, Service } from 'kubernetes-types/core/v1.js'
import type { Stored } from '../../client/objects.ts'
import { tryParseAddress } from '../../net/ip/address.ts'
import { isHeadless, type AddressType, type ResolvedPort } from './pods.ts'
import { portsKey, type Endpoint, type EndpointGroup } from './plan-endpoints.ts'
import { HEADLESS_LABEL, MANAGED_BY_LABEL, SERVICE_NAME_LABEL, TRIGGER_TIME_ANNOTATION, type SliceFrame } from './plan-slices.ts'

export const MIRROR_MANAGED_BY = 'endpointslicemirroring-controller.k8s.io'
const SKIP_MIRROR_LABEL = 'endpointslice.kubernetes.io/skip-mirror'
const LEADER_ANNOTATION = 'control-plane.alpha.kubernetes.io/leader'
const LAST_APPLIED_ANNOTATION = 'kubectl.kubernetes.io/last-applied-configuration'

/** Addresses of one subset that are mirrored at most (kube-controller-manager's default). */
export const MAX_MIRRORED_PER_SUBSET = 1000

/** Whether these Endpoints should be mirrored for this Service. */
export const shouldMirror = (endpoints: Stored<Endpoints> | undefined, service: Stored<Service> | undefined): boolean =>
  endpoints !== undefined && service !== undefined &&
  Object.keys(service.spec?.selector ?? {}).length === 0 && service.spec?.type !== 'ExternalName' &&
  endpoints.metadata.labels?.[SKIP_MIRROR_LABEL] !== 'true' && endpoints.metadata.annotations?.[LEADER_ANNOTATION] === undefined

export function mirrorFrame(endpoints: Stored<Endpoints>, service: Stored<Service>): SliceFrame {
  const { [SERVICE_NAME_LABEL]: _name, [MANAGED_BY_LABEL]: _managedBy, [HEADLESS_LABEL]: _headless, ...labels } = endpoints.metadata.labels ?? {}
  const { [TRIGGER_TIME_ANNOTATION]: _trigger, [LAST_APPLIED_ANNOTATION]: _applied, ...annotations } = endpoints.metadata.annotations ?? {}
  const { name, uid, namespace } = endpoints.metadata
  return {
    namespace: namespace!, generateName: `${name}-`, annotations,
    labels: { ...labels, [SERVICE_NAME_LABEL]: name, [MANAGED_BY_LABEL]: MIRROR_MANAGED_BY, ...(isHeadless(service) && { [HEADLESS_LABEL]: '' }) },
    owner: { apiVersion: 'v1', kind: 'Endpoints', name, uid, controller: true, blockOwnerDeletion: true },
  }
}

/** One group per family and port set; none for Endpoints without addresses. An address counts once, ready if it is anywhere. */
export function planMirror(endpoints: Stored<Endpoints>): readonly EndpointGroup[] {
  const groups = new Map<string, { addressType: AddressType; ports: readonly ResolvedPort[]; endpoints: Map<string, Endpoint> }>()
  for (const subset of endpoints.subsets ?? []) {
    const ports = (subset.ports ?? []).map(resolved)
    const addresses = [...(subset.addresses ?? []).map(address => ({ address, ready: true })), ...(subset.notReadyAddresses ?? []).map(address => ({ address, ready: false }))]
    for (const { address, ready } of addresses.slice(0, MAX_MIRRORED_PER_SUBSET)) {
      const family = tryParseAddress(address.ip)?.family
      if (family === undefined) continue
      const addressType = family === 4 ? 'IPv4' : 'IPv6'
      const key = `${addressType} ${portsKey(ports)}`
      const group = groups.get(key) ?? { addressType, ports, endpoints: new Map<string, Endpoint>() }
      groups.set(key, group)
      if (!group.endpoints.has(address.ip)) group.endpoints.set(address.ip, mirrored(address, ready))
    }
  }
  return [...groups.values()].map(group => ({ ...group, endpoints: [...group.endpoints.values()] }))
}

const resolved = (port: EndpointPort): ResolvedPort => ({
  name: port.name ?? '', protocol: port.protocol ?? 'TCP', port: port.port, ...(port.appProtocol !== undefined && { appProtocol: port.appProtocol }),
})

const mirrored = (address: EndpointAddress, ready: boolean): Endpoint => ({
  addresses: [address.ip],
  conditions: { ready },
  ...(address.hostname !== undefined && { hostname: address.hostname }),
  ...(address.nodeName !== undefined && { nodeName: address.nodeName }),
  ...(address.targetRef !== undefined && { targetRef: address.targetRef }),
})
