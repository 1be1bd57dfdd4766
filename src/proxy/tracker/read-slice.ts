// From an EndpointSlice to what the proxy remembers of it, for one address family.

import type { Endpoint as ApiEndpoint, EndpointSlice } from 'kubernetes-types/discovery/v1.d.ts'
import { flatText } from '../../ops/flat-text.ts'
import type { Family } from '../../net/ip/address.ts'
import type { Port, Protocol } from '../../net/ip/port.ts'
import { packed } from '../packed.ts'
import { Endpoint, NO_HINTS, sameEndpoints, type EndpointFields, type Hints, type Locality } from './endpoint.ts'
import { parseLenientAddress } from './lenient-ip.ts'
import { portOf, protocolOf, type Problem } from './read-service.ts'
import { serviceKeyOf, type ServiceKey } from './service-port.ts'

export const SERVICE_NAME_LABEL = 'kubernetes.io/service-name'
export const TRIGGER_TIME_ANNOTATION = 'endpoints.kubernetes.io/last-change-trigger-time'

export type SlicePort = Readonly<{ portName: string; protocol: Protocol; port: Port; endpoints: readonly Endpoint[] }>

export type Slice = Readonly<{
  /** "namespace/slicename". */
  key: string
  service: ServiceKey
  /** One entry per usable port, each with its endpoints sorted by identity; one that is listed twice stands twice. */
  ports: readonly SlicePort[]
}>

export const sliceKeyOf = (namespace: string | undefined, name: string | undefined): string => flatText(namespace ?? '', '/', name ?? '')

export type ReadSliceOptions = Readonly<{ family: Family; nodeName: string }>

/** Answers undefined for a slice that does not concern this family or names no Service. */
export function readSlice(slice: EndpointSlice, { family, nodeName }: ReadSliceOptions, problems: Problem[]): Slice | undefined {
  if (slice.addressType !== (family === 4 ? 'IPv4' : 'IPv6')) return undefined
  const namespace = slice.metadata?.namespace
  const serviceName = slice.metadata?.labels?.[SERVICE_NAME_LABEL]
  const object = `EndpointSlice ${namespace}/${slice.metadata?.name}`
  if (!namespace || !slice.metadata?.name || !serviceName) {
    problems.push({ object, field: `metadata.labels["${SERVICE_NAME_LABEL}"]`, value: serviceName, problem: 'names no Service; the slice is ignored' })
    return undefined
  }
  const hosts = (slice.endpoints ?? []).flatMap(endpoint => hostOf(endpoint, family, nodeName) ?? [])
  const ports = packed((slice.ports ?? []).flatMap(entry => {
    const port = portOf(entry.port)
    const protocol = protocolOf(entry.protocol)
    if (entry.name === undefined || entry.name === null || port === undefined || protocol === undefined) return []
    return [{ portName: entry.name, protocol, port, endpoints: hosts.map(host => new Endpoint({ ...host, port })).sort(byIdentity) }]
  }))
  return { key: sliceKeyOf(namespace, slice.metadata.name), service: serviceKeyOf(namespace, serviceName), ports }
}

const byIdentity = (a: Endpoint, b: Endpoint): number => (a.identity < b.identity ? -1 : a.identity > b.identity ? 1 : 0)

/** What an endpoint is before its port is known. Only the first address counts. */
function hostOf(endpoint: ApiEndpoint, family: Family, nodeName: string): Omit<EndpointFields, 'port'> | undefined {
  const text = endpoint.addresses?.[0]
  const address = text === undefined ? undefined : parseLenientAddress(text)
  if (address?.family !== family) return undefined
  const { conditions = {} } = endpoint
  const ready = conditions.ready ?? true
  return {
    address,
    locality: localityOf(endpoint.nodeName, nodeName),
    ready,
    serving: conditions.serving ?? true,
    terminating: conditions.terminating ?? false,
    hints: hintsOf(endpoint),
  }
}

function hintsOf(endpoint: ApiEndpoint): Hints {
  const { forZones = [], forNodes = [] } = (endpoint.hints ?? {}) as { forZones?: readonly { name: string }[]; forNodes?: readonly { name: string }[] }
  return forZones.length + forNodes.length === 0 ? NO_HINTS : { zones: forZones.map(zone => zone.name), nodes: forNodes.map(node => node.name) }
}

const localityOf = (endpointNode: string | undefined | null, nodeName: string): Locality =>
  endpointNode === undefined || endpointNode === null ? 'unknown' : endpointNode === nodeName ? 'local' : 'remote'

export const sameSlice = (a: Slice, b: Slice): boolean =>
  a.service === b.service &&
  a.ports.length === b.ports.length &&
  a.ports.every((port, i) => {
    const other = b.ports[i]!
    return (
      port.portName === other.portName &&
      port.protocol === other.protocol &&
      port.port === other.port &&
      sameEndpoints(port.endpoints, other.endpoints)
    )
  })

/**
 * The union over a Service's slices of the endpoints of one port, sorted by identity.
 *
 * An endpoint may be listed twice while it moves between slices, or when a pod's address was reused: the entry
 * that is not terminating counts, and among equals the one that is ready, then the first.
 */
export function mergeEndpoints(slices: Iterable<Slice>, portName: string, protocol: Protocol): readonly Endpoint[] {
  const lists: (readonly Endpoint[])[] = []
  for (const slice of slices) {
    for (const port of slice.ports) if (port.portName === portName && port.protocol === protocol) lists.push(port.endpoints)
  }
  // Most Services have one slice. Its own list, not a copy: with many endpoints the lists are a good part of the memory.
  if (lists.length === 1 && lists[0]!.every((endpoint, i, list) => i === 0 || list[i - 1]!.identity !== endpoint.identity)) return lists[0]!
  const found = new Map<string, Endpoint>()
  for (const list of lists) {
    for (const endpoint of list) {
      const before = found.get(endpoint.identity)
      if (before === undefined || rank(endpoint) > rank(before)) found.set(endpoint.identity, endpoint)
    }
  }
  return [...found.values()].sort(byIdentity)
}

const rank = (endpoint: Endpoint): number => (endpoint.terminating ? 0 : 4) + (endpoint.ready ? 2 : 0) + (endpoint.serving ? 1 : 0)
