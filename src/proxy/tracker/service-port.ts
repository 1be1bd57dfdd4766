// One port of one Service, with everything the data plane needs to know about it except its endpoints.

import { flatText } from '../../ops/flat-text.ts'
import type { Address } from '../../net/ip/address.ts'
import { sameAddress } from '../../net/ip/address.ts'
import type { Port, Protocol } from '../../net/ip/port.ts'
import { samePrefix, type Prefix } from '../../net/ip/prefix.ts'

/** "namespace/name:portname/TCP": unique within one address family. */
export type ServicePortKey = string & { readonly __brand: 'ServicePortKey' }

/** "namespace/name". */
export type ServiceKey = string & { readonly __brand: 'ServiceKey' }

export type ServicePort = Readonly<{
  key: ServicePortKey
  service: ServiceKey
  namespace: string
  name: string
  portName: string
  /** What comments show and chain names are hashed from: "namespace/name:portname" or "namespace/name". */
  text: string
  protocol: Protocol
  clusterIp: Address
  port: Port
  nodePort: Port | undefined
  externalIps: readonly Address[]
  /** Addresses of load balancers that hand packets on unchanged (ipMode VIP). */
  loadBalancerVips: readonly Address[]
  /** Who may reach the load-balancer addresses; empty means everybody. */
  sourceRanges: readonly Prefix[]
  externalPolicyLocal: boolean
  internalPolicyLocal: boolean
  /** Undefined: no session affinity. */
  affinityTimeoutSeconds: number | undefined
  healthCheckNodePort: Port | undefined
  /** Milliseconds since the epoch; decides between two Services that claim one address. */
  createdAtMs: number
}>

export const serviceKeyOf = (namespace: string, name: string): ServiceKey => flatText(namespace, '/', name) as ServiceKey

export const servicePortKeyOf = (service: ServiceKey, portName: string, protocol: Protocol): ServicePortKey =>
  flatText(service, ':', portName, '/', protocol) as ServicePortKey

/** True when traffic from outside the cluster can be meant for it. */
export const isExternallyAccessible = (port: ServicePort): boolean =>
  port.nodePort !== undefined || port.loadBalancerVips.length > 0 || port.externalIps.length > 0

/** Also when both policies are Local: pods of this node reach external addresses through all endpoints. */
export const usesClusterEndpoints = (port: ServicePort): boolean => !port.internalPolicyLocal || isExternallyAccessible(port)

export const usesLocalEndpoints = (port: ServicePort): boolean =>
  port.internalPolicyLocal || (port.externalPolicyLocal && isExternallyAccessible(port))

const sameList = <T>(a: readonly T[], b: readonly T[], same: (x: T, y: T) => boolean): boolean =>
  a.length === b.length && a.every((item, i) => same(item, b[i]!))

export const sameServicePort = (a: ServicePort, b: ServicePort): boolean =>
  a.key === b.key &&
  sameAddress(a.clusterIp, b.clusterIp) &&
  a.port === b.port &&
  a.nodePort === b.nodePort &&
  a.externalPolicyLocal === b.externalPolicyLocal &&
  a.internalPolicyLocal === b.internalPolicyLocal &&
  a.affinityTimeoutSeconds === b.affinityTimeoutSeconds &&
  a.healthCheckNodePort === b.healthCheckNodePort &&
  a.createdAtMs === b.createdAtMs &&
  sameList(a.externalIps, b.externalIps, sameAddress) &&
  sameList(a.loadBalancerVips, b.loadBalancerVips, sameAddress) &&
  sameList(a.sourceRanges, b.sourceRanges, samePrefix)
