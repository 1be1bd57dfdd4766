// After the first choice the interface stays the same by name; its index, MTU and addresses are followed
// without a restart. Pure.

import { formatAddress, sameAddress, type Address, type Family } from '../../net/ip/address.ts'
import { familiesOf, mapFamilies, perFamily, type PerFamily } from '../leases/per-family.ts'
import { usableAddresses, type Inventory } from './choose-interface.ts'
import type { Underlay } from './underlay.ts'

export type Followed = Readonly<{ underlay: Underlay; changes: readonly string[] }> | Readonly<{ trouble: string }>

/** The underlay as it is now, with what changed in words; or why there is none at the moment. */
export function followInterface(inventory: Inventory, current: Underlay, publicIps: PerFamily<Address>): Followed {
  const iface = inventory.interfaces.find(({ name }) => name === current.link)
  if (iface === undefined) return { trouble: `interface ${current.link} is gone` }
  const addresses = perFamily(family => {
    if (current.addresses[family] === undefined) return undefined
    const usable = usableAddresses(iface, family)
    const kept = usable.find(({ address }) => sameAddress(address, current.addresses[family]!))
    return (kept ?? usable[0])?.address
  })
  const lost = familiesOf(current.addresses).find(family => addresses[family] === undefined)
  if (lost !== undefined) return { trouble: `interface ${current.link} has no IPv${lost} address` }
  const underlay: Underlay = {
    ...current,
    ifindex: iface.ifindex,
    mtu: iface.mtu,
    addresses,
    published: mapFamilies(addresses, (address, family) => publicIps[family] ?? address),
    routes: inventory.routes,
  }
  return { underlay, changes: describeChanges(current, underlay) }
}

function describeChanges(before: Underlay, after: Underlay): readonly string[] {
  const address = (underlay: Underlay, family: Family): string => formatAddress(underlay.addresses[family]!)
  return [
    ...(before.ifindex === after.ifindex ? [] : [`index ${before.ifindex} -> ${after.ifindex}`]),
    ...(before.mtu === after.mtu ? [] : [`MTU ${before.mtu} -> ${after.mtu}`]),
    ...familiesOf(after.addresses).filter(family => address(before, family) !== address(after, family)).map(family => `${address(before, family)} -> ${address(after, family)}`),
  ]
}
