// The host's own link in a VLAN of a bridge: a veth whose other end is a port that carries that VLAN without a tag.

import type { Link } from '../../../src/net/rtnetlink/link.ts'
import { isRefusal } from '../../../src/net/netlink/netlink-error.ts'
import { hostLinkName } from '../attachment/names.ts'
import { CniError } from '../cni-error.ts'
import { carriesVlans, portVlansToSet, vlanGatewayName, withDefault, type PortVlans } from '../config/port-vlans.ts'
import type { HostNetwork } from './host-network.ts'
import { randomMac } from './mac.ts'

/** The VLAN of the pods whose gateways it carries; whether its port stays in the default one too, as theirs do. */
export type GatewayVlan = Readonly<{ vlan: number; keepsDefault: boolean }>

type Options = Readonly<{ signal: AbortSignal }>

/** Makes what is missing, mends what was changed, and answers the link that carries the addresses. Throws 114 when its name is taken. */
export async function ensureVlanGateway(host: HostNetwork, wanted: Readonly<{ bridge: Link }> & GatewayVlan, options: Options): Promise<Link> {
  const { links, bridgeVlans } = host.rtnl
  const { bridge, vlan, keepsDefault } = wanted
  const name = vlanGatewayName(bridge.name, vlan)
  if ((await links.get(name, options)) === undefined) {
    const peer = { name: hostLinkName({ containerId: bridge.name, ifname: String(vlan) }), mac: randomMac(), mtu: bridge.mtu }
    try {
      await links.add({ name, mac: randomMac(), mtu: bridge.mtu, info: { kind: 'veth', peer } }, options)
    } catch (error) {
      if (!isRefusal(error, 'EEXIST')) throw error
    }
  }
  const link = await links.get(name, options)
  const port = link?.parentIndex === undefined ? undefined : await links.get(link.parentIndex, options)
  if (link?.info.kind !== 'veth' || link.parentNetnsId !== undefined || port?.parentIndex !== link.index) {
    throw new CniError('CNI_BRIDGE_CONFLICT', `link ${name} exists and is no veth pair of this host; it would carry the gateways of VLAN ${vlan} on bridge ${bridge.name}`)
  }
  if (port.masterIndex !== bridge.index) await links.change(port.index, { masterIndex: bridge.index }, options)
  const vlans: PortVlans = { native: vlan, trunk: [], keepsDefault }
  if (!carriesVlans(vlans, (await bridgeVlans.list(options)).get(port.index))) {
    const exact = portVlansToSet(vlans)!
    await bridgeVlans.replace(port.index, keepsDefault ? withDefault(exact) : exact, options)
  }
  for (const end of [port, link]) if (!end.up) await links.change(end.index, { up: true }, options)
  return link
}
