// What distinguishes kinds of links: IFLA_INFO_DATA of vxlan, bridge and ipip (linux/if_link.h, if_tunnel.h).

import { addressFromBytes, addressToBytes, type Address } from '../ip/address.ts'
import { Attributes } from '../netlink/attributes.ts'
import type { MessageWriter } from '../netlink/message-writer.ts'
import * as k from './link-constants.ts'
import { VXLAN_DF, type BridgeInfo, type IpipInfo, type LinkInfo, type LinkInfoSpec, type VxlanInfo } from './link.ts'

const EMPTY = new Attributes([])

/** Bridge times are in hundredths of a second (USER_HZ is 100 on every architecture that Linux runs Node on). */
const USER_HZ_MS = 10

export function readLinkInfo(kind: string | undefined, data: Attributes = EMPTY): LinkInfo {
  switch (kind) {
    case undefined:
      return { kind: 'device' }
    case 'vxlan':
      return readVxlan(data)
    case 'bridge':
      return readBridge(data)
    case 'ipip':
      return readIpip(data)
    case 'veth':
    case 'dummy':
    case 'ifb':
    case 'wireguard':
      return { kind }
    default:
      return { kind: 'other', name: kind }
  }
}

export function writeLinkInfo(data: MessageWriter, info: Exclude<LinkInfoSpec, { kind: 'veth' }>): void {
  switch (info.kind) {
    case 'vxlan':
      return writeVxlan(data, info)
    case 'bridge':
      return writeBridge(data, info)
    case 'ipip':
      return writeIpip(data, info)
    case 'dummy':
    case 'ifb':
    case 'wireguard':
      return
    default:
      info satisfies never
  }
}

/** The kernel writes all zeros for "none". */
function readAddress(bytes: Buffer | undefined): Address | undefined {
  if (bytes === undefined || bytes.every(byte => byte === 0)) return undefined
  return addressFromBytes(bytes)
}

const readVxlan = (data: Attributes): VxlanInfo => ({
  kind: 'vxlan',
  vni: data.u32(k.IFLA_VXLAN_ID) ?? 0,
  local: readAddress(data.bytes(k.IFLA_VXLAN_LOCAL)) ?? readAddress(data.bytes(k.IFLA_VXLAN_LOCAL6)),
  group: readAddress(data.bytes(k.IFLA_VXLAN_GROUP)) ?? readAddress(data.bytes(k.IFLA_VXLAN_GROUP6)),
  parentIndex: data.u32(k.IFLA_VXLAN_LINK) || undefined,
  udpPort: data.u16be(k.IFLA_VXLAN_PORT) ?? 0,
  learning: data.boolean(k.IFLA_VXLAN_LEARNING) ?? false,
  gbp: data.has(k.IFLA_VXLAN_GBP),
  ttl: data.u8(k.IFLA_VXLAN_TTL) ?? 0,
  df: VXLAN_DF[data.u8(k.IFLA_VXLAN_DF) ?? 0] ?? 'unset',
  udpChecksum: data.boolean(k.IFLA_VXLAN_UDP_CSUM) ?? false,
  udpZeroChecksum6Tx: data.boolean(k.IFLA_VXLAN_UDP_ZERO_CSUM6_TX) ?? false,
  udpZeroChecksum6Rx: data.boolean(k.IFLA_VXLAN_UDP_ZERO_CSUM6_RX) ?? false,
})

