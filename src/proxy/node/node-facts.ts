// What the proxy takes from its own Node object.

import type { Node } from 'kubernetes-types/core/v1.d.ts'
import { parseAddress, type Address, type Family } from '../../net/ip/address.ts'
import type { Prefix } from '../../net/ip/prefix.ts'
import { parseLenientAddress, parseLenientPrefix } from '../tracker/lenient-ip.ts'

export const ZONE_LABEL = 'topology.kubernetes.io/zone'

const LOOPBACK = { 4: parseAddress('127.0.0.1', 'loopback'), 6: parseAddress('::1', 'loopback') } as const

/** At most one address per family; the family of the first is the primary one. */
export type NodeIps = Readonly<{ primary: Family; ips: Readonly<Partial<Record<Family, Address>>> }>

/** Internal addresses before external ones, each in the Node's order. Undefined: the Node has none (yet). */
export function nodeIpsOf(node: Node | undefined): NodeIps | undefined {
  const all = node?.status?.addresses ?? []
  const texts = ['InternalIP', 'ExternalIP'].flatMap(type => all.filter(entry => entry.type === type).map(entry => entry.address))
  const addresses = texts.flatMap(text => parseLenientAddress(text) ?? [])
  const first = addresses[0]
  if (first === undefined) return undefined
  const other = addresses.find(address => address.family !== first.family)
  return { primary: first.family, ips: { [first.family]: first, ...(other === undefined ? {} : { [other.family]: other }) } }
}

/** An address given by configuration replaces the one of its family and makes that family the primary one. */
export function withBindAddress(ips: NodeIps | undefined, bindAddress: Address): NodeIps {
  const known: NodeIps = ips ?? { primary: bindAddress.family, ips: {} }
  return bindAddress.bits === 0n ? known : { primary: bindAddress.family, ips: { ...known.ips, [bindAddress.family]: bindAddress } }
}

/** The node's address of a family; loopback when it has none, which lies in no source range. */
export const nodeIp = (ips: NodeIps, family: Family): Address => ips.ips[family] ?? LOOPBACK[family]

export const zoneOf = (node: Node | undefined): string | undefined => node?.metadata?.labels?.[ZONE_LABEL]

/** The first pod CIDR of each family. */
export function podCidrsOf(node: Node | undefined): Readonly<Partial<Record<Family, Prefix>>> {
  const texts = node?.spec?.podCIDRs ?? (node?.spec?.podCIDR === undefined ? [] : [node.spec.podCIDR])
  const found: Partial<Record<Family, Prefix>> = {}
  for (const text of texts) {
    const prefix = parseLenientPrefix(text)
    if (prefix !== undefined) found[prefix.family] ??= prefix
  }
  return found
}
