// vxlan: one device per family, and per peer a neighbour (subnet base -> MAC), an FDB entry (MAC -> host)
// and an onlink route. With direct routing, peers on the same link get a plain route instead.

import { ADDRESS_BITS, formatAddress, sameAddress, type Address, type Family } from '../../../net/ip/address.ts'
import type { Mac } from '../../../net/ip/mac.ts'
import { networkAddress, type Prefix } from '../../../net/ip/prefix.ts'
import { vxlanLinkName, type VxlanConfig } from '../../config/backend-config.ts'
import type { DesiredLink } from '../../dataplane/desired.ts'
import type { Lease } from '../../leases/lease.ts'
import { entriesOf, type PerFamily } from '../../leases/per-family.ts'
import { reachOf, type Underlay } from '../../underlay/underlay.ts'
import { EMPTY_PLAN, joinPlans, ofBackend, routeMtu, type BackendPlan, type PlanInput } from '../backend.ts'
import { parseVtepMac } from './vtep.ts'

/** The kernel's default UDP port, older than IANA's 4789 (drivers/net/vxlan, module parameter udp_port). */
const KERNEL_VXLAN_PORT = 8472

const OUTER_IP_BYTES = { 4: 20, 6: 40 } as const satisfies Record<Family, number>

/** Bytes vxlan adds to a pod's packet: outer IP, UDP 8, VXLAN 8, inner Ethernet 14 (RFC 7348 section 5). */
export const vxlanOverheadBytes = (underlay: Family): number => OUTER_IP_BYTES[underlay] + 8 + 8 + 14

/** flannel takes 50 off for both families; in IPv6 that is 20 too little for the interface, so the smaller counts. */
export function vxlanMtu(config: VxlanConfig, underlay: Pick<Underlay, 'mtu'>, family: Family): number {
  const configured = (config.mtu ?? underlay.mtu) - vxlanOverheadBytes(4)
  return Math.min(configured, underlay.mtu - vxlanOverheadBytes(family))
}

export type VxlanIdentity = PerFamily<Mac>

export function planVxlan(input: PlanInput<VxlanConfig, VxlanIdentity>): BackendPlan {
  const { peers, problems } = ofBackend(input.peers, 'vxlan')
  const links = entriesOf(input.subnets).map(([family, subnet]) => planLink(input, family, subnet))
  const devices: BackendPlan = {
    ...EMPTY_PLAN,
    links,
    problems,
    // A tunnel device must not take an address or a route from a router advertisement.
    sysctls: links.map(link => ({ name: `net/ipv6/conf/${link.name}/accept_ra`, value: '0', link: link.name })),
  }
  return joinPlans([devices, ...peers.map(peer => planPeer(input, peer))])
}

function planLink({ config, underlay, identity }: PlanInput<VxlanConfig, VxlanIdentity>, family: Family, subnet: Prefix): DesiredLink {
  return {
    name: vxlanLinkName(family, config.vni),
    shape: {
      kind: 'vxlan',
      vni: config.vni,
      parent: underlay.link,
      // Always the interface's address: the kernel cannot send from a published one that is not local.
      local: underlay.addresses[family]!,
      port: config.port === 0 ? KERNEL_VXLAN_PORT : config.port,
      learning: config.learning,
      gbp: config.gbp,
    },
    mtu: vxlanMtu(config, underlay, family),
    mac: identity[family],
    txChecksum: txChecksum(config, underlay, family),
    addresses: [{ address: networkAddress(subnet), prefixLength: ADDRESS_BITS[family] }],
  }
}

/**
 * Behind NAT, and on some kernels, the outer UDP checksums that a driver computes arrive wrong, and every packet is dropped
 * without a trace (flannel #1279): "auto" has the kernel compute them where the published address is not the interface's.
 */
function txChecksum({ txChecksumOffload }: VxlanConfig, underlay: Underlay, family: Family): boolean | undefined {
  if (txChecksumOffload !== 'auto') return txChecksumOffload === 'on'
  return sameAddress(underlay.published[family]!, underlay.addresses[family]!) ? undefined : false
}

function planPeer(input: PlanInput<VxlanConfig, VxlanIdentity>, peer: Lease): BackendPlan {
  return joinPlans(entriesOf(peer.subnets).filter(([family]) => input.subnets[family] !== undefined).map(([family, subnet]) => {
    const publicIp = peer.attributes.publicIps[family]
    if (publicIp === undefined) {
      return { ...EMPTY_PLAN, problems: [{ owner: peer.owner, kind: 'no-public-ip', message: `publishes no IPv${family} address` }] }
    }
    if (input.config.directRouting && reachOf(input.underlay, publicIp).kind === 'on-link') return planDirect(input, { peer, subnet, publicIp })
    return planTunnel(input, { peer, family, subnet, publicIp })
  }))
}

type Target = Readonly<{ peer: Lease; subnet: Prefix; publicIp: Address }>

function planDirect({ underlay }: PlanInput<VxlanConfig, VxlanIdentity>, { peer, subnet, publicIp }: Target): BackendPlan {
  const reach = reachOf(underlay, publicIp)
  const link = reach.kind === 'none' ? underlay.link : reach.link
  return {
    ...EMPTY_PLAN,
    routes: [{ destination: subnet, gateway: publicIp, link, onlink: false, mtu: undefined, scope: 'global', peer: peer.owner }],
  }
}

function planTunnel({ config, underlay }: PlanInput<VxlanConfig, VxlanIdentity>, { peer, family, subnet, publicIp }: Target & { family: Family }): BackendPlan {
  let mac: Mac
  try {
    mac = parseVtepMac(peer.attributes.backendData[family])
  } catch (error) {
    return { ...EMPTY_PLAN, problems: [{ owner: peer.owner, kind: 'bad-data', message: `publishes unusable data for ${formatAddress(publicIp)}: ${(error as Error).message}` }] }
  }
  const link = vxlanLinkName(family, config.vni)
  const gateway = networkAddress(subnet)
  return {
    ...EMPTY_PLAN,
    neighbours: [{ link, address: gateway, mac, peer: peer.owner }],
    fdb: [{ link, mac, destination: publicIp, peer: peer.owner }],
    routes: [{ destination: subnet, gateway, link, onlink: true, mtu: routeMtu(peer, vxlanMtu(config, underlay, family)), scope: 'global', peer: peer.owner }],
  }
}
