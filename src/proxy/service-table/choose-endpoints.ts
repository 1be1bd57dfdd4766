// Which endpoints of a service port get traffic on this node.

import { packed } from '../packed.ts'
import type { Endpoint } from '../tracker/endpoint.ts'
import { usesClusterEndpoints, usesLocalEndpoints, type ServicePort } from '../tracker/service-port.ts'

export type NodePlace = Readonly<{ nodeName: string; zone: string | undefined }>

export type ChosenEndpoints = Readonly<{
  /** For traffic that may leave the node; empty when the port has no use for it. */
  cluster: readonly Endpoint[]
  /** For traffic that must stay on the node; empty when the port has no use for it. */
  local: readonly Endpoint[]
  /** True when some endpoint in the cluster could answer, whatever policies and hints say. */
  usableAnywhere: boolean
}>

const isDraining = (endpoint: Endpoint): boolean => endpoint.serving && endpoint.terminating

/** While nothing is ready, endpoints that still serve while they terminate step in (KEP-1669). */
export function chooseEndpoints(port: ServicePort, endpoints: readonly Endpoint[], place: NodePlace): ChosenEndpoints {
  return {
    cluster: usesClusterEndpoints(port) ? clusterSet(endpoints, place) : [],
    local: usesLocalEndpoints(port) ? localSet(endpoints) : [],
    usableAnywhere: endpoints.some(endpoint => endpoint.ready || isDraining(endpoint)),
  }
}

function clusterSet(endpoints: readonly Endpoint[], place: NodePlace): readonly Endpoint[] {
  // The common case keeps the list as it is: a copy per service port would double the table's memory.
  const ready = endpoints.every(endpoint => endpoint.ready) ? endpoints : endpoints.filter(endpoint => endpoint.ready)
  return ready.length === 0 ? endpoints.filter(isDraining) : nearby(ready, place)
}

function localSet(endpoints: readonly Endpoint[]): readonly Endpoint[] {
  const local = endpoints.filter(endpoint => endpoint.locality === 'local')
  const ready = local.filter(endpoint => endpoint.ready)
  return packed(ready.length > 0 ? ready : local.filter(isDraining))
}

/** Hints count only when every ready endpoint carries them and one names us (KEP-2433, KEP-3015). */
function nearby(ready: readonly Endpoint[], { nodeName, zone }: NodePlace): readonly Endpoint[] {
  return (
    hinted(ready, endpoint => endpoint.hints.nodes, nodeName) ??
    (zone === undefined || zone === '' ? undefined : hinted(ready, endpoint => endpoint.hints.zones, zone)) ??
    ready
  )
}

function hinted(ready: readonly Endpoint[], hints: (endpoint: Endpoint) => readonly string[], ours: string): readonly Endpoint[] | undefined {
  if (!ready.every(endpoint => hints(endpoint).length > 0)) return undefined
  const kept = ready.filter(endpoint => hints(endpoint).includes(ours))
  return kept.length === 0 ? undefined : packed(kept)
}
