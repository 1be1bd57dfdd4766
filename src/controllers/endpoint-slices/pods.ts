// What a Service sees in a pod. Pure; shared by the EndpointSlice and the Endpoints controller.

import type { Pod, Service, ServicePort } from 'kubernetes-types/core/v1.js'
import type { Stored } from '../../client/objects.ts'
import { equalJson } from '../../api/object.ts'
import { tryParseAddress } from '../../net/ip/address.ts'

export type AddressType = 'IPv4' | 'IPv6'

/** A port of a slice or subset, with the number it has in a particular pod. */
export type ResolvedPort = Readonly<{ name: string; protocol: string; port: number; appProtocol?: string }>

export const isReady = (pod: Pod): boolean => pod.status?.conditions?.some(condition => condition.type === 'Ready' && condition.status === 'True') === true

export const isTerminating = (pod: Pod): boolean => pod.metadata?.deletionTimestamp !== undefined

/** A pod that has ended will never serve again; one that terminates may still drain. */
export const isFinished = (pod: Pod): boolean => pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed'

/** The pod's address of one family. */
export function addressOf(pod: Pod, type: AddressType): string | undefined {
  const family = type === 'IPv4' ? 4 : 6
  const ips = pod.status?.podIPs?.map(({ ip }) => ip) ?? (pod.status?.podIP === undefined ? [] : [pod.status.podIP])
  return ips.find((ip): ip is string => ip !== undefined && tryParseAddress(ip)?.family === family)
}

/** Address families of a Service, primary first. */
export function addressTypesOf(service: Service): readonly AddressType[] {
  const families = service.spec?.ipFamilies
  if (families !== undefined && families.length > 0) return families.map(family => (family === 'IPv6' ? 'IPv6' : 'IPv4'))
  const clusterIp = service.spec?.clusterIP
  return [clusterIp !== undefined && clusterIp.includes(':') ? 'IPv6' : 'IPv4']
}

export const isHeadless = (service: Service): boolean => service.spec?.clusterIP === 'None'

/** The Service's ports with the numbers they have in this pod. A named port that the pod does not have is left out. */
export function resolvePorts(service: Service, pod: Pod): readonly ResolvedPort[] {
  return (service.spec?.ports ?? []).flatMap(port => {
    const number = targetNumber(port, pod)
    if (number === undefined) return []
    return [{ name: port.name ?? '', protocol: port.protocol ?? 'TCP', port: number, ...(port.appProtocol !== undefined && { appProtocol: port.appProtocol }) }]
  })
}

function targetNumber(port: ServicePort, pod: Pod): number | undefined {
  const target = port.targetPort ?? port.port
  if (typeof target === 'number') return target
  const protocol = port.protocol ?? 'TCP'
  // Sidecars (KEP-753) are init containers that keep running.
  const sidecars = (pod.spec?.initContainers ?? []).filter(container => (container as { restartPolicy?: string }).restartPolicy === 'Always')
  for (const container of [...(pod.spec?.containers ?? []), ...sidecars]) {
    const found = container.ports?.find(candidate => candidate.name === target && (candidate.protocol ?? 'TCP') === protocol)
    if (found !== undefined) return found.containerPort
  }
  return undefined
}

/** The pod's own DNS name under a headless Service, when it asked for one. */
export const hostnameOf = (pod: Pod, service: Service): string | undefined =>
  pod.spec?.hostname !== undefined && pod.spec.hostname !== '' && pod.spec.subdomain === service.metadata?.name ? pod.spec.hostname : undefined

/** When the pod last became, or stopped being, ready: RFC 3339. */
export const readyTransitionOf = (pod: Pod): string | undefined =>
  pod.status?.conditions?.find(condition => condition.type === 'Ready')?.lastTransitionTime

/** True when nothing that an endpoint is made of differs, so that no Service need be looked at. */
export const sameForServices = (a: Stored<Pod>, b: Stored<Pod>): boolean => equalJson(essence(a), essence(b))

const essence = (pod: Stored<Pod>): unknown => [
  pod.metadata.uid, pod.metadata.labels ?? {}, isTerminating(pod), isFinished(pod), isReady(pod), readyTransitionOf(pod) ?? '',
  pod.status?.podIP ?? '', pod.status?.podIPs ?? [], pod.spec?.nodeName ?? '', pod.spec?.hostname ?? '', pod.spec?.subdomain ?? '',
]
