// The connection tracking table of one namespace, over ctnetlink.

import type { Family } from '../ip/address.ts'
import { PROTOCOL_NUMBER, type Protocol } from '../ip/port.ts'
import { NETLINK_NETFILTER } from '../netlink/constants.ts'
import { MessageWriter } from '../netlink/message-writer.ts'
import { isRefusal } from '../netlink/netlink-error.ts'
import { NetlinkSocket, type RequestOptions } from '../netlink/netlink-socket.ts'
import type { NetnsReference } from '../netns/identity.ts'
import { nfgenmsg } from '../nfnetlink/change-messages.ts'
import { NFPROTO } from '../nfnetlink/constants.ts'
import * as k from './constants.ts'
import { readFlow, type Flow } from './flow.ts'

export class Conntrack implements AsyncDisposable {
  readonly #socket: NetlinkSocket

  private constructor(socket: NetlinkSocket) {
    this.#socket = socket
  }

  /** Opens it in our own namespace, or in the one that `netns` names. Synchronous; dispose of it. */
  static open(options: Readonly<{ netns?: NetnsReference | undefined }> = {}): Conntrack {
    return new Conntrack(NetlinkSocket.open({ protocol: NETLINK_NETFILTER, netns: options.netns, receiveBufferBytes: 8 << 20 }))
  }

  /** All entries of one protocol and family. The kernel sorts out the others where it can (Linux 5.8). */
  async list(want: Readonly<{ family: Family; protocol: Protocol }>, options: RequestOptions): Promise<readonly Flow[]> {
    const number = PROTOCOL_NUMBER[want.protocol]
    const message = conntrackMessage(k.IPCTNL_MSG_CT_GET, want.family, `list conntrack entries (${want.protocol}, IPv${want.family})`)
      .nested(k.CTA_TUPLE_ORIG, tuple => tuple.nested(k.CTA_TUPLE_PROTO, proto => proto.u8(k.CTA_PROTO_NUM, number)))
      .nested(k.CTA_FILTER, filter => filter.u32(k.CTA_FILTER_ORIG_FLAGS, k.CTA_FILTER_F_PROTO_NUM).u32(k.CTA_FILTER_REPLY_FLAGS, 0))
    const replies = await this.#socket.dump(message, options)
    return replies.flatMap(reply => {
      const flow = readFlow(reply.payload)
      return flow?.protocol === number && flow.original.source.address.family === want.family ? [flow] : []
    })
  }

  /** Removes one entry, and no other that took its place meanwhile. */
  async remove(flow: Flow, options: RequestOptions): Promise<'removed' | 'absent'> {
    const message = conntrackMessage(k.IPCTNL_MSG_CT_DELETE, flow.original.source.address.family, 'delete a conntrack entry')
    message.nested(k.CTA_TUPLE_ORIG, tuple => tuple.raw(flow.handle.originalTuple))
    if (flow.handle.id !== undefined) message.bytes(k.CTA_ID, flow.handle.id)
    if (flow.handle.zone !== undefined) message.bytes(k.CTA_ZONE, flow.handle.zone)
    try {
      await this.#socket.request(message, options)
      return 'removed'
    } catch (error) {
      if (isRefusal(error, 'ENOENT')) return 'absent'
      throw error
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#socket[Symbol.asyncDispose]()
  }
}

const conntrackMessage = (message: number, family: Family, operation: string): MessageWriter =>
  new MessageWriter({ type: (k.NFNL_SUBSYS_CTNETLINK << 8) | message, flags: 0, operation }, nfgenmsg(family === 4 ? NFPROTO.ip : NFPROTO.ip6))
