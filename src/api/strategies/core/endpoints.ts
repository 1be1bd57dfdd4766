// v1 Endpoints and discovery.k8s.io/v1 EndpointSlice.

import type { Endpoints, EndpointSubset } from 'kubernetes-types/core/v1.d.ts'
import type { EndpointSlice } from 'kubernetes-types/discovery/v1.d.ts'
import { tryParseAddress } from '../../../net/ip/address.ts'
import { dns1123Label, dns1123Subdomain, qualifiedName } from '../../metadata/names.ts'
import { validateEndpointIp } from '../../metadata/validate-ip.ts'
import { oneOf, portNumber, TRANSPORT_PROTOCOLS } from '../../metadata/validate-value.ts'
import { equalJson, type ApiObject } from '../../object.ts'
import type { Strategy } from '../../registry/strategy.ts'
import { duplicate, forbidden, immutable, invalid, required, tooMany, type FieldError } from '../../status/field-error.ts'
import { ENDPOINT_SLICE_TABLE, ENDPOINTS_TABLE } from '../../tables/core.ts'

const MAX_ENDPOINTS = 1000
const MAX_ADDRESSES = 100
const MAX_PORTS = 20_000
const MAX_HINTS = 8
const ADDRESS_TYPES = ['FQDN', 'IPv4', 'IPv6'] as const

export const ENDPOINTS_DEPRECATION = 'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice'

export const endpointsStrategy = (base: Strategy): Strategy => ({
  ...base,
  applyDefaults: draft => {
    for (const port of ((draft as unknown as Endpoints).subsets ?? []).flatMap(({ ports = [] }) => ports)) port.protocol ||= 'TCP'
  },
  validateCreate: object => validateSubsets(object, undefined),
  update: { ...base.update, validate: validateSubsets },
  warnings: () => [ENDPOINTS_DEPRECATION],
  createsOnUpdate: true,
  table: ENDPOINTS_TABLE,
})

export const endpointSliceStrategy = (base: Strategy): Strategy => ({
  ...base,
  applyDefaults: draft => {
    for (const endpoint of (draft as unknown as EndpointSlice).endpoints ?? []) endpoint.conditions ??= {}
    for (const port of (draft as unknown as EndpointSlice).ports ?? []) {
      port.name ??= ''
      port.protocol ??= 'TCP'
    }
  },
  validateCreate: object => validateSlice(object, undefined),
  update: { ...base.update, validate: validateSlice },
  // Labels choose which consumers see a slice, so they count as content.
  generationChanges: (next, old) => ['endpoints', 'ports', 'addressType'].some(field => !equalJson(next[field], old[field])) ||
    !equalJson(next.metadata.labels ?? {}, old.metadata.labels ?? {}),
  warnings: object => ((object as unknown as EndpointSlice).addressType === 'FQDN' ? ['spec.addressType: FQDN endpoints are deprecated'] : []),
  table: ENDPOINT_SLICE_TABLE,
})

function validateSubsets(object: ApiObject, old: ApiObject | undefined): readonly FieldError[] {
  const { subsets = [] } = object as unknown as Endpoints
  const nodes = new Map(((old as unknown as Endpoints | undefined)?.subsets ?? []).flatMap(subset => allAddresses(subset).map(({ ip, nodeName }) => [ip, nodeName ?? ''] as const)))
  return subsets.flatMap((subset, index) => {
    const at = `subsets[${index}]`
    const errors: FieldError[] = []
    if (allAddresses(subset).length === 0) errors.push(required(at, 'must specify `addresses` or `notReadyAddresses`'))
    for (const list of ['addresses', 'notReadyAddresses'] as const) {
      ;(subset[list] ?? []).forEach(({ ip = '', hostname = '', nodeName }, position) => {
        const path = `${at}.${list}[${position}]`
        errors.push(...validateEndpointIp(`${path}.ip`, ip, { grandfathered: nodes.has(ip) }))
        if (hostname !== '') errors.push(...dns1123Label(hostname).map(problem => invalid(`${path}.hostname`, hostname, problem)))
        if (nodeName !== undefined) errors.push(...dns1123Subdomain(nodeName).map(problem => invalid(`${path}.nodeName`, nodeName, problem)))
        const before = nodes.get(ip)
        if (nodeName !== undefined && before !== undefined && before !== '' && before !== nodeName) {
          errors.push(forbidden(`${path}.nodeName`, 'endpoint address nodeName may not be changed'))
        }
      })
    }
    const names = new Set<string>()
    const ports = subset.ports ?? []
    ports.forEach(({ name = '', port, protocol, appProtocol }, position) => {
      const path = `${at}.ports[${position}]`
      if (name === '' && ports.length > 1) errors.push(required(`${path}.name`))
      else if (name !== '') {
        errors.push(...dns1123Label(name).map(problem => invalid(`${path}.name`, name, problem)))
        if (names.has(name)) errors.push(duplicate(`${path}.name`, name))
        names.add(name)
      }
      errors.push(...portNumber(`${path}.port`, port), ...oneOf(`${path}.protocol`, protocol, TRANSPORT_PROTOCOLS, { needed: true }))
      if (appProtocol !== undefined) errors.push(...qualifiedName(appProtocol).map(problem => invalid(`${path}.appProtocol`, appProtocol, problem)))
    })
    return errors
  })
}

