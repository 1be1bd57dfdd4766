// Which addresses of this node take node ports.

import { containsAddress, type Prefix } from '../../net/ip/prefix.ts'
import { formatAddress, parseAddress, type Address, type Family } from '../../net/ip/address.ts'
import { parsePrefix } from '../../net/ip/prefix.ts'
import type { NodePortSelection } from '../config/proxy-config.ts'
import type { NodePortAddresses } from '../local-traffic.ts'

const LOOPBACK_NET = { 4: parsePrefix('127.0.0.0/8', 'loopback'), 6: parsePrefix('::1/128', 'loopback') } as const
const LOOPBACK_BASE = parseAddress('127.0.0.0', 'loopback')

/** The prefixes that hold for one family; undefined: every address does. A family without a prefix of its own is open. */
export function prefixesOf(selection: NodePortSelection, family: Family, nodeIp: Address | undefined): readonly Prefix[] | undefined {
  if (selection === 'all') return undefined
  if (selection === 'primary') return nodeIp === undefined ? undefined : [parsePrefix(`${formatAddress(nodeIp)}/${family === 4 ? 32 : 128}`, 'nodePortAddresses')]
  const own = selection.filter(prefix => prefix.family === family)
  return own.length === 0 || own.some(prefix => prefix.length === 0) ? undefined : own
}

export const isLoopback = (address: Address): boolean => containsAddress(LOOPBACK_NET[address.family], address)

/** True when node ports answer on 127.0.0.0/8: wanted, IPv4, and inside what is selected. */
export const servesLoopback = (wanted: boolean, family: Family, prefixes: readonly Prefix[] | undefined): boolean =>
  wanted && family === 4 && (prefixes === undefined || prefixes.some(prefix => containsAddress(prefix, LOOPBACK_BASE) || isLoopback({ ...LOOPBACK_BASE, bits: prefix.network } as Address)))

/** `local`: all addresses of this host, as the kernel lists them. */
export function selectAddresses(prefixes: readonly Prefix[] | undefined, loopback: boolean, local: readonly Address[]): NodePortAddresses {
  if (prefixes === undefined) return { kind: 'all', loopback }
  const inside = local.filter(address => prefixes.some(prefix => containsAddress(prefix, address)) && (loopback || !isLoopback(address)))
  return { kind: 'listed', addresses: [...inside].sort((a, b) => (a.bits < b.bits ? -1 : a.bits > b.bits ? 1 : 0)) }
}
