// udp: packets carried in datagrams by this very process. One TUN device and one route for the whole pod network;
// which host has a packet's destination is looked up by the thread that carries it.

import { ADDRESS_BITS } from '../../../net/ip/address.ts'
import { networkAddress } from '../../../net/ip/prefix.ts'
import type { UdpConfig } from '../../config/backend-config.ts'
import { EMPTY_PLAN, type BackendPlan, type PlanInput } from '../backend.ts'

/** Outer IPv4 20 and UDP 8 (RFC 791, RFC 768). */
const OVERHEAD_BYTES = 28

export const udpMtu = (underlayMtu: number): number => underlayMtu - OVERHEAD_BYTES

/** `identity` is the device's name; undefined while there is none. */
export function planUdp({ networks, subnets, underlay, identity, peers }: PlanInput<UdpConfig, string | undefined>): BackendPlan {
  const problems = peers.filter(peer => peer.attributes.publicIps[4] === undefined).map(peer => ({ owner: peer.owner, kind: 'no-public-ip' as const, message: 'publishes no IPv4 address' }))
  if (identity === undefined || networks[4] === undefined || subnets[4] === undefined) return { ...EMPTY_PLAN, problems }
  return {
    ...EMPTY_PLAN,
    problems,
    links: [{ name: identity, shape: { kind: 'tun' }, mtu: udpMtu(underlay.mtu), mac: undefined, txChecksum: undefined, addresses: [{ address: networkAddress(subnets[4]), prefixLength: ADDRESS_BITS[4] }] }],
    routes: [{ destination: networks[4], gateway: undefined, link: identity, onlink: false, mtu: undefined, scope: 'global', peer: undefined }],
  }
}
