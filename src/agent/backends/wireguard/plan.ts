// wireguard: one device, or one per family; per peer a key with its endpoint and subnets; one route for the whole pod network.

import { ADDRESS_BITS, type Address, type Family } from '../../../net/ip/address.ts'
import { containsAddress, networkAddress, parsePrefix, type Prefix } from '../../../net/ip/prefix.ts'
import type { Endpoint } from '../../../net/wireguard/device.ts'
import type { WireguardKey } from '../../../net/wireguard/key.ts'
import type { WireguardConfig } from '../../config/backend-config.ts'
import type { DesiredRoute } from '../../dataplane/desired.ts'
import type { Lease } from '../../leases/lease.ts'
import { entriesOf, familiesOf } from '../../leases/per-family.ts'
import type { Underlay } from '../../underlay/underlay.ts'
import { EMPTY_PLAN, joinPlans, ofBackend, routeMtu, type BackendPlan, type PeerProblem, type PlanInput } from '../backend.ts'
import { listenPort, parsePeerData, type PeerData } from './data.ts'

export type WireguardIdentity = Readonly<{ privateKey: WireguardKey; publicKey: WireguardKey }>

/** In mode "separate" the second carries IPv6. */
export const WIREGUARD_LINKS = ['flannel-wg', 'flannel-wg-v6'] as const

/** Outer IPv6 40, UDP 8, type 4, key index 4, counter 8, tag 16 (whitepaper section 5.4.6): flannel counts it for IPv4 too. */
const OVERHEAD_BYTES = 80

export const wireguardMtu = (config: WireguardConfig, underlay: Pick<Underlay, 'mtu'>): number => Math.min(config.mtu ?? underlay.mtu, underlay.mtu) - OVERHEAD_BYTES

type Input = PlanInput<WireguardConfig, WireguardIdentity>

/** A device and the families of pods that it carries. */
type Tunnel = Readonly<{ link: string; families: readonly Family[] }>

export function planWireguard(input: Input): BackendPlan {
  const { peers, problems } = ofBackend(input.peers, 'wireguard')
  return joinPlans([{ ...EMPTY_PLAN, problems }, ...tunnelsOf(input).map(tunnel => planTunnel(input, tunnel, peers))])
}

function tunnelsOf({ config, subnets }: Input): readonly Tunnel[] {
  const families = familiesOf(subnets)
  if (config.mode !== 'separate') return [{ link: WIREGUARD_LINKS[0], families }]
  return families.map(family => ({ link: WIREGUARD_LINKS[family === 4 ? 0 : 1], families: [family] }))
}

function planTunnel(input: Input, tunnel: Tunnel, peers: readonly Lease[]): BackendPlan {
  const { config, networks, subnets, underlay, identity } = input
  const { link, families } = tunnel
  const mtu = wireguardMtu(config, underlay)
  const addresses = families.map(family => ({ address: networkAddress(subnets[family]!), prefixLength: ADDRESS_BITS[family] }))
  const device: BackendPlan = {
    ...EMPTY_PLAN,
    links: [{ name: link, shape: { kind: 'wireguard' }, mtu, mac: undefined, txChecksum: undefined, addresses }],
    wireguard: [{ link, ...identity, listenPort: listenPort(config, families[0]!) }],
    routes: families.map(family => routeInto(link, { destination: networks[family]!, mtu: undefined, peer: undefined })),
  }
  const taken = new Map<WireguardKey, string>([[identity.publicKey, 'this host']])
  return joinPlans([device, ...peers.map(peer => planPeer(input, { tunnel, peer, mtu, taken }))])
}

const routeInto = (link: string, route: Pick<DesiredRoute, 'destination' | 'mtu' | 'peer'>): DesiredRoute =>
  ({ ...route, gateway: undefined, link, onlink: false, scope: 'link' })

