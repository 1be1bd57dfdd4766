// Links between bytes and values: struct ifinfomsg and IFLA_* (linux/if_link.h).

import { macFromBytes, macToBytes } from '../ip/mac.ts'
import { Attributes } from '../netlink/attributes.ts'
import { MessageWriter, type MessageHead } from '../netlink/message-writer.ts'
import { NetlinkError } from '../netlink/netlink-error.ts'
import { readBridgePort, writeBridgePort } from './bridge-port-codec.ts'
import { AF_INET6, RTM_DELLINK } from './constants.ts'
import * as k from './link-constants.ts'
import { readLinkInfo, writeLinkInfo } from './link-info-codec.ts'
import type { BridgeInfo, Link, LinkChange, LinkSpec } from './link.ts'

/** A link by its index or its name (alternative names count). */
export type LinkReference = number | string

const IFINFOMSG_BYTES = 16

/** struct ifinfomsg { u8 family; u8 pad; u16 type; i32 index; u32 flags; u32 change } */
function ifinfomsg(fields: Readonly<{ index?: number; flags?: number; changeMask?: number }>): Buffer {
  const header = Buffer.alloc(IFINFOMSG_BYTES)
  header.writeInt32LE(fields.index ?? 0, 4)
  header.writeUInt32LE(fields.flags ?? 0, 8)
  header.writeUInt32LE(fields.changeMask ?? 0, 12)
  return header
}

/** Reads the payload of an RTM_NEWLINK or RTM_DELLINK. */
export function readLink(payload: Buffer): Link {
  if (payload.length < IFINFOMSG_BYTES) throw new NetlinkError('NETLINK_MALFORMED', `a link message has ${payload.length} bytes`)
  const attributes = Attributes.parse(payload.subarray(IFINFOMSG_BYTES))
  const flags = payload.readUInt32LE(8)
  const address = attributes.bytes(k.IFLA_ADDRESS)
  const linkInfo = attributes.nested(k.IFLA_LINKINFO)
  return {
    index: payload.readInt32LE(4),
    name: attributes.string(k.IFLA_IFNAME) ?? '',
    alternativeNames: attributes.nested(k.IFLA_PROP_LIST)?.list.filter(p => p.type === k.IFLA_ALT_IFNAME).map(p => p.payload.toString('utf8').replace(/\0.*$/, '')) ?? [],
    mac: address?.length === 6 ? macFromBytes(address) : undefined,
    mtu: attributes.u32(k.IFLA_MTU) ?? 0,
    txQueueLength: attributes.u32(k.IFLA_TXQLEN) ?? 0,
    up: (flags & k.IFF_UP) !== 0,
    carrier: (flags & k.IFF_LOWER_UP) !== 0,
    loopback: (flags & k.IFF_LOOPBACK) !== 0,
    promiscuous: (flags & k.IFF_PROMISC) !== 0,
    masterIndex: attributes.u32(k.IFLA_MASTER),
    parentIndex: attributes.u32(k.IFLA_LINK),
    parentNetnsId: attributes.i32(k.IFLA_LINK_NETNSID),
    alias: attributes.string(k.IFLA_IFALIAS),
    group: attributes.u32(k.IFLA_GROUP) ?? 0,
    info: readLinkInfo(linkInfo?.string(k.IFLA_INFO_KIND), linkInfo?.nested(k.IFLA_INFO_DATA)),
    port: linkInfo?.string(k.IFLA_INFO_SLAVE_KIND) === 'bridge' ? readBridgePort(linkInfo.nested(k.IFLA_INFO_SLAVE_DATA)) : undefined,
    attributes,
  }
}

/** A message about the link `reference` names: to get, remove or change it. */
export function linkMessage(head: MessageHead, reference: LinkReference): MessageWriter {
  return named(new MessageWriter(head, ifinfomsg(typeof reference === 'number' ? { index: reference } : {})), reference)
}

/** A change of an existing link. Port settings go in a message of their own, behind the one that sets the master. */
export function linkChangeMessage(head: MessageHead, reference: LinkReference, change: LinkChange): MessageWriter {
  const message = new MessageWriter(head, ifinfomsg({ ...(typeof reference === 'number' && { index: reference }), ...flagsOf(change) }))
  if (typeof reference === 'string' && change.name !== undefined) throw new NetlinkError('NETLINK_MALFORMED', `rename ${reference} by its index: a message holds one name`)
  named(message, reference)
  return writeChange(message, change)
}

