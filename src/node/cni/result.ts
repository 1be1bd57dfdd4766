// What an ADD answers: the addresses of the attachment (CNI specification, section 5).

import { formatAddress } from '../../net/ip/address.ts'
import { parseInterfaceAddress } from '../../net/ip/prefix.ts'
import { CniError } from './cni-error.ts'

/** The result as the last plugin printed it: kept whole, because DEL and CHECK hand it back. */
export type CniResult = Readonly<Record<string, unknown>>

/** Addresses that belong to `interfaceName` (or to none), in the result's order, without their prefix. */
export function addressesOf(result: CniResult, interfaceName: string): readonly string[] {
  const interfaces = listOf(result['interfaces']) as readonly Readonly<{ name?: unknown; sandbox?: unknown }>[]
  return listOf(result['ips']).flatMap((entry, index) => {
    const { address, interface: position } = entry as Readonly<{ address?: unknown; interface?: unknown }>
    const owner = typeof position === 'number' ? interfaces[position] : undefined
    if (owner !== undefined && (owner.name !== interfaceName || !owner.sandbox)) return []
    if (typeof address !== 'string') throw new CniError('CNI_PLUGIN_FAILED', `the plugin's result has no address in ips[${index}]`)
    return [formatAddress(parseInterfaceAddress(address, `ips[${index}].address`).address)]
  })
}

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])
