// The network configuration (net-conf.json, or etcd's <prefix>/config): names, defaults and limits are flannel's.

import { addressFromBits, ADDRESS_BITS, formatAddress, parseAddress, type Address, type Family } from '../../net/ip/address.ts'
import { containsAddress, formatPrefix, parseInterfaceAddress, prefixOf, type Prefix } from '../../net/ip/prefix.ts'
import { InputError } from '../../ops/errors.ts'
import { familiesOf, mapFamilies, perFamily, type PerFamily } from '../leases/per-family.ts'
import { parseBackendConfig, type BackendConfig } from './backend-config.ts'
import { parseGoObject, type GoObject } from './go-json.ts'

/** One family's pod network and the range from which host subnets are leased. */
export type SubnetPool = Readonly<{
  network: Prefix
  subnetLength: number
  /** First and last subnet that may be leased, both inclusive. */
  first: Address
  last: Address
}>

export type NetworkConfig = Readonly<{
  pools: PerFamily<SubnetPool>
  enableNftables: boolean
  backend: BackendConfig
}>

export type StoreKind = 'kube' | 'etcd'

/** The pod networks, one per family in use. */
export const networksOf = (config: NetworkConfig): PerFamily<Prefix> => mapFamilies(config.pools, pool => pool.network)

/** Parses and validates the whole text; throws InputError naming the first member that is wrong. */
export function parseNetworkConfig(text: string, options: Readonly<{ source: string; store: StoreKind }>): NetworkConfig {
  const root = parseGoObject(text, options.source)
  const enabled = { 4: root.boolean('EnableIPv4', true), 6: root.boolean('EnableIPv6', false) }
  if (!enabled[4] && !enabled[6]) throw new InputError('EnableIPv4', false, 'and EnableIPv6 are both off; enable one of them')
  if (!enabled[4] && options.store === 'etcd') {
    throw new InputError('EnableIPv4', false, 'needs the Kubernetes store: an etcd lease key cannot be written without an IPv4 part')
  }
  const pools = perFamily(family => (enabled[family] ? parsePool(root, family) : undefined))
  const backend = parseBackendConfig(root.object('Backend'), { families: familiesOf(pools) })
  return { pools, enableNftables: root.boolean('EnableNFTables', false), backend }
}

const MEMBERS = {
  4: { network: 'Network', length: 'SubnetLen', min: 'SubnetMin', max: 'SubnetMax' },
  6: { network: 'IPv6Network', length: 'IPv6SubnetLen', min: 'IPv6SubnetMin', max: 'IPv6SubnetMax' },
} as const

/** flannel's limits: the usual subnet length, the longest, and the narrowest network that still holds subnets. */
const LIMITS = { 4: { usual: 24, longest: 30, narrowest: 28 }, 6: { usual: 64, longest: 126, narrowest: 124 } } as const

function parsePool(root: GoObject, family: Family): SubnetPool {
  const names = MEMBERS[family]
  const network = parseNetwork(root, names.network, family)
  const subnetLength = parseSubnetLength(root, network)
  const size = 1n << BigInt(ADDRESS_BITS[family] - subnetLength)
  const lastBits = network.network + (1n << BigInt(ADDRESS_BITS[family] - network.length)) - size
  const first = parseBound(root, names.min, { network, subnetLength }) ?? addressFromBits(family, network.network + size)
  const last = parseBound(root, names.max, { network, subnetLength }) ?? addressFromBits(family, lastBits)
  if (first.bits > last.bits) throw new InputError(names.min, formatAddress(first), `lies above ${names.max} ${formatAddress(last)}`)
  return { network, subnetLength, first, last }
}

/** flannel masks stray host bits here (10.5.3.1/16 is 10.5.0.0/16), so this door does too. */
function parseNetwork(root: GoObject, member: string, family: Family): Prefix {
  const text = root.string(member)
  if (text === undefined || text === '') throw new InputError(member, text ?? null, `is required when IPv${family} is enabled`)
  const { address, prefixLength } = parseInterfaceAddress(text, member)
  if (address.family !== family) throw new InputError(member, text, `is not an IPv${family} network`)
  return prefixOf(address, prefixLength)
}

function parseSubnetLength(root: GoObject, network: Prefix): number {
  const member = MEMBERS[network.family].length
  const limits = LIMITS[network.family]
  // Go's zero value: flannel takes SubnetLen 0 as "not given".
  const given = root.integer(member, { min: 0, max: 128 })
  if (given !== undefined && given > 0) {
    if (given > limits.longest) throw new InputError(member, given, `is above ${limits.longest}`)
    if (given < network.length + 2) throw new InputError(member, given, `leaves fewer than four subnets in ${formatPrefix(network)}; use ${network.length + 2} or more`)
    return given
  }
  if (network.length > limits.narrowest) {
    throw new InputError(MEMBERS[network.family].network, formatPrefix(network), `is too small to be divided; use /${limits.narrowest} or wider`)
  }
  return network.length + 2 <= limits.usual ? limits.usual : network.length + 2
}

function parseBound(root: GoObject, member: string, pool: Readonly<{ network: Prefix; subnetLength: number }>): Address | undefined {
  const text = root.string(member)
  if (text === undefined) return undefined
  const address = parseAddress(text, member)
  if (!containsAddress(pool.network, address)) throw new InputError(member, text, `is outside ${formatPrefix(pool.network)}`)
  if (prefixOf(address, pool.subnetLength).network !== address.bits) {
    throw new InputError(member, text, `is not the first address of a /${pool.subnetLength} subnet`)
  }
  return address
}
