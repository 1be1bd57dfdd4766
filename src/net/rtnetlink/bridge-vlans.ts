// VLANs of bridge ports: link messages of family AF_BRIDGE with IFLA_BRIDGE_VLAN_INFO (linux/if_bridge.h, net/bridge/br_netlink.c).

import { Attributes } from '../netlink/attributes.ts'
import { MessageWriter, type MessageHead } from '../netlink/message-writer.ts'
import type { NetlinkSocket, RequestOptions } from '../netlink/netlink-socket.ts'
import { AF_BRIDGE, RTM_DELLINK, RTM_GETLINK, RTM_SETLINK } from './constants.ts'
import { requireBytes } from './header.ts'
import * as k from './link-constants.ts'

/** A run of VLANs that a port carries alike. */
export type PortVlan = Readonly<{
  first: number
  last: number
  /** Frames that come in without a tag belong to it; at most one VLAN of a port. */
  pvid: boolean
  /** Frames go out without a tag. */
  untagged: boolean
}>

/** VLAN ids of IEEE 802.1Q that a port may carry; 0 and 4095 are reserved. */
export const VLAN_IDS = { first: 1, last: 4094 } as const

const IFINFOMSG_BYTES = 16

function ifinfomsg(linkIndex: number): Buffer {
  const bytes = Buffer.alloc(IFINFOMSG_BYTES)
  bytes.writeUInt8(AF_BRIDGE, 0)
  bytes.writeInt32LE(linkIndex, 4)
  return bytes
}

/** Makes the port carry them; one that it carries already takes the new flags. */
export const addVlansMessage = (linkIndex: number, vlans: readonly PortVlan[]): MessageWriter =>
  vlansMessage({ type: RTM_SETLINK, flags: 0, operation: `RTM_SETLINK VLANs of link ${linkIndex}` }, linkIndex, vlans)

/** Takes VLANs off the port; those it does not carry are no error within a range. */
export const removeVlansMessage = (linkIndex: number, vlans: Readonly<{ first: number; last: number }>): MessageWriter =>
  vlansMessage({ type: RTM_DELLINK, flags: 0, operation: `RTM_DELLINK VLANs of link ${linkIndex}` }, linkIndex, [{ ...vlans, pvid: false, untagged: false }])

function vlansMessage(head: MessageHead, linkIndex: number, vlans: readonly PortVlan[]): MessageWriter {
  return new MessageWriter(head, ifinfomsg(linkIndex)).nested(k.IFLA_AF_SPEC, spec => {
    for (const { first, last, pvid, untagged } of vlans) {
      const flags = (pvid ? k.BRIDGE_VLAN_INFO_PVID : 0) | (untagged ? k.BRIDGE_VLAN_INFO_UNTAGGED : 0)
      if (first === last) spec.bytes(k.IFLA_BRIDGE_VLAN_INFO, vlanInfo(flags, first))
      else {
        spec.bytes(k.IFLA_BRIDGE_VLAN_INFO, vlanInfo(flags | k.BRIDGE_VLAN_INFO_RANGE_BEGIN, first))
        spec.bytes(k.IFLA_BRIDGE_VLAN_INFO, vlanInfo(flags | k.BRIDGE_VLAN_INFO_RANGE_END, last))
      }
    }
  })
}

function vlanInfo(flags: number, id: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt16LE(flags, 0)
  bytes.writeUInt16LE(id, 2)
  return bytes
}

/** Reads one answer of the dump: a port and what it carries. */
export function readPortVlans(payload: Buffer): Readonly<{ linkIndex: number; vlans: readonly PortVlan[] }> {
  requireBytes(payload, IFINFOMSG_BYTES, 'a bridge port')
  const infos = Attributes.parse(payload.subarray(IFINFOMSG_BYTES)).nested(k.IFLA_AF_SPEC)?.list.filter(({ type }) => type === k.IFLA_BRIDGE_VLAN_INFO) ?? []
  const vlans: PortVlan[] = []
  let begin: number | undefined
  for (const { payload: info } of infos) {
    const [flags, id] = [info.readUInt16LE(0), info.readUInt16LE(2)]
    if ((flags & k.BRIDGE_VLAN_INFO_RANGE_BEGIN) !== 0) {
      begin = id
      continue
    }
    const first = (flags & k.BRIDGE_VLAN_INFO_RANGE_END) !== 0 ? (begin ?? id) : id
    begin = undefined
    vlans.push({ first, last: id, pvid: (flags & k.BRIDGE_VLAN_INFO_PVID) !== 0, untagged: (flags & k.BRIDGE_VLAN_INFO_UNTAGGED) !== 0 })
  }
  return { linkIndex: payload.readInt32LE(4), vlans }
}

export class BridgeVlans {
  readonly #socket: NetlinkSocket

  constructor(socket: NetlinkSocket) {
    this.#socket = socket
  }

  /** What every port of every bridge carries, by the port's index. */
  async list(options: RequestOptions): Promise<ReadonlyMap<number, readonly PortVlan[]>> {
    const head: MessageHead = { type: RTM_GETLINK, flags: 0, operation: 'RTM_GETLINK (VLANs of bridge ports)' }
    const answers = await this.#socket.dump(new MessageWriter(head, ifinfomsg(0)).u32(k.IFLA_EXT_MASK, k.RTEXT_FILTER_BRVLAN_COMPRESSED), options)
    return new Map(answers.map(answer => readPortVlans(answer.payload)).map(({ linkIndex, vlans }) => [linkIndex, vlans]))
  }

  /** Gives the port exactly these. */
  async replace(linkIndex: number, vlans: readonly PortVlan[], options: RequestOptions): Promise<void> {
    const messages = [removeVlansMessage(linkIndex, VLAN_IDS), ...(vlans.length === 0 ? [] : [addVlansMessage(linkIndex, vlans)])]
    const failed = (await this.#socket.transact(messages, options)).find(({ error }) => error !== undefined)
    if (failed?.error !== undefined) throw failed.error
  }
}
