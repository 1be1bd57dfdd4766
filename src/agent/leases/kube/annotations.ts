// A Kubernetes Node as a lease: flannel's annotations, read and written.

import type { Node } from 'kubernetes-types/core/v1.d.ts'
import { formatAddress, tryParseAddress, type Family } from '../../../net/ip/address.ts'
import { parseInterfaceAddress, prefixOf, type Prefix } from '../../../net/ip/prefix.ts'
import { InputError, WeftError } from '../../../ops/errors.ts'
import type { Lease, LeaseAttributes } from '../lease.ts'
import { FAMILIES, familiesOf, perFamily, type PerFamily } from '../per-family.ts'

/** Names of the annotations under one prefix. */
export type AnnotationNames = Readonly<{
  marker: string
  backendType: string
  backendData: { readonly 4: string; readonly 6: string }
  publicIp: { readonly 4: string; readonly 6: string }
  publicIpOverwrite: { readonly 4: string; readonly 6: string }
  nodePublicIp: { readonly 4: string; readonly 6: string }
  /** Weft's own addition: the MTU of the host's pods. */
  podMtu: string
}>

/** flannel's rule: at most one "/"; a bare domain gets one; a name part that does not end in "-" gets one. */
export function annotationNames(prefix: string): AnnotationNames {
  let full = prefix
  if (!full.includes('/')) full += '/'
  if (!full.endsWith('/') && !full.endsWith('-')) full += '-'
  if (!/^[a-z0-9_.-]+\/(?:[a-z0-9_.-]+-)?$/.test(full)) {
    throw new InputError('kube-annotation-prefix', prefix, 'is not like "example.com" or "example.com/name": lower-case letters, digits, "_", "-", "." and at most one "/"')
  }
  return {
    marker: `${full}kube-subnet-manager`,
    backendType: `${full}backend-type`,
    backendData: { 4: `${full}backend-data`, 6: `${full}backend-v6-data` },
    publicIp: { 4: `${full}public-ip`, 6: `${full}public-ipv6` },
    publicIpOverwrite: { 4: `${full}public-ip-overwrite`, 6: `${full}public-ipv6-overwrite` },
    nodePublicIp: { 4: `${full}node-public-ip`, 6: `${full}node-public-ipv6` },
    podMtu: `${full}weft-pod-mtu`,
  }
}

/** Those that an agent writes: without them a node is nobody's peer. What operators set is theirs. */
export const publishedNames = ({ marker, backendType, backendData, publicIp, podMtu }: AnnotationNames): readonly string[] =>
  [marker, backendType, backendData[4], backendData[6], publicIp[4], publicIp[6], podMtu]

/** A Node whose annotations or pod CIDRs cannot be read as a lease. */
export class NodeLeaseError extends WeftError {
  constructor(node: string, field: string, value: unknown, problem: string) {
    super('NODE_LEASE_INVALID', `node ${node}: ${field}: ${JSON.stringify(value)}: ${problem}`, { node, field, value })
  }
}

/** The node's pod subnets, one per family; empty while the controller manager has not assigned any. */
export function podSubnets(node: Node): PerFamily<Prefix> {
  const name = node.metadata?.name ?? ''
  const listed = node.spec?.podCIDRs ?? []
  const texts = listed.length > 0 ? listed : node.spec?.podCIDR ? [node.spec.podCIDR] : []
  if (texts.length > 2) throw new NodeLeaseError(name, 'spec.podCIDRs', texts, 'has more than one per family')
  const prefixes = texts.map(text => {
    const { address, prefixLength } = parseInterfaceAddress(text, `node ${name}: spec.podCIDRs`)
    return prefixOf(address, prefixLength)
  })
  if (prefixes.length === 2 && prefixes[0]!.family === prefixes[1]!.family) throw new NodeLeaseError(name, 'spec.podCIDRs', texts, 'has two of one family')
  return perFamily(family => prefixes.find(prefix => prefix.family === family))
}

/**
 * The lease that a node publishes; undefined for a node that runs no pod-network agent or has no pod CIDR yet.
 * Throws NodeLeaseError or InputError when it publishes something unreadable.
 */
export function leaseOfNode(node: Node, names: AnnotationNames): Lease | undefined {
  const annotations = node.metadata?.annotations ?? {}
  const owner = node.metadata?.name ?? ''
  if (annotations[names.marker] !== 'true') return undefined
  const subnets = podSubnets(node)
  if (familiesOf(subnets).length === 0) return undefined
  const attributes = attributesOf(owner, annotations, names)
  return { owner, subnets, attributes, age: Date.parse(String(node.metadata?.creationTimestamp ?? '')) || 0 }
}

function attributesOf(owner: string, annotations: Readonly<Record<string, string>>, names: AnnotationNames): LeaseAttributes {
  const podMtu = Number(annotations[names.podMtu] ?? Number.NaN)
  return {
    publicIps: perFamily(family => publicIp(owner, annotations[names.publicIp[family]], { field: names.publicIp[family], family })),
    backendType: annotations[names.backendType] ?? '',
    backendData: perFamily(family => jsonOf(owner, annotations[names.backendData[family]], names.backendData[family])),
    ...(Number.isInteger(podMtu) && podMtu > 0 ? { podMtu } : {}),
  }
}

function publicIp(owner: string, text: string | undefined, { field, family }: Readonly<{ field: string; family: Family }>) {
  if (text === undefined || text === '') return undefined
  const address = tryParseAddress(text)
  if (address === undefined || address.family !== family) throw new NodeLeaseError(owner, field, text, `is not an IPv${family} address`)
  // flannel writes 0.0.0.0 on hosts that have IPv6 only.
  return address.bits === 0n ? undefined : address
}

function jsonOf(owner: string, text: string | undefined, field: string): unknown {
  if (text === undefined || text === '') return undefined
  try {
    return JSON.parse(text) ?? undefined
  } catch {
    throw new NodeLeaseError(owner, field, text, 'is not JSON')
  }
}

/** The annotations that publish `attributes`, all of them; an operator's overwrite takes the address's place. */
export function annotationsOf(
  attributes: LeaseAttributes,
  input: Readonly<{ names: AnnotationNames; families: readonly Family[]; current: Readonly<Record<string, string>> }>,
): Readonly<Record<string, string>> {
  const { names, current } = input
  const written: Record<string, string> = { [names.marker]: 'true', [names.backendType]: attributes.backendType }
  for (const family of FAMILIES) {
    const address = attributes.publicIps[family]
    const overwrite = current[names.publicIpOverwrite[family]]
    if (overwrite !== undefined && overwrite !== '') written[names.publicIp[family]] = overwrite
    else if (address !== undefined) written[names.publicIp[family]] = formatAddress(address)
    const data = attributes.backendData[family]
    // flannel writes a literal "null" for a backend without data.
    if (input.families.includes(family)) written[names.backendData[family]] = data === undefined ? 'null' : JSON.stringify(data)
  }
  if (attributes.podMtu !== undefined) written[names.podMtu] = String(attributes.podMtu)
  return written
}

/** Those of `wanted` that the node does not carry yet. */
export const changedAnnotations = (wanted: Readonly<Record<string, string>>, current: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(wanted).filter(([name, value]) => current[name] !== value))

