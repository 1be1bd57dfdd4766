// From a Service and the pods it selects to the endpoints it should have (API server specification 9.1). Pure.

import type { Node, Pod, Service } from 'kubernetes-types/core/v1.js'
import type { Endpoint as UpstreamEndpoint } from 'kubernetes-types/discovery/v1.js'
import type { Stored } from '../../client/objects.ts'
import {
  addressOf, addressTypesOf, hostnameOf, isFinished, isReady, isTerminating, resolvePorts, type AddressType, type ResolvedPort,
} from './pods.ts'

/** With the node hints of discovery/v1 1.34 (KEP-3015). */
export type Endpoint = Omit<UpstreamEndpoint, 'hints'> & { hints?: { forZones?: { name: string }[]; forNodes?: { name: string }[] } }

/** Endpoints that share an address family and a set of port numbers, and so may share slices. */
export type EndpointGroup = Readonly<{ addressType: AddressType; ports: readonly ResolvedPort[]; endpoints: readonly Endpoint[] }>

export const ZONE_LABEL = 'topology.kubernetes.io/zone'

/** One group per family and port set; a family without any pod still has its empty group. Answers are in a stable order. */
export function planEndpoints(service: Stored<Service>, pods: readonly Stored<Pod>[], nodeOf: (name: string) => Node | undefined): readonly EndpointGroup[] {
  return addressTypesOf(service).flatMap(addressType => {
    const groups = new Map<string, { ports: readonly ResolvedPort[]; endpoints: Endpoint[] }>()
    for (const pod of pods) {
      const address = addressOf(pod, addressType)
      const nodeName = pod.spec?.nodeName ?? ''
      if (address === undefined || nodeName === '' || isFinished(pod)) continue
      const node = nodeOf(nodeName)
      // A pod on a node we do not know may be one of a deleted node; it comes back when the node does.
      if (node === undefined && service.spec?.publishNotReadyAddresses !== true) continue
      const ports = resolvePorts(service, pod)
      const key = portsKey(ports)
      const group = groups.get(key) ?? { ports, endpoints: [] }
      groups.set(key, group)
      group.endpoints.push(endpointOf(service, pod, address, node))
    }
    if (groups.size === 0) return [{ addressType, ports: [], endpoints: [] }]
    return [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => ({ addressType, ...group }))
  })
}

/** Equal for equal sets of ports, whatever their order. */
export const portsKey = (ports: readonly Readonly<{ name?: string; protocol?: string; port?: number; appProtocol?: string }>[]): string =>
  ports.map(port => `${port.name ?? ''}/${port.protocol ?? 'TCP'}/${port.port ?? ''}/${port.appProtocol ?? ''}`).sort().join(',')

function endpointOf(service: Stored<Service>, pod: Stored<Pod>, address: string, node: Node | undefined): Endpoint {
  const serving = isReady(pod)
  const terminating = isTerminating(pod)
  const ready = service.spec?.publishNotReadyAddresses === true || (serving && !terminating)
  const zone = node?.metadata?.labels?.[ZONE_LABEL]
  const hostname = hostnameOf(pod, service)
  const nodeName = pod.spec!.nodeName!
  const hints = ready ? hintsFor(service, zone, nodeName) : undefined
  return {
    addresses: [address],
    conditions: { ready, serving, terminating },
    nodeName,
    targetRef: { kind: 'Pod', namespace: pod.metadata.namespace!, name: pod.metadata.name, uid: pod.metadata.uid },
    ...(zone !== undefined && zone !== '' && { zone }),
    ...(hostname !== undefined && { hostname }),
    ...(hints !== undefined && { hints }),
  }
}

/** KEP-4444 and KEP-3015: who should prefer this endpoint. None where its zone is not known. */
function hintsFor(service: Service, zone: string | undefined, nodeName: string): Endpoint['hints'] {
  const distribution = (service.spec as { trafficDistribution?: string } | undefined)?.trafficDistribution
  const forZones = zone === undefined || zone === '' ? undefined : [{ name: zone }]
  switch (distribution) {
    case 'PreferSameZone':
    case 'PreferClose':
      return forZones && { forZones }
    case 'PreferSameNode':
      return { ...(forZones && { forZones }), forNodes: [{ name: nodeName }] }
    default:
      return undefined
  }
}
