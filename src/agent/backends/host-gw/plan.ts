// host-gw: no device and no encapsulation; each peer's subnet is routed through the peer itself, which
// must therefore be a neighbour on the interface.

import { formatAddress } from '../../../net/ip/address.ts'
import type { HostGwConfig } from '../../config/backend-config.ts'
import type { Lease } from '../../leases/lease.ts'
import { entriesOf } from '../../leases/per-family.ts'
import { reachOf } from '../../underlay/underlay.ts'
import { EMPTY_PLAN, joinPlans, ofBackend, routeMtu, type BackendPlan, type PlanInput } from '../backend.ts'

export function planHostGw(input: PlanInput<HostGwConfig, undefined>): BackendPlan {
  const { peers, problems } = ofBackend(input.peers, 'host-gw')
  return joinPlans([{ ...EMPTY_PLAN, problems }, ...peers.map(peer => planPeer(input, peer))])
}

function planPeer({ underlay, subnets }: PlanInput<HostGwConfig, undefined>, peer: Lease): BackendPlan {
  return joinPlans(entriesOf(peer.subnets).filter(([family]) => subnets[family] !== undefined).map(([family, subnet]) => {
    const gateway = peer.attributes.publicIps[family]
    if (gateway === undefined) {
      return { ...EMPTY_PLAN, problems: [{ owner: peer.owner, kind: 'no-public-ip', message: `publishes no IPv${family} address` }] }
    }
    const reach = reachOf(underlay, gateway)
    if (reach.kind !== 'on-link' || reach.link !== underlay.link) {
      const message = `unreachable: ${formatAddress(gateway)} is not on-link at ${underlay.link}; host-gw needs all hosts in one network, vxlan with DirectRouting does not`
      return { ...EMPTY_PLAN, problems: [{ owner: peer.owner, kind: 'not-on-link', message }] }
    }
    return {
      ...EMPTY_PLAN,
      routes: [{ destination: subnet, gateway, link: underlay.link, onlink: false, mtu: routeMtu(peer, underlay.mtu), scope: 'global', peer: peer.owner }],
    }
  }))
}
