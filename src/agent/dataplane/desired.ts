// What the kernel should hold for the pod network, as plain data. Links are named, not numbered:
// a link that is made again has another index, and everything on it must follow.

import type { Address } from '../../net/ip/address.ts'
import type { Mac } from '../../net/ip/mac.ts'
import type { InterfaceAddress, Prefix } from '../../net/ip/prefix.ts'
import type { Endpoint, WireguardPeerSpec } from '../../net/wireguard/device.ts'
import type { WireguardKey } from '../../net/wireguard/key.ts'

export type LinkShape =
  | Readonly<{
      kind: 'vxlan'
      vni: number
      parent: string
      local: Address
      /** Effective UDP port: never 0. */
      port: number
      learning: boolean
      gbp: boolean
    }>
  | Readonly<{ kind: 'ipip'; local: Address }>
  | Readonly<{ kind: 'wireguard' }>
  /** A device that another part of the agent makes and holds open; only addresses, MTU and state are ours here. */
  | Readonly<{ kind: 'tun' }>

export type DesiredLink = Readonly<{
  name: string
  shape: LinkShape
  mtu: number
  /** Undefined for links without an Ethernet address. */
  mac: Mac | undefined
  /** Whether the driver may compute transmit checksums; undefined leaves it as it is. */
  txChecksum: boolean | undefined
  /** Exactly these; any other global address is taken off. */
  addresses: readonly InterfaceAddress[]
}>

export type DesiredRoute = Readonly<{
  destination: Prefix
  /** Drops what has no longer match, instead of leading anywhere; `link` and `gateway` are then empty. */
  blackhole?: true
  gateway: Address | undefined
  link: string
  /** The gateway counts as reachable on the link though no address of it says so. */
  onlink: boolean
  /** Route MTU, where the peer carries less than the link. */
  mtu: number | undefined
  scope: 'global' | 'link'
  /** Owner of the peer lease that this route serves; undefined for the host's own. */
  peer: string | undefined
}>

export type DesiredNeighbour = Readonly<{ link: string; address: Address; mac: Mac; peer: string }>
export type DesiredFdbEntry = Readonly<{ link: string; mac: Mac; destination: Address; peer: string }>
/** Key and port of a WireGuard link. */
export type DesiredWireguard = Readonly<{ link: string; privateKey: WireguardKey; publicKey: WireguardKey; listenPort: number }>
/** `peer` is the owner of the lease. */
export type DesiredWireguardPeer = WireguardPeerSpec & Readonly<{ link: string; endpoint: Endpoint; peer: string }>
export type DesiredSysctl = Readonly<{
  /** Dotted name with slashes for path parts: "net/ipv4/ip_forward". */
  name: string
  value: string
  /** The link whose existence the setting needs. */
  link: string | undefined
}>

export type DesiredState = Readonly<{
  links: readonly DesiredLink[]
  routes: readonly DesiredRoute[]
  neighbours: readonly DesiredNeighbour[]
  fdb: readonly DesiredFdbEntry[]
  wireguard: readonly DesiredWireguard[]
  wireguardPeers: readonly DesiredWireguardPeer[]
  sysctls: readonly DesiredSysctl[]
  /** Names that are ours whether desired now or not: a former backend's device among them is removed. */
  ownLinkNames: readonly string[]
  /** Destinations inside which routes of ours may lie; nothing outside is ever touched. */
  territory: readonly Prefix[]
  /** The link over which direct routes go, and on which stray ones are looked for. */
  underlay: string
  /** False until the whole lease set is known: then nothing is removed. */
  complete: boolean
}>
