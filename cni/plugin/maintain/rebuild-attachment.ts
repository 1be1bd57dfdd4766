// A lost record, from what the kernel still holds of the attachment: its link and that link's alias, the bridge's addresses,
// the port's VLANs, and the elements of our tables.

import type { Address } from '../../../src/net/ip/address.ts'
import { containsAddress, prefixOf } from '../../../src/net/ip/prefix.ts'
import type { LinkAddress } from '../../../src/net/rtnetlink/addresses.ts'
import type { PortVlan } from '../../../src/net/rtnetlink/bridge-vlans.ts'
import type { Link } from '../../../src/net/rtnetlink/link.ts'
import { REBUILT_POOL } from '../attach/allocate.ts'
import { gatewayLinkName, type Attachment, type HeldAddress, type HostLink } from '../attachment/attachment.ts'
import { ifbName, parseAlias, type LinkAlias } from '../attachment/names.ts'
import { portVlansFrom } from '../config/port-vlans.ts'
import { readClaims, readOnlyMac, type FoundTables } from '../rules/read-claims.ts'

export type Found = Readonly<{
  links: readonly Link[]
  addresses: readonly LinkAddress[]
  vlans: ReadonlyMap<number, readonly PortVlan[]>
  tables: FoundTables
}>

/** The link's alias must be readable. */
export function attachmentOf(link: Link, found: Found): Attachment {
  const alias = parseAlias(link.alias) as LinkAlias
  const { network, containerId, ifname } = alias
  const bridge = found.links.find(each => each.index === link.masterIndex)
  const filters = bridge?.info.kind === 'bridge' && bridge.info.vlanFiltering
  const hostLink: Omit<HostLink, 'gateway'> = {
    host: link.name, bridge: bridge?.name ?? 'cni0', hairpin: link.port?.hairpin ?? false, isolated: link.port?.isolated ?? false, promiscuous: bridge?.promiscuous ?? false,
    vlans: filters ? portVlansFrom(found.vlans.get(link.index) ?? []) : undefined, onlyMac: readOnlyMac(found.tables, link.name),
  }
  const gatewayIndex = found.links.find(each => each.name === gatewayLinkName({ ...hostLink, gateway: false }))?.index
  const addresses = alias.addresses.map((address, set) => heldAddress(address, set, found.addresses.filter(each => each.linkIndex === gatewayIndex)))
  const ifb = ifbName(alias, network)
  return {
    role: 'interface', madeAs: 'weft', network, containerId, ifname, state: 'active', startedNs: 0n, netnsInode: 0n,
    link: { ...hostLink, gateway: addresses.some(held => held.gateway !== undefined) },
    addresses,
    storage: { kind: 'own', pool: REBUILT_POOL },
    ...readClaims(found.tables, alias, alias.addresses),
    ifb: found.links.some(each => each.name === ifb) ? ifb : undefined,
  }
}

/** Subnet and gateway are those of the host's address in whose subnet it lies; without one it stands alone. */
function heldAddress(address: Address, set: number, ofGateways: readonly LinkAddress[]): HeldAddress {
  const gateway = ofGateways.find(each => each.address.family === address.family && containsAddress(prefixOf(each.address, each.prefixLength), address))
  return { set, address, prefixLength: gateway?.prefixLength ?? (address.family === 4 ? 32 : 128), gateway: gateway?.address }
}