function writeVxlan(data: MessageWriter, info: Extract<LinkInfoSpec, { kind: 'vxlan' }>): void {
  data.u32(k.IFLA_VXLAN_ID, info.vni).u16be(k.IFLA_VXLAN_PORT, info.udpPort).boolean(k.IFLA_VXLAN_LEARNING, info.learning)
  if (info.local !== undefined) data.bytes(info.local.family === 4 ? k.IFLA_VXLAN_LOCAL : k.IFLA_VXLAN_LOCAL6, addressToBytes(info.local))
  if (info.group !== undefined) data.bytes(info.group.family === 4 ? k.IFLA_VXLAN_GROUP : k.IFLA_VXLAN_GROUP6, addressToBytes(info.group))
  if (info.parentIndex !== undefined) data.u32(k.IFLA_VXLAN_LINK, info.parentIndex)
  if (info.ttl !== undefined) data.u8(k.IFLA_VXLAN_TTL, info.ttl)
  if (info.df !== undefined) data.u8(k.IFLA_VXLAN_DF, VXLAN_DF.indexOf(info.df))
  if (info.udpChecksum !== undefined) data.boolean(k.IFLA_VXLAN_UDP_CSUM, info.udpChecksum)
  if (info.udpZeroChecksum6Tx !== undefined) data.boolean(k.IFLA_VXLAN_UDP_ZERO_CSUM6_TX, info.udpZeroChecksum6Tx)
  if (info.udpZeroChecksum6Rx !== undefined) data.boolean(k.IFLA_VXLAN_UDP_ZERO_CSUM6_RX, info.udpZeroChecksum6Rx)
  if (info.gbp === true) data.flag(k.IFLA_VXLAN_GBP)
}

const readBridge = (data: Attributes): BridgeInfo => ({
  kind: 'bridge',
  stp: (data.u32(k.IFLA_BR_STP_STATE) ?? 0) !== 0,
  vlanFiltering: data.boolean(k.IFLA_BR_VLAN_FILTERING) ?? false,
  multicastSnooping: data.boolean(k.IFLA_BR_MCAST_SNOOPING) ?? false,
  forwardDelayMs: (data.u32(k.IFLA_BR_FORWARD_DELAY) ?? 0) * USER_HZ_MS,
  ageingTimeMs: (data.u32(k.IFLA_BR_AGEING_TIME) ?? 0) * USER_HZ_MS,
})

function writeBridge(data: MessageWriter, info: Extract<LinkInfoSpec, { kind: 'bridge' }>): void {
  if (info.stp !== undefined) data.u32(k.IFLA_BR_STP_STATE, info.stp ? 1 : 0)
  if (info.vlanFiltering !== undefined) data.boolean(k.IFLA_BR_VLAN_FILTERING, info.vlanFiltering)
  if (info.multicastSnooping !== undefined) data.boolean(k.IFLA_BR_MCAST_SNOOPING, info.multicastSnooping)
  if (info.forwardDelayMs !== undefined) data.u32(k.IFLA_BR_FORWARD_DELAY, Math.round(info.forwardDelayMs / USER_HZ_MS))
  if (info.ageingTimeMs !== undefined) data.u32(k.IFLA_BR_AGEING_TIME, Math.round(info.ageingTimeMs / USER_HZ_MS))
}

const readIpip = (data: Attributes): IpipInfo => ({
  kind: 'ipip',
  local: readAddress(data.bytes(k.IFLA_IPTUN_LOCAL)),
  remote: readAddress(data.bytes(k.IFLA_IPTUN_REMOTE)),
  parentIndex: data.u32(k.IFLA_IPTUN_LINK) || undefined,
  ttl: data.u8(k.IFLA_IPTUN_TTL) ?? 0,
  pathMtuDiscovery: data.boolean(k.IFLA_IPTUN_PMTUDISC) ?? false,
})

function writeIpip(data: MessageWriter, info: Extract<LinkInfoSpec, { kind: 'ipip' }>): void {
  if (info.parentIndex !== undefined) data.u32(k.IFLA_IPTUN_LINK, info.parentIndex)
  if (info.local !== undefined) data.bytes(k.IFLA_IPTUN_LOCAL, addressToBytes(info.local))
  if (info.remote !== undefined) data.bytes(k.IFLA_IPTUN_REMOTE, addressToBytes(info.remote))
  if (info.ttl !== undefined) data.u8(k.IFLA_IPTUN_TTL, info.ttl)
  if (info.pathMtuDiscovery !== undefined) data.boolean(k.IFLA_IPTUN_PMTUDISC, info.pathMtuDiscovery)
}