export function bridgePortMessage(head: MessageHead, reference: LinkReference, port: NonNullable<LinkChange['port']>): MessageWriter {
  return linkMessage(head, reference).nested(k.IFLA_LINKINFO, info =>
    info.string(k.IFLA_INFO_SLAVE_KIND, 'bridge').nested(k.IFLA_INFO_SLAVE_DATA, data => writeBridgePort(data, port)),
  )
}

/** Settings of an existing bridge itself. */
export function bridgeMessage(head: MessageHead, index: number, change: Partial<BridgeInfo>): MessageWriter {
  return linkMessage(head, index).nested(k.IFLA_LINKINFO, info =>
    info.string(k.IFLA_INFO_KIND, 'bridge').nested(k.IFLA_INFO_DATA, data => writeLinkInfo(data, { ...change, kind: 'bridge' })),
  )
}

export function newLinkMessage(head: MessageHead, spec: LinkSpec): MessageWriter {
  const message = writeChange(new MessageWriter(head, ifinfomsg(flagsOf(spec))), spec)
  return message.nested(k.IFLA_LINKINFO, info => {
    info.string(k.IFLA_INFO_KIND, spec.info.kind)
    const { info: kind } = spec
    info.nested(k.IFLA_INFO_DATA, data => {
      if (kind.kind !== 'veth') writeLinkInfo(data, kind)
      else data.nested(k.VETH_INFO_PEER, peer => writeChange(peer.raw(ifinfomsg(flagsOf(kind.peer))), kind.peer))
    })
  })
}

/** Dumps of links are filtered by the kernel (strict checking). */
export function linkDumpMessage(head: MessageHead, filter: Readonly<{ masterIndex?: number; kind?: string }>): MessageWriter {
  const message = new MessageWriter(head, ifinfomsg({})).u32(k.IFLA_EXT_MASK, k.RTEXT_FILTER_SKIP_STATS)
  if (filter.masterIndex !== undefined) message.u32(k.IFLA_MASTER, filter.masterIndex)
  if (filter.kind !== undefined) message.nested(k.IFLA_LINKINFO, info => info.string(k.IFLA_INFO_KIND, filter.kind!))
  return message
}

/** Names longer than 15 bytes can only be alternative names (IFNAMSIZ). */
function named(message: MessageWriter, reference: LinkReference): MessageWriter {
  if (typeof reference === 'number') return message
  return message.string(Buffer.byteLength(reference) > 15 ? k.IFLA_ALT_IFNAME : k.IFLA_IFNAME, reference)
}

function flagsOf(change: LinkChange): { flags: number; changeMask: number } {
  const flag = (value: boolean | undefined, bit: number): [number, number] => (value === undefined ? [0, 0] : [value ? bit : 0, bit])
  const [up, upMask] = flag(change.up, k.IFF_UP)
  const [promiscuous, promiscuousMask] = flag(change.promiscuous, k.IFF_PROMISC)
  return { flags: up | promiscuous, changeMask: upMask | promiscuousMask }
}

function writeChange(message: MessageWriter, change: LinkChange): MessageWriter {
  if (change.name !== undefined) message.string(k.IFLA_IFNAME, change.name)
  if (change.mac !== undefined) message.bytes(k.IFLA_ADDRESS, macToBytes(change.mac))
  if (change.mtu !== undefined) message.u32(k.IFLA_MTU, change.mtu)
  if (change.txQueueLength !== undefined) message.u32(k.IFLA_TXQLEN, change.txQueueLength)
  if (change.masterIndex !== undefined) message.u32(k.IFLA_MASTER, change.masterIndex)
  if (change.alias !== undefined) message.string(k.IFLA_IFALIAS, change.alias)
  if (change.group !== undefined) message.u32(k.IFLA_GROUP, change.group)
  if (change.netnsFd !== undefined) message.u32(k.IFLA_NET_NS_FD, change.netnsFd)
  if (change.ipv6LinkLocal === false) {
    message.nested(k.IFLA_AF_SPEC, families => families.nested(AF_INET6, inet6 => inet6.u8(k.IFLA_INET6_ADDR_GEN_MODE, k.IN6_ADDR_GEN_MODE_NONE)))
  }
  return message
}

/** Removes every link of a group (IFLA_GROUP, not 0) at once: the kernel waits for RCU once, not once per link. */
export const linkGroupRemovalMessage = (group: number): MessageWriter =>
  new MessageWriter({ type: RTM_DELLINK, flags: 0, operation: `RTM_DELLINK (group ${group})` }, ifinfomsg({})).u32(k.IFLA_GROUP, group)
