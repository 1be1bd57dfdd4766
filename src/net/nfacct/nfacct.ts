// Named packet counters of the kernel (nfnetlink_acct), which `-m nfacct` rules count into.
// linux/netfilter/nfnetlink_acct.h, Linux 6.12.

import { NLM_F_CREATE, NLM_F_EXCL, NETLINK_NETFILTER } from '../netlink/constants.ts'
import { Attributes } from '../netlink/attributes.ts'
import { MessageWriter } from '../netlink/message-writer.ts'
import { isRefusal } from '../netlink/netlink-error.ts'
import { NetlinkSocket, type RequestOptions } from '../netlink/netlink-socket.ts'
import type { NetnsReference } from '../netns/identity.ts'
import { nfgenmsg } from '../nfnetlink/change-messages.ts'

const NFNL_SUBSYS_ACCT = 7
const NFNL_MSG_ACCT_NEW = 0
const NFNL_MSG_ACCT_GET = 1
const NFACCT_NAME = 1
const NFACCT_PKTS = 2
const NFGENMSG_BYTES = 4

const message = (number: number, flags: number, name: string): MessageWriter =>
  new MessageWriter({ type: (NFNL_SUBSYS_ACCT << 8) | number, flags, operation: `packet counter ${name}` }, nfgenmsg(0)).string(NFACCT_NAME, name)

export class PacketCounters implements AsyncDisposable {
  readonly #socket: NetlinkSocket

  private constructor(socket: NetlinkSocket) {
    this.#socket = socket
  }

  static open(options: Readonly<{ netns?: NetnsReference | undefined }> = {}): PacketCounters {
    return new PacketCounters(NetlinkSocket.open({ protocol: NETLINK_NETFILTER, netns: options.netns }))
  }

  /** Makes the counter unless it is there. Answers false when this kernel has no such counters. */
  async ensure(name: string, options: RequestOptions): Promise<boolean> {
    try {
      await this.#socket.request(message(NFNL_MSG_ACCT_NEW, NLM_F_CREATE | NLM_F_EXCL, name), options)
      return true
    } catch (error) {
      if (isRefusal(error, 'EEXIST', 'EBUSY')) return true
      // EINVAL is nfnetlink's answer for a subsystem that is neither built in nor loadable.
      if (isRefusal(error, 'EINVAL', 'EOPNOTSUPP', 'ENOTSUP')) return false
      throw error
    }
  }

  /** Packets counted so far; undefined when there is no such counter. */
  async packets(name: string, options: RequestOptions): Promise<bigint | undefined> {
    try {
      const [reply] = await this.#socket.request(message(NFNL_MSG_ACCT_GET, 0, name), options)
      return reply === undefined ? undefined : Attributes.parse(reply.payload.subarray(NFGENMSG_BYTES)).u64be(NFACCT_PKTS)
    } catch (error) {
      if (isRefusal(error, 'ENOENT')) return undefined
      throw error
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#socket[Symbol.asyncDispose]()
  }
}
