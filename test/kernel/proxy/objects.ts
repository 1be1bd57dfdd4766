// Services and EndpointSlices of the scenarios, with only what a scenario is about spelled out.

import type { Service, ServicePort } from 'kubernetes-types/core/v1.d.ts'
import type { EndpointSlice } from 'kubernetes-types/discovery/v1.d.ts'
import { addressIn, type AddressName, type Family, type HostName } from './topology.ts'

export type ServiceSpec = Readonly<{
  name?: string
  type?: 'ClusterIP' | 'NodePort' | 'LoadBalancer' | 'ExternalName'
  clusterIp?: AddressName | 'None'
  ports?: readonly ServicePort[]
  externalIps?: readonly AddressName[]
  vips?: readonly AddressName[]
  ipMode?: 'VIP' | 'Proxy'
  ranges?: readonly string[]
  external?: 'Local' | 'Cluster'
  internal?: 'Local' | 'Cluster'
  affinitySeconds?: number
  healthCheckNodePort?: number
  labels?: Record<string, string>
}>

export const HTTP: ServicePort = { name: 'http', port: 80, protocol: 'TCP' }

export function service(family: Family, spec: ServiceSpec = {}): Service {
  const { name = 'a', type = 'ClusterIP', clusterIp = 'clusterIp', ports = [HTTP] } = spec
  const ip = clusterIp === 'None' ? 'None' : addressIn(family, clusterIp)
  return {
    metadata: { namespace: 'ns', name, ...(spec.labels === undefined ? {} : { labels: spec.labels }) },
    spec: {
      type, ports: [...ports], clusterIP: ip, clusterIPs: [ip], ipFamilies: [family === 4 ? 'IPv4' : 'IPv6'],
      externalIPs: (spec.externalIps ?? []).map(each => addressIn(family, each)),
      loadBalancerSourceRanges: [...(spec.ranges ?? [])],
      externalTrafficPolicy: spec.external ?? 'Cluster', internalTrafficPolicy: spec.internal ?? 'Cluster',
      ...(spec.affinitySeconds === undefined ? {} : { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: spec.affinitySeconds } } }),
      ...(spec.healthCheckNodePort === undefined ? {} : { healthCheckNodePort: spec.healthCheckNodePort }),
    },
    status: { loadBalancer: { ingress: (spec.vips ?? []).map(vip => ({ ip: addressIn(family, vip), ...(spec.ipMode === undefined ? {} : { ipMode: spec.ipMode }) })) } },
  }
}

export type EndpointSpec = Readonly<{
  at: HostName
  node?: string | undefined
  ready?: boolean
  serving?: boolean
  terminating?: boolean
  zones?: readonly string[]
  nodes?: readonly string[]
}>

/** Ready, on the node where the host stands. */
export const up = (at: HostName, more: Partial<EndpointSpec> = {}): EndpointSpec => ({ at, node: at.startsWith('L') || at === 'node-1' ? 'node-1' : 'node-2', ...more })
/** Terminating but still serving ("t" in the catalogue), and no longer serving ("x"). */
export const draining = (at: HostName, more: Partial<EndpointSpec> = {}): EndpointSpec => up(at, { ready: false, serving: true, terminating: true, ...more })
export const gone = (at: HostName, more: Partial<EndpointSpec> = {}): EndpointSpec => up(at, { ready: false, serving: false, terminating: true, ...more })

export type SlicePortSpec = Readonly<{ name?: string; port?: number; protocol?: 'TCP' | 'UDP' | 'SCTP' }>

export function slice(family: Family, endpoints: readonly EndpointSpec[], more: Readonly<{ name?: string; service?: string; ports?: readonly SlicePortSpec[] }> = {}): EndpointSlice {
  const { name = 'a-1', service: owner = 'a', ports = [{ name: 'http', port: 80, protocol: 'TCP' }] } = more
  return {
    metadata: { namespace: 'ns', name, labels: { 'kubernetes.io/service-name': owner } },
    addressType: family === 4 ? 'IPv4' : 'IPv6',
    ports: [...ports],
    endpoints: endpoints.map(endpoint => ({
      addresses: [addressIn(family, endpoint.at)],
      ...(endpoint.node === undefined ? {} : { nodeName: endpoint.node }),
      conditions: { ready: endpoint.ready ?? true, serving: endpoint.serving ?? endpoint.ready ?? true, terminating: endpoint.terminating ?? false },
      hints: {
        ...(endpoint.zones === undefined ? {} : { forZones: endpoint.zones.map(zone => ({ name: zone })) }),
        ...(endpoint.nodes === undefined ? {} : { forNodes: endpoint.nodes.map(node => ({ name: node })) }),
      },
    })),
  }
}
