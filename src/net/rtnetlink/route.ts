// Routes between bytes and values: struct rtmsg { u8 family, dst_len, src_len, tos, table, protocol, scope, type; u32 flags }
// and RTA_* (linux/rtnetlink.h).

import { addressFromBytes, formatAddress, type Address, type Family } from '../ip/address.ts'
import { formatPrefix, type Prefix } from '../ip/prefix.ts'
import { Attributes } from '../netlink/attributes.ts'
import { align4 } from '../netlink/message.ts'
import { MessageWriter, type MessageHead } from '../netlink/message-writer.ts'
import * as k from './constants.ts'
import { familyOf, prefixBytes, readAddress, readPrefix, requireBytes, writeAddress } from './header.ts'

/** RTN_*, in the header's order. */
export const ROUTE_TYPES = ['unspec', 'unicast', 'local', 'broadcast', 'anycast', 'multicast', 'blackhole', 'unreachable', 'prohibit', 'throw'] as const
export type RouteType = (typeof ROUTE_TYPES)[number]

export type NextHop = Readonly<{
  gateway: Address | undefined
  linkIndex: number | undefined
  /** The gateway counts as reachable on the link although no address says so. */
  onLink: boolean
  /** 1 to 256; the share among several. */
  weight: number
}>

export type Route = Readonly<{
  family: Family
  /** 0.0.0.0/0 or ::/0 for the default route. */
  destination: Prefix
  type: RouteType
  table: number
  /** Who installed it: RTPROT_*. */
  protocol: number
  scope: number
  metric: number
  gateway: Address | undefined
  linkIndex: number | undefined
  onLink: boolean
  /** Source address that the host itself prefers (RTA_PREFSRC). */
  source: Address | undefined
  mtu: number | undefined
  advertisedMss: number | undefined
  /** Set for a route with several next hops; `gateway` and `linkIndex` are then undefined. */
  nextHops: readonly NextHop[]
  attributes: Attributes
}>

export type RouteSpec = Readonly<{
  destination: Prefix
  /** Defaults to unicast. */
  type?: RouteType
  /** Defaults to the main table. */
  table?: number
  protocol?: number
  /** Defaults as ip-route(8) does: universe behind a gateway, link without one, host for local routes. */
  scope?: number
  metric?: number
  gateway?: Address | undefined
  linkIndex?: number | undefined
  onLink?: boolean
  source?: Address | undefined
  mtu?: number | undefined
  advertisedMss?: number | undefined
}>

const RTMSG_BYTES = 12

export function readRoute(payload: Buffer): Route | undefined {
  requireBytes(payload, RTMSG_BYTES, 'a route')
  const family = familyOf(payload)
  if (family === undefined) return undefined
  const attributes = Attributes.parse(payload.subarray(RTMSG_BYTES))
  const metrics = attributes.nested(k.RTA_METRICS)
  const multipath = attributes.bytes(k.RTA_MULTIPATH)
  return {
    family,
    destination: readPrefix(family, attributes.bytes(k.RTA_DST), payload.readUInt8(1)),
    type: ROUTE_TYPES[payload.readUInt8(7)] ?? 'unspec',
    table: attributes.u32(k.RTA_TABLE) ?? payload.readUInt8(4),
    protocol: payload.readUInt8(5),
    scope: payload.readUInt8(6),
    metric: attributes.u32(k.RTA_PRIORITY) ?? 0,
    gateway: readGateway(attributes),
    linkIndex: attributes.u32(k.RTA_OIF),
    onLink: (payload.readUInt32LE(8) & k.RTNH_F_ONLINK) !== 0,
    source: readAddress(attributes.bytes(k.RTA_PREFSRC)),
    mtu: metrics?.u32(k.RTAX_MTU),
    advertisedMss: metrics?.u32(k.RTAX_ADVMSS),
    nextHops: multipath === undefined ? [] : readNextHops(multipath),
    attributes,
  }
}

/** RTA_VIA: struct rtvia { u16 family; u8 addr[] }, a gateway of the other family. */
function readGateway(attributes: Attributes): Address | undefined {
  const via = attributes.bytes(k.RTA_VIA)
  return via === undefined ? readAddress(attributes.bytes(k.RTA_GATEWAY)) : addressFromBytes(via.subarray(2))
}

/** struct rtnexthop { u16 len; u8 flags; u8 hops; i32 ifindex } with attributes behind each; hops is the weight less one. */
function readNextHops(bytes: Buffer): readonly NextHop[] {
  const hops: NextHop[] = []
  for (let offset = 0; offset + 8 <= bytes.length; ) {
    const length = bytes.readUInt16LE(offset)
    if (length < 8 || offset + length > bytes.length) break
    hops.push({
      gateway: readGateway(Attributes.parse(bytes.subarray(offset + 8, offset + length))),
      linkIndex: bytes.readInt32LE(offset + 4),
      onLink: (bytes.readUInt8(offset + 2) & k.RTNH_F_ONLINK) !== 0,
      weight: bytes.readUInt8(offset + 3) + 1,
    })
    offset += align4(length)
  }
  return hops
}

