// What a Service needs, by its type. Everything here follows pkg/registry/core/service and
// pkg/apis/core/v1/helper of Kubernetes 1.36.

import type { Service, ServicePort, ServiceSpec } from 'kubernetes-types/core/v1.d.ts'
import type { ApiObject } from '../../object.ts'

export const CLUSTER_IP_NONE = 'None'

/** A Service whose types were checked on decoding. */
export const asService = (object: ApiObject): Service & { spec: ServiceSpec } => {
  object['spec'] ??= {}
  return object as unknown as Service & { spec: ServiceSpec }
}

export const serviceSpec = (object: ApiObject): ServiceSpec => (object as unknown as Service).spec ?? {}

export const needsClusterIp = (spec: ServiceSpec): boolean => spec.type !== 'ExternalName'

export const isHeadless = (spec: ServiceSpec): boolean => spec.clusterIPs?.[0] === CLUSTER_IP_NONE || spec.clusterIP === CLUSTER_IP_NONE

export const needsNodePort = (spec: ServiceSpec): boolean =>
  spec.type === 'NodePort' || (spec.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false)

export const needsHealthCheckNodePort = (spec: ServiceSpec): boolean =>
  spec.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local'

/** Reachable from outside through node ports, load balancers or external IPs. */
export const isExternallyReachable = (spec: ServiceSpec): boolean =>
  spec.type === 'LoadBalancer' || spec.type === 'NodePort' || (spec.type === 'ClusterIP' && (spec.externalIPs?.length ?? 0) > 0)

export const portsOf = (spec: ServiceSpec): ServicePort[] => spec.ports ?? []

export const nodePortsOf = (spec: ServiceSpec): number[] => portsOf(spec).map(({ nodePort }) => nodePort ?? 0)
