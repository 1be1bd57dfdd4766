// An attachment: one interface of one container, and everything on this host that exists for its sake.

import type { Address } from '../../../src/net/ip/address.ts'
import type { Mac } from '../../../src/net/ip/mac.ts'
import type { Port, Protocol } from '../../../src/net/ip/port.ts'
import type { Condition } from '../config/conditions.ts'
import { vlanGatewayName, type PortVlans } from '../config/port-vlans.ts'
import type { PluginKind } from '../kind/plugin-kind.ts'
import type { AttachmentId } from './names.ts'

/**
 * What Weft does for the attachment. A chain may call us more than once for the same interface, under several names:
 * "interface" made the link; "addresses" only handed out addresses to another plugin; "ports" and "bandwidth" came behind one.
 */
export type Role = 'interface' | 'addresses' | 'ports' | 'bandwidth'

/** reserved: before the first change in the kernel. active: answered, or about to be. deleting: being taken down. */
export type AttachmentState = 'reserved' | 'active' | 'deleting'

export type HeldAddress = Readonly<{ set: number; address: Address; prefixLength: number; gateway: Address | undefined }>

export type PortClaim = Readonly<{
  protocol: Protocol
  hostPort: Port
  hostIp: Address | undefined
  /** Whom it reaches. */
  target: Address
  containerPort: Port
  snat: boolean
  masqueradeAll: boolean
  /** Under which the port counts; an empty list: always. */
  conditions: readonly Condition[]
}>

/** The host's end, and how it sits on its bridge. */
export type HostLink = Readonly<{
  host: string
  bridge: string
  hairpin: boolean
  isolated: boolean
  /** The bridge carries the gateways of the attachment's addresses. */
  gateway: boolean
  promiscuous: boolean
  /** Undefined: the bridge need not tell VLANs apart. */
  vlans: PortVlans | undefined
  /** The only MAC that the pod may send from; undefined: any. */
  onlyMac: Mac | undefined
}>

/** Where gateway addresses stand and neighbours are known: the bridge, or the host's link in the pod's VLAN. */
export const gatewayLinkName = ({ bridge, vlans }: HostLink): string => (vlans?.native === undefined ? bridge : vlanGatewayName(bridge, vlans.native))

export type AddressStorage =
  | Readonly<{ kind: 'own'; pool: string }>
  | Readonly<{ kind: 'host-local'; folder: string }>

export type Attachment = AttachmentId & Readonly<{
  role: Role
  /** Plugin that the runtime called: a chain may call two of us for one interface. */
  madeAs: PluginKind
  network: string
  state: AttachmentState
  /** CLOCK_MONOTONIC when the ADD began: a queued deletion from before then is about an earlier life. */
  startedNs: bigint
  /** Inode of the pod's namespace; 0 when there is none to know. */
  netnsInode: bigint
  link: HostLink | undefined
  addresses: readonly HeldAddress[]
  storage: AddressStorage
  masquerade: boolean
  ports: readonly PortClaim[]
  ifb: string | undefined
}>

export const attachmentKey = ({ role, containerId, ifname }: Pick<Attachment, 'role' | 'containerId' | 'ifname'>): string => `${role}/${containerId}/${ifname}`