type RouteHeader = Readonly<{ family: Family; length?: number; table?: number; protocol?: number; scope?: number; type?: RouteType; flags?: number }>

/** A table number beyond eight bits travels in RTA_TABLE. */
function withHeader(head: MessageHead, fields: RouteHeader): MessageWriter {
  const bytes = Buffer.alloc(RTMSG_BYTES)
  const table = fields.table ?? 0
  bytes.set([
    k.AF_OF_FAMILY[fields.family], fields.length ?? 0, 0, 0, table > 255 ? 0 : table,
    fields.protocol ?? 0, fields.scope ?? 0, fields.type === undefined ? 0 : ROUTE_TYPES.indexOf(fields.type),
  ])
  bytes.writeUInt32LE(fields.flags ?? 0, 8)
  const message = new MessageWriter(head, bytes)
  return table > 255 ? message.u32(k.RTA_TABLE, table) : message
}

export function routeMessage(head: MessageHead, spec: RouteSpec): MessageWriter {
  const { destination } = spec
  const type = spec.type ?? 'unicast'
  const message = withHeader(head, {
    family: destination.family, length: destination.length, table: spec.table ?? k.RT_TABLE_MAIN, protocol: spec.protocol ?? k.RTPROT_BOOT,
    scope: spec.scope ?? defaultScope(spec), type, flags: spec.onLink === true ? k.RTNH_F_ONLINK : 0,
  })
  message.bytes(k.RTA_DST, prefixBytes(destination))
  writeAddress(writeAddress(message, k.RTA_GATEWAY, spec.gateway), k.RTA_PREFSRC, spec.source)
  if (spec.linkIndex !== undefined) message.u32(k.RTA_OIF, spec.linkIndex)
  if (spec.metric !== undefined) message.u32(k.RTA_PRIORITY, spec.metric)
  if (spec.mtu !== undefined || spec.advertisedMss !== undefined) {
    message.nested(k.RTA_METRICS, metrics => {
      if (spec.mtu !== undefined) metrics.u32(k.RTAX_MTU, spec.mtu)
      if (spec.advertisedMss !== undefined) metrics.u32(k.RTAX_ADVMSS, spec.advertisedMss)
    })
  }
  return message
}

/** A removal names what is to match; RT_SCOPE_NOWHERE and a zero type match any (fib_table_delete in net/ipv4/fib_trie.c). */
export function routeRemovalMessage(head: MessageHead, spec: RouteSpec): MessageWriter {
  const { destination } = spec
  const message = withHeader(head, {
    family: destination.family, length: destination.length, table: spec.table ?? k.RT_TABLE_MAIN, protocol: spec.protocol ?? 0,
    scope: spec.scope ?? k.RT_SCOPE_NOWHERE, ...(spec.type !== undefined && { type: spec.type }),
  })
  message.bytes(k.RTA_DST, prefixBytes(destination))
  writeAddress(message, k.RTA_GATEWAY, spec.gateway)
  if (spec.linkIndex !== undefined) message.u32(k.RTA_OIF, spec.linkIndex)
  if (spec.metric !== undefined) message.u32(k.RTA_PRIORITY, spec.metric)
  return message
}

export type RouteFilter = Readonly<{ table?: number; protocol?: number; type?: RouteType; linkIndex?: number }>

/** The kernel filters the dump by header and attributes (strict checking, Linux 4.20). */
export function routeDumpMessage(head: MessageHead, family: Family, filter: RouteFilter): MessageWriter {
  const message = withHeader(head, { family, ...filter })
  return filter.linkIndex === undefined ? message : message.u32(k.RTA_OIF, filter.linkIndex)
}

/** Asks which route the kernel takes to `address`. */
export function routeLookupMessage(head: MessageHead, address: Address, options: Readonly<{ linkIndex?: number }>): MessageWriter {
  const message = withHeader(head, { family: address.family, length: address.family === 4 ? 32 : 128 })
  writeAddress(message, k.RTA_DST, address)
  if (options.linkIndex !== undefined) message.u32(k.RTA_OIF, options.linkIndex)
  return message
}

function defaultScope(spec: RouteSpec): number {
  if (spec.destination.family === 6) return k.RT_SCOPE_UNIVERSE
  if (spec.type === 'local') return k.RT_SCOPE_HOST
  if (spec.type !== undefined && spec.type !== 'unicast') return k.RT_SCOPE_UNIVERSE
  return spec.gateway === undefined ? k.RT_SCOPE_LINK : k.RT_SCOPE_UNIVERSE
}

export function describeRoute(spec: RouteSpec): string {
  const via = spec.gateway === undefined ? '' : ` via ${formatAddress(spec.gateway)}`
  const link = spec.linkIndex === undefined ? '' : ` on link ${spec.linkIndex}`
  const table = spec.table === undefined || spec.table === k.RT_TABLE_MAIN ? '' : ` table ${spec.table}`
  return `${spec.type === undefined || spec.type === 'unicast' ? '' : `${spec.type} `}${formatPrefix(spec.destination)}${via}${link}${table}`
}
