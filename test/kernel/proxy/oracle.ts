// What a packet to a Service must meet, in plain code straight from the tables of the specification (1.5, 2.2, 2.3, 2.4, 2.8),
// written without a look at the planner.

import type { EndpointSpec, ServiceSpec } from './objects.ts'
import type { AddressName, HostName } from './topology.ts'
import type { BackendName } from './world.ts'

export type Destination = 'cluster IP' | 'external IP' | 'load balancer' | 'node port'

export type Case = Readonly<{
  spec: ServiceSpec
  endpoints: readonly EndpointSpec[]
  /** Hosts that the source ranges let in; undefined: no ranges. */
  admitted: readonly HostName[] | undefined
}>

export type Verdict =
  | Readonly<{ kind: 'served'; by: readonly HostName[]; masqueraded: boolean }>
  | Readonly<{ kind: 'refused' | 'dropped' }>

const isReady = (endpoint: EndpointSpec): boolean => endpoint.ready ?? true
const drains = (endpoint: EndpointSpec): boolean => (endpoint.serving ?? isReady(endpoint)) && (endpoint.terminating ?? false)
const firstNonEmpty = <T>(...lists: readonly (readonly T[])[]): readonly T[] => lists.find(list => list.length > 0) ?? []
const POD: readonly HostName[] = ['C', 'L1', 'L2', 'R1', 'R2']

/** With the cluster CIDR as detector: every pod counts as pod traffic. */
export function verdict({ spec, endpoints, admitted }: Case, from: HostName, destination: Destination, backend: BackendName): Verdict {
  const local = endpoints.filter(endpoint => endpoint.node === 'node-1')
  const cluster = firstNonEmpty(endpoints.filter(isReady), endpoints.filter(drains)).map(endpoint => endpoint.at)
  const here = firstNonEmpty(local.filter(isReady), local.filter(drains)).map(endpoint => endpoint.at)
  const shutOut = destination === 'load balancer' && admitted !== undefined && !admitted.includes(from)
  if (!endpoints.some(endpoint => isReady(endpoint) || drains(endpoint))) {
    // As with kube-proxy, whose nftables mode looks at the ranges first and whose iptables mode has none without endpoints (2.8).
    return { kind: shutOut && backend === 'nftables' ? 'dropped' : 'refused' }
  }
  const served = (by: readonly HostName[], masqueraded: boolean): Verdict => (by.length === 0 ? { kind: 'dropped' } : { kind: 'served', by, masqueraded })
  const isPod = POD.includes(from)
  if (destination === 'cluster IP') return served(spec.internal === 'Local' ? here : cluster, !isPod)
  if (shutOut) return { kind: 'dropped' }
  if (spec.external !== 'Local') return served(cluster, true)
  if (isPod) return served(cluster, false)
  return from === 'node-1' ? served(cluster, true) : served(here, false)
}

export const addressOf = { 'cluster IP': 'clusterIp', 'external IP': 'external', 'load balancer': 'vip', 'node port': 'node-1' } as const satisfies Record<Destination, AddressName>
