// From a Service object to its service ports of one address family. Never throws: what cannot be used is
// left out and reported.

import type { Service, ServicePort as ApiServicePort, ServiceSpec } from 'kubernetes-types/core/v1.d.ts'
import { flatText } from '../../ops/flat-text.ts'
import { sameAddress, type Address, type Family } from '../../net/ip/address.ts'
import { PROTOCOLS, type Port, type Protocol } from '../../net/ip/port.ts'
import type { Prefix } from '../../net/ip/prefix.ts'
import { packed } from '../packed.ts'
import { parseLenientAddress, parseLenientPrefix } from './lenient-ip.ts'
import { serviceKeyOf, servicePortKeyOf, type ServicePort } from './service-port.ts'

/** A field that was skipped. */
export type Problem = Readonly<{ object: string; field: string; value: unknown; problem: string }>

export type ReadServiceOptions = Readonly<{ family: Family; allowExternalIps: boolean }>

/** Services labelled so belong to another proxy. */
export const PROXY_NAME_LABEL = 'service.kubernetes.io/service-proxy-name'

/** Default of sessionAffinityConfig.clientIP.timeoutSeconds (k8s.io/api/core/v1, DefaultClientIPServiceAffinitySeconds). */
const DEFAULT_AFFINITY_SECONDS = 10_800

export function readService(service: Service, options: ReadServiceOptions, problems: Problem[]): readonly ServicePort[] {
  const { spec, metadata } = service
  if (spec === undefined || metadata?.name === undefined || metadata.namespace === undefined) return []
  if (metadata.labels?.[PROXY_NAME_LABEL] !== undefined || spec.type === 'ExternalName') return []
  const object = `Service ${metadata.namespace}/${metadata.name}`
  const complain = (field: string, value: unknown, problem: string): void => void problems.push({ object, field, value, problem })
  const clusterIp = clusterIpOf(spec, options.family, complain)
  if (clusterIp === undefined) return []
  const shared = { ...sharedFieldsOf(service, spec, options, complain), clusterIp, key: serviceKeyOf(metadata.namespace, metadata.name) }
  const seen = new Set<string>()
  return packed((spec.ports ?? []).flatMap((entry, index) => {
    const port = servicePortOf(entry, { ...shared, namespace: metadata.namespace!, name: metadata.name! }, (field, value, problem) =>
      complain(`spec.ports[${index}].${field}`, value, problem),
    )
    if (port === undefined || seen.has(port.key)) return []
    seen.add(port.key)
    return [port]
  }))
}

type Complain = (field: string, value: unknown, problem: string) => void
type Shared = ReturnType<typeof sharedFieldsOf> &
  Readonly<{ clusterIp: Address; key: ReturnType<typeof serviceKeyOf>; namespace: string; name: string }>

function clusterIpOf(spec: ServiceSpec, family: Family, complain: Complain): Address | undefined {
  const noIp = (text: string | undefined): boolean => text === undefined || text === '' || text === 'None'
  if (noIp(spec.clusterIP)) return undefined
  const families = spec.ipFamilies ?? []
  const index = families.indexOf(family === 4 ? 'IPv4' : 'IPv6')
  const text = families.length === 0 ? spec.clusterIP : index === -1 ? undefined : (spec.clusterIPs?.[index] ?? (index === 0 ? spec.clusterIP : undefined))
  if (noIp(text)) return undefined
  const address = parseLenientAddress(text!)
  if (address === undefined) complain('spec.clusterIP', text, 'is not an address')
  return address?.family === family ? address : undefined
}

/** The derived fields that all ports of a Service share. */
function sharedFieldsOf(service: Service, spec: ServiceSpec, { family, allowExternalIps }: ReadServiceOptions, complain: Complain) {
  const externalIps = allowExternalIps ? addressesOf(spec.externalIPs ?? [], family, 'spec.externalIPs', complain) : []
  const ingress = (service.status?.loadBalancer?.ingress ?? []).filter(entry => (entry.ipMode ?? 'VIP') === 'VIP')
  const vips = addressesOf(ingress.map(entry => entry.ip ?? ''), family, 'status.loadBalancer.ingress', complain)
  const { type = 'ClusterIP' } = spec
  const externalPolicyLocal =
    spec.externalTrafficPolicy === 'Local' &&
    (type === 'LoadBalancer' || type === 'NodePort' || (type === 'ClusterIP' && externalIps.length > 0))
  return {
    externalIps,
    loadBalancerVips: vips,
    sourceRanges: sourceRangesOf(spec.loadBalancerSourceRanges ?? [], family, complain),
    externalPolicyLocal,
    internalPolicyLocal: spec.internalTrafficPolicy === 'Local',
    affinityTimeoutSeconds:
      spec.sessionAffinity === 'ClientIP' ? (spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? DEFAULT_AFFINITY_SECONDS) : undefined,
    healthCheckNodePort: type === 'LoadBalancer' && externalPolicyLocal ? portOf(spec.healthCheckNodePort) : undefined,
    createdAtMs: Date.parse(String(service.metadata?.creationTimestamp ?? '')) || 0,
  }
}

function servicePortOf(entry: ApiServicePort, shared: Shared, complain: Complain): ServicePort | undefined {
  const port = portOf(entry.port)
  if (port === undefined) {
    complain('port', entry.port, 'is not a port between 1 and 65535')
    return undefined
  }
  const protocol = protocolOf(entry.protocol)
  if (protocol === undefined) {
    complain('protocol', entry.protocol, 'is none of TCP, UDP and SCTP')
    return undefined
  }
  const portName = entry.name ?? ''
  const { key: service, ...fields } = shared
  return {
    ...fields,
    key: servicePortKeyOf(service, portName, protocol),
    service,
    portName,
    text: portName === '' ? service : flatText(service, ':', portName),
    protocol,
    port,
    nodePort: portOf(entry.nodePort),
  }
}

export const protocolOf = (text: string | undefined): Protocol | undefined => PROTOCOLS.find(protocol => protocol === (text ?? 'TCP'))

/** Undefined for nothing, zero and nonsense. */
export const portOf = (value: unknown): Port | undefined =>
  typeof value === 'number' && Number.isInteger(value) && value > 0 && value <= 65_535 ? (value as Port) : undefined

function addressesOf(texts: readonly string[], family: Family, field: string, complain: Complain): readonly Address[] {
  const found: Address[] = []
  for (const text of texts) {
    if (text.trim() === '') continue
    const address = parseLenientAddress(text)
    if (address === undefined) complain(field, text, 'is not an address')
    else if (address.family === family && !found.some(other => sameAddress(other, address))) found.push(address)
  }
  return packed(found)
}

/** A range of length 0 opens the whole list. */
function sourceRangesOf(texts: readonly string[], family: Family, complain: Complain): readonly Prefix[] {
  const found = new Map<string, Prefix>()
  for (const text of texts) {
    const trimmed = text.trim()
    if (trimmed === '') continue
    const prefix = parseLenientPrefix(trimmed)
    if (prefix === undefined) complain('spec.loadBalancerSourceRanges', text, 'is not a prefix')
    else if (prefix.family === family) found.set(`${prefix.network}/${prefix.length}`, prefix)
  }
  const ranges = [...found.values()]
  if (ranges.some(range => range.length === 0)) return []
  if (ranges.length === 0 && texts.some(text => text.trim() !== '')) {
    complain('spec.loadBalancerSourceRanges', texts, `has no IPv${family} entry, so every IPv${family} source is allowed`)
  }
  return packed(ranges)
}
