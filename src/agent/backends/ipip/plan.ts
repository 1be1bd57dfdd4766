// ipip: one device, and per peer an onlink route through the peer's own address; with direct routing, peers on the same
// link are routed without the tunnel.

import { ADDRESS_BITS } from '../../../net/ip/address.ts'
import { networkAddress } from '../../../net/ip/prefix.ts'
import type { IpipConfig } from '../../config/backend-config.ts'
import type { DesiredRoute } from '../../dataplane/desired.ts'
import { reachOf } from '../../underlay/underlay.ts'
import { EMPTY_PLAN, ofBackend, routeMtu, type BackendPlan, type PeerProblem, type PlanInput } from '../backend.ts'

export const IPIP_LINK = 'flannel.ipip'

/** One more IPv4 header (RFC 2003). */
const OVERHEAD_BYTES = 20

export const ipipMtu = (underlayMtu: number): number => underlayMtu - OVERHEAD_BYTES

export function planIpip({ config, subnets, underlay, peers }: PlanInput<IpipConfig, undefined>): BackendPlan {
  const mine = ofBackend(peers, 'ipip')
  const problems: PeerProblem[] = [...mine.problems]
  const mtu = ipipMtu(underlay.mtu)
  const routes = mine.peers.flatMap((peer): readonly DesiredRoute[] => {
    const [destination, gateway] = [peer.subnets[4], peer.attributes.publicIps[4]]
    if (destination === undefined) return []
    if (gateway === undefined) {
      problems.push({ owner: peer.owner, kind: 'no-public-ip', message: 'publishes no IPv4 address' })
      return []
    }
    const reach = reachOf(underlay, gateway)
    const link = config.directRouting && reach.kind === 'on-link' ? reach.link : IPIP_LINK
    return [{ destination, gateway, link, onlink: true, mtu: routeMtu(peer, mtu), scope: 'global', peer: peer.owner }]
  })
  return {
    ...EMPTY_PLAN, problems, routes,
    links: [{ name: IPIP_LINK, shape: { kind: 'ipip', local: underlay.addresses[4]! }, mtu, mac: undefined, txChecksum: undefined, addresses: [{ address: networkAddress(subnets[4]!), prefixLength: ADDRESS_BITS[4] }] }],
  }
}