const allAddresses = ({ addresses = [], notReadyAddresses = [] }: EndpointSubset): NonNullable<EndpointSubset['addresses']> => [...addresses, ...notReadyAddresses]

function validateSlice(object: ApiObject, old: ApiObject | undefined): readonly FieldError[] {
  const slice = object as unknown as EndpointSlice
  const { addressType = '', endpoints, ports } = slice
  const errors: FieldError[] = [...oneOf('addressType', addressType, ADDRESS_TYPES, { needed: true })]
  if (old !== undefined && old['addressType'] !== addressType) errors.push(immutable('addressType', addressType))
  const known = new Set(((old as unknown as EndpointSlice | undefined)?.endpoints ?? []).flatMap(({ addresses }) => addresses))
  const list = endpoints ?? []
  if (list.length > MAX_ENDPOINTS) return [...errors, tooMany('endpoints', list.length, MAX_ENDPOINTS)]
  list.forEach((endpoint, index) => errors.push(...validateEndpoint(endpoint as SliceEndpoint, `endpoints[${index}]`, addressType, known)))
  if ((ports?.length ?? 0) > MAX_PORTS) return [...errors, tooMany('ports', ports!.length, MAX_PORTS)]
  const names = new Set<string>()
  ;(ports ?? []).forEach(({ name = '', port, protocol, appProtocol }, index) => {
    const at = `ports[${index}]`
    if (name !== '') errors.push(...dns1123Label(name).map(problem => invalid(`${at}.name`, name, problem)))
    if (names.has(name)) errors.push(duplicate(`${at}.name`, name))
    names.add(name)
    if (port !== undefined && port !== 0) errors.push(...portNumber(`${at}.port`, port))
    errors.push(...oneOf(`${at}.protocol`, protocol, TRANSPORT_PROTOCOLS, { needed: true }))
    if (appProtocol !== undefined) errors.push(...qualifiedName(appProtocol).map(problem => invalid(`${at}.appProtocol`, appProtocol, problem)))
  })
  return errors
}

type SliceEndpoint = NonNullable<EndpointSlice['endpoints']>[number] & { hints?: { forNodes?: { name: string }[] } }

function validateEndpoint(endpoint: SliceEndpoint, path: string, addressType: string, known: ReadonlySet<string>): readonly FieldError[] {
  const errors: FieldError[] = []
  const { addresses = [], hostname, nodeName, hints } = endpoint
  if (addresses.length === 0) errors.push(required(`${path}.addresses`, 'must contain at least 1 address'))
  if (addresses.length > MAX_ADDRESSES) errors.push(tooMany(`${path}.addresses`, addresses.length, MAX_ADDRESSES))
  addresses.forEach((text, index) => errors.push(...validateSliceAddress(text, `${path}.addresses`, index, addressType, known)))
  if (nodeName !== undefined) errors.push(...dns1123Subdomain(nodeName).map(problem => invalid(`${path}.nodeName`, nodeName, problem)))
  if (hostname !== undefined) errors.push(...dns1123Label(hostname).map(problem => invalid(`${path}.hostname`, hostname, problem)))
  for (const list of ['forZones', 'forNodes'] as const) {
    const items = hints?.[list] ?? []
    if (items.length > MAX_HINTS) errors.push(tooMany(`${path}.hints.${list}`, items.length, MAX_HINTS))
    const names = new Set<string>()
    items.forEach(({ name = '' }, index) => {
      const at = `${path}.hints.${list}[${index}].name`
      if (name === '') errors.push(required(at))
      else if (names.has(name)) errors.push(duplicate(at, name))
      names.add(name)
    })
  }
  return errors
}

function validateSliceAddress(text: string, path: string, index: number, addressType: string, known: ReadonlySet<string>): readonly FieldError[] {
  const field = `${path}[${index}]`
  if (addressType === 'FQDN') return dns1123Subdomain(text).map(problem => invalid(field, text, problem))
  if (addressType !== 'IPv4' && addressType !== 'IPv6') return []
  const errors = validateEndpointIp(field, text, { grandfathered: known.has(text) })
  const address = tryParseAddress(text)
  if (address !== undefined && `IPv${address.family}` !== addressType) return [invalid(path, text, `must be an ${addressType} address`)]
  return errors
}
