// A lease: which host owns which pod subnets, and how to reach it. The same for every store.

import { formatAddress, sameAddress, type Address } from '../../net/ip/address.ts'
import { formatPrefix, overlaps, type Prefix } from '../../net/ip/prefix.ts'
import { entriesOf, FAMILIES, mapFamilies, type PerFamily } from './per-family.ts'

export type Lease = Readonly<{
  /** Name of the owner in its store: the Node's name, or the etcd key's last part. */
  owner: string
  subnets: PerFamily<Prefix>
  attributes: LeaseAttributes
  /** Position in the order of creation within one store; the smaller is the older. */
  age: number
}>

/** What a host publishes about itself. */
export type LeaseAttributes = Readonly<{
  publicIps: PerFamily<Address>
  /** "vxlan", "host-gw", …; empty for the backends that publish none (udp, alloc). */
  backendType: string
  /** Backend-specific JSON, read by the backend's own parser and by nobody else. */
  backendData: PerFamily<unknown>
  /** The MTU of the host's pods, where the host says it (Weft does, flannel does not). */
  podMtu?: number
}>

/** Two leases for which a host would program the kernel alike. */
export const sameLease = (a: Lease, b: Lease): boolean => canonical(a) === canonical(b)

export const sameAttributes = (a: LeaseAttributes, b: LeaseAttributes): boolean => attributesText(a) === attributesText(b)

/** "10.244.1.0/24, fd00:1::/64", for logs and messages. */
export const formatSubnets = (subnets: PerFamily<Prefix>): string => entriesOf(subnets).map(([, subnet]) => formatPrefix(subnet)).join(', ')

/** True when both have the same subnets, family by family. */
export const sameSubnets = (a: PerFamily<Prefix>, b: PerFamily<Prefix>): boolean => formatSubnets(a) === formatSubnets(b)

/** True when a subnet of one overlaps a subnet of the other. */
export const subnetsOverlap = (a: PerFamily<Prefix>, b: PerFamily<Prefix>): boolean =>
  FAMILIES.some(family => a[family] !== undefined && b[family] !== undefined && overlaps(a[family], b[family]))

/** True when both publish the same address in some family: the sign of a cloned or NAT-hidden host. */
export const sharesPublicIp = (a: LeaseAttributes, b: LeaseAttributes): boolean =>
  FAMILIES.some(family => a.publicIps[family] !== undefined && b.publicIps[family] !== undefined && sameAddress(a.publicIps[family], b.publicIps[family]))

const canonical = (lease: Lease): string => `${lease.owner} ${formatSubnets(lease.subnets)} ${attributesText(lease.attributes)}`

const attributesText = (attributes: LeaseAttributes): string =>
  JSON.stringify([
    mapFamilies(attributes.publicIps, formatAddress),
    attributes.backendType,
    mapFamilies(attributes.backendData, sortedJson),
    attributes.podMtu ?? null,
  ])

/** JSON text with the members of every object in order of name, so that equal data has equal text. */
export function sortedJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(sortedJson).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${sortedJson(member)}`).join(',')}}`
}
