// Does the pod network collide with what the host already talks to? Checked before the kernel is touched,
// since a wrong answer cuts the host off. Pure.

import { formatAddress, type Address } from '../../net/ip/address.ts'
import { containsAddress, containsPrefix, formatPrefix, overlaps, type Prefix } from '../../net/ip/prefix.ts'
import type { Lease } from '../leases/lease.ts'
import { entriesOf, type PerFamily } from '../leases/per-family.ts'
import type { Inventory } from './choose-interface.ts'
import type { Underlay } from './underlay.ts'

export type Overlap = Readonly<{ severity: 'fatal' | 'warning'; message: string }>

export type OverlapInput = Readonly<{
  networks: PerFamily<Prefix>
  /** This host's own subnets: bridges and pods may well use them. */
  subnets: PerFamily<Prefix>
  underlay: Underlay
  inventory: Inventory
  peers: readonly Lease[]
}>

export function findOverlaps({ networks, subnets, underlay, inventory, peers }: OverlapInput): readonly Overlap[] {
  return entriesOf(networks).flatMap(([family, network]) => {
    const pods = formatPrefix(network)
    const own = subnets[family]
    const foreign = (address: Address): boolean => containsAddress(network, address) && (own === undefined || !containsAddress(own, address))
    const found: Overlap[] = []
    const gateway = inventory.routes.find(({ destination }) => destination.family === family && destination.length === 0)?.gateway
    if (gateway !== undefined && foreign(gateway)) found.push({ severity: 'fatal', message: `the pod network ${pods} contains the default gateway ${formatAddress(gateway)}` })
    for (const { destination, link } of inventory.routes) {
      if (destination.family !== family || destination.length === 0 || !overlaps(network, destination)) continue
      if (own !== undefined && containsPrefix(own, destination)) continue
      const severity = link === underlay.link ? 'fatal' : 'warning'
      found.push({ severity, message: `the pod network ${pods} overlaps ${formatPrefix(destination)}, which this host reaches through ${link}` })
    }
    for (const { owner, attributes } of peers) {
      const address = attributes.publicIps[family]
      if (address !== undefined && containsAddress(network, address)) found.push({ severity: 'fatal', message: `the pod network ${pods} contains ${formatAddress(address)}, the public IP of ${owner}` })
    }
    return found
  })
}
