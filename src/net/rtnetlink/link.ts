// Links (network interfaces) as values: what the kernel reports, and what one asks it to make.

import type { Address } from '../ip/address.ts'
import type { Mac } from '../ip/mac.ts'
import type { Attributes } from '../netlink/attributes.ts'

export type Link = Readonly<{
  index: number
  name: string
  alternativeNames: readonly string[]
  mac: Mac | undefined
  mtu: number
  txQueueLength: number
  /** Administratively up (IFF_UP). */
  up: boolean
  /** Up and with a carrier (IFF_LOWER_UP). */
  carrier: boolean
  loopback: boolean
  promiscuous: boolean
  /** Index of the bridge (or other master) it is enslaved to. */
  masterIndex: number | undefined
  /** IFLA_LINK: a vxlan's underlay link, a veth's other end. In another namespace when `parentNetnsId` is set. */
  parentIndex: number | undefined
  parentNetnsId: number | undefined
  alias: string | undefined
  group: number
  info: LinkInfo
  /** Set while the link is a port of a bridge. */
  port: BridgePort | undefined
  /** Everything as received, for what the fields above do not cover. */
  attributes: Attributes
}>

export type VxlanInfo = Readonly<{
  kind: 'vxlan'
  vni: number
  local: Address | undefined
  group: Address | undefined
  parentIndex: number | undefined
  udpPort: number
  learning: boolean
  gbp: boolean
  /** 0 = inherited from the inner packet's default (the host's TTL). */
  ttl: number
  df: VxlanDf
  udpChecksum: boolean
  udpZeroChecksum6Tx: boolean
  udpZeroChecksum6Rx: boolean
}>

/** Don't-fragment bit of the outer header: enum ifla_vxlan_df, in order. */
export const VXLAN_DF = ['unset', 'set', 'inherit'] as const
export type VxlanDf = (typeof VXLAN_DF)[number]

export type BridgeInfo = Readonly<{
  kind: 'bridge'
  stp: boolean
  vlanFiltering: boolean
  multicastSnooping: boolean
  forwardDelayMs: number
  ageingTimeMs: number
}>

export type IpipInfo = Readonly<{
  kind: 'ipip'
  local: Address | undefined
  remote: Address | undefined
  parentIndex: number | undefined
  ttl: number
  pathMtuDiscovery: boolean
}>

/** `other` carries the kernel's kind ("tun", "vlan", …); a plain device has none. */
export type LinkInfo = VxlanInfo | BridgeInfo | IpipInfo | Readonly<{ kind: 'veth' | 'dummy' | 'ifb' | 'wireguard' }> | Readonly<{ kind: 'other'; name: string }> | Readonly<{ kind: 'device' }>

export type BridgePort = Readonly<{
  hairpin: boolean
  isolated: boolean
  learning: boolean
  unicastFlood: boolean
  neighbourSuppression: boolean
  /** BR_STATE_*: 3 is forwarding. */
  state: number
}>

/** What every link can be given, at its making or later. Absent = left as it is. */
export type LinkChange = Readonly<{
  name?: string
  mac?: Mac
  mtu?: number
  txQueueLength?: number
  up?: boolean
  promiscuous?: boolean
  /** 0 releases it from its master. */
  masterIndex?: number
  alias?: string
  group?: number
  /** False: the kernel makes no IPv6 link-local address. */
  ipv6LinkLocal?: boolean
  /** Moves the link into the namespace behind this descriptor. */
  netnsFd?: number
  port?: Partial<Omit<BridgePort, 'state'>>
}>

export type LinkSpec = Omit<LinkChange, 'name'> & Readonly<{ name: string; info: LinkInfoSpec }>

export type LinkInfoSpec =
  | Readonly<{ kind: 'dummy' | 'ifb' | 'wireguard' }>
  /** The other end cannot be made up at once: veth_open answers ENOTCONN until both ends stand (drivers/net/veth.c). */
  | Readonly<{ kind: 'veth'; peer: Omit<LinkChange, 'up' | 'masterIndex' | 'port'> & Readonly<{ name: string }> }>
  | (Readonly<{ kind: 'bridge' }> & Partial<BridgeInfo>)
  | (Readonly<{ kind: 'vxlan'; vni: number; udpPort: number; learning: boolean; local?: Address; group?: Address; parentIndex?: number }> &
      Partial<Omit<VxlanInfo, 'local' | 'group' | 'parentIndex'>>)
  | (Readonly<{ kind: 'ipip'; local?: Address; remote?: Address; parentIndex?: number }> & Partial<Omit<IpipInfo, 'local' | 'remote' | 'parentIndex'>>)
