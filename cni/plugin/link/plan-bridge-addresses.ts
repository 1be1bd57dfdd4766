// Which gateway addresses a bridge lacks, and which of its own are in the way.

import { sameAddress } from '../../../src/net/ip/address.ts'
import { containsAddress, formatInterfaceAddress, prefixOf, type InterfaceAddress } from '../../../src/net/ip/prefix.ts'
import { CniError } from '../cni-error.ts'

export type BridgeAddressPlan = Readonly<{ add: readonly InterfaceAddress[]; remove: readonly InterfaceAddress[] }>

/**
 * IPv4: every address that is not wanted conflicts. IPv6: only those whose prefix overlaps; link-local ones never do.
 * A conflict is removed when `mayReplace` says so, else it is an error that names both.
 */
export function planBridgeAddresses(options: Readonly<{
  bridge: string
  present: readonly InterfaceAddress[]
  wanted: readonly InterfaceAddress[]
  mayReplace: (address: InterfaceAddress) => boolean
}>): BridgeAddressPlan {
  const add = options.wanted.filter(each => !options.present.some(other => same(each, other)))
  const foreign = options.present.filter(each => !isLinkLocal(each) && !options.wanted.some(other => same(each, other)))
  const remove: InterfaceAddress[] = []
  for (const each of foreign) {
    const against = add.find(wanted => conflicts(wanted, each))
    if (against === undefined) continue
    if (!options.mayReplace(each)) {
      throw new CniError(
        'CNI_BRIDGE_CONFLICT',
        `bridge ${options.bridge} has the address ${formatInterfaceAddress(each)}, which conflicts with ${formatInterfaceAddress(against)}`,
        'remove that address, or set forceAddress to let it be replaced',
      )
    }
    remove.push(each)
  }
  return { add, remove }
}

const same = (a: InterfaceAddress, b: InterfaceAddress): boolean => sameAddress(a.address, b.address) && a.prefixLength === b.prefixLength

const conflicts = (wanted: InterfaceAddress, other: InterfaceAddress): boolean =>
  wanted.address.family === other.address.family &&
  (wanted.address.family === 4 ||
    containsAddress(prefixOf(other.address, other.prefixLength), wanted.address) ||
    containsAddress(prefixOf(wanted.address, wanted.prefixLength), other.address))

/** fe80::/10 (RFC 4291 section 2.5.6). */
const isLinkLocal = ({ address }: InterfaceAddress): boolean => address.family === 6 && address.bits >> 118n === 0x3fan