function planPeer(input: Input, { tunnel, peer, mtu, taken }: Readonly<{ tunnel: Tunnel; peer: Lease; mtu: number; taken: Map<WireguardKey, string> }>): BackendPlan {
  const subnets = entriesOf(peer.subnets).filter(([family]) => tunnel.families.includes(family)).map(([, subnet]) => subnet)
  if (subnets.length === 0) return EMPTY_PLAN
  const found = endpointOf(input, tunnel, peer)
  if ('problem' in found) return { ...EMPTY_PLAN, problems: [found.problem] }
  const { publicKey, endpoint } = found
  const rival = taken.get(publicKey)
  if (rival !== undefined) {
    const message = `publishes the same public key as ${rival}; delete its key file, so that it makes a key of its own`
    return { ...EMPTY_PLAN, problems: [{ owner: peer.owner, kind: 'bad-data', message }] }
  }
  taken.set(publicKey, peer.owner)
  const smaller = routeMtu(peer, mtu)
  return {
    ...EMPTY_PLAN,
    wireguardPeers: [{ link: tunnel.link, publicKey, presharedKey: input.config.psk, endpoint, keepaliveSeconds: input.config.keepaliveSeconds, allowedIps: subnets, peer: peer.owner }],
    // The route of the whole network serves all who take as much as the device carries.
    routes: smaller === undefined ? [] : subnets.map(destination => routeInto(tunnel.link, { destination, mtu: smaller, peer: peer.owner })),
  }
}

type Found = Readonly<{ publicKey: WireguardKey; endpoint: Endpoint }> | Readonly<{ problem: PeerProblem }>

function endpointOf({ config, underlay }: Input, tunnel: Tunnel, peer: Lease): Found {
  const outer = config.mode === 'separate' ? tunnel.families[0]! : outerFamily(config, underlay, peer)
  const address = peer.attributes.publicIps[outer]
  if (address === undefined) return { problem: { owner: peer.owner, kind: 'no-public-ip', message: `publishes no IPv${outer} address` } }
  try {
    const data = publishedBy(peer, outer)
    const port = (config.mode === 'separate' ? data.port : singleTunnelPort(peer, data)) ?? listenPort(config, outer)
    return { publicKey: data.publicKey, endpoint: { address, port } }
  } catch (error) {
    return { problem: { owner: peer.owner, kind: 'bad-data', message: `publishes unusable data: ${(error as Error).message}` } }
  }
}

/** With one device for both families, what is published for either holds the same key. */
const publishedBy = (peer: Lease, family: Family): PeerData =>
  parsePeerData(peer.attributes.backendData[family] ?? peer.attributes.backendData[family === 4 ? 6 : 4])

/**
 * flannel publishes its IPv6 port although its only device listens on the IPv4 one. It is known by publishing no MTU; the port
 * it listens on is the one in its IPv4 data, else the one of this very configuration.
 */
function singleTunnelPort(peer: Lease, data: PeerData): number | undefined {
  if (peer.attributes.podMtu !== undefined) return data.port
  const v4 = peer.attributes.backendData[4]
  return v4 === undefined ? undefined : parsePeerData(v4).port
}

/** Which address of a peer a single device sends to; "auto" judges as flannel does, by what is likely to be reachable. */
function outerFamily({ mode }: WireguardConfig, underlay: Underlay, peer: Lease): Family {
  if (mode !== 'auto') return mode === 'ipv6' ? 6 : 4
  const { 4: v4, 6: v6 } = peer.attributes.publicIps
  if (v6 === undefined) return 4
  if (v4 === undefined || underlay.addresses[4] === undefined) return 6
  if (!isPrivate(v4)) return 4
  const own = underlay.addresses[6]
  return !isPrivate(v6) && own !== undefined && !isPrivate(own) ? 6 : 4
}

/** RFC 1918 section 3; RFC 4193 section 3.1, and RFC 4291 section 2.5.6: link-local addresses lead nowhere else either. */
const PRIVATE: readonly Prefix[] = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7', 'fe80::/10'].map(text => parsePrefix(text, 'private network'))

const isPrivate = (address: Address): boolean => PRIVATE.some(prefix => containsAddress(prefix, address))
