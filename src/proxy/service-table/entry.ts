// What the data plane is to do for one service port: the row of the service table that every backend reads.

import type { Address } from '../../net/ip/address.ts'
import { containsAddress } from '../../net/ip/prefix.ts'
import { sameEndpoints, type Endpoint } from '../tracker/endpoint.ts'
import { isExternallyAccessible, sameServicePort, type ServicePort } from '../tracker/service-port.ts'
import type { TrackedPort } from '../tracker/tracker.ts'
import { chooseEndpoints, type NodePlace } from './choose-endpoints.ts'
import { frontendKeyOf, type Frontend } from './frontend.ts'

export type ServiceEntry = Readonly<{
  port: ServicePort
  /** The addresses this port holds, in order of precedence. */
  frontends: readonly Frontend[]
  /** Endpoints for traffic that may leave the node, ordered by identity. */
  cluster: readonly Endpoint[]
  /** Endpoints for traffic that must stay on the node, ordered by identity. */
  local: readonly Endpoint[]
  /** False: whoever asks is refused. True with an empty set: packets under that policy are dropped. */
  usableAnywhere: boolean
  /** What serves now, chosen or not: flows to these are left alone when conntrack is cleaned. */
  serving: readonly Endpoint[]
  /** Local and ready: what a health check of an external load balancer counts. */
  localReady: readonly Endpoint[]
  /** The source ranges include this node, so its own packets to the load-balancer addresses pass. */
  nodeInSourceRanges: boolean
}>

export type NodeFacts = NodePlace & Readonly<{ nodeIps: readonly Address[] }>

export function makeEntry(tracked: TrackedPort, frontends: readonly Frontend[], node: NodeFacts): ServiceEntry {
  const { port, endpoints } = tracked
  return {
    port,
    frontends,
    ...chooseEndpoints(port, endpoints, node),
    serving: endpoints.every(endpoint => endpoint.serving) ? endpoints : endpoints.filter(endpoint => endpoint.serving),
    localReady: port.healthCheckNodePort === undefined ? [] : endpoints.filter(endpoint => endpoint.locality === 'local' && endpoint.ready),
    nodeInSourceRanges: port.sourceRanges.some(range => node.nodeIps.some(ip => containsAddress(range, ip))),
  }
}

/** The set that traffic to the cluster IP uses. */
export const internalSet = (entry: ServiceEntry): readonly Endpoint[] => (entry.port.internalPolicyLocal ? entry.local : entry.cluster)

/** True when external frontends are served at all. */
export const isExternallyUsable = (entry: ServiceEntry): boolean => entry.usableAnywhere && isExternallyAccessible(entry.port)

/** All endpoints that some packet may be sent to, each once. */
export function reachableEndpoints(entry: ServiceEntry): readonly Endpoint[] {
  if (entry.local.length === 0) return entry.cluster
  if (entry.cluster.length === 0) return entry.local
  const identities = new Set(entry.cluster.map(endpoint => endpoint.identity))
  return [...entry.cluster, ...entry.local.filter(endpoint => !identities.has(endpoint.identity))]
}

export const sameEntry = (a: ServiceEntry, b: ServiceEntry): boolean =>
  sameServicePort(a.port, b.port) &&
  a.usableAnywhere === b.usableAnywhere &&
  a.nodeInSourceRanges === b.nodeInSourceRanges &&
  sameEndpoints(a.cluster, b.cluster) &&
  sameEndpoints(a.local, b.local) &&
  sameEndpoints(a.serving, b.serving) &&
  sameEndpoints(a.localReady, b.localReady) &&
  a.frontends.length === b.frontends.length &&
  a.frontends.every((frontend, i) => frontend.kind === b.frontends[i]!.kind && frontendKeyOf(frontend) === frontendKeyOf(b.frontends[i]!))
