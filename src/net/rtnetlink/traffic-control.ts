// Queueing disciplines that limit a link's rate, and the redirection of what a link receives (linux/pkt_sched.h, pkt_cls.h,
// tc_act/tc_mirred.h, Linux 6.12): struct tcmsg { u8 family; u8 pad[3]; i32 ifindex; u32 handle; u32 parent; u32 info }.

import { Attributes } from '../netlink/attributes.ts'
import { NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE } from '../netlink/constants.ts'
import { MessageWriter, type MessageHead } from '../netlink/message-writer.ts'
import type { NetlinkSocket, RequestOptions } from '../netlink/netlink-socket.ts'
import { RTM_GETQDISC, RTM_NEWQDISC } from './constants.ts'

const RTM_NEWTFILTER = 44
const TCMSG_BYTES = 20
const TC_H_ROOT = 0xffff_ffff
const TC_H_INGRESS = 0xffff_fff1
/** "ffff:", the handle that an ingress discipline always has. */
const INGRESS_HANDLE = 0xffff_0000
const ROOT_HANDLE = 0x1_0000
const TCA_KIND = 1
const TCA_OPTIONS = 2
const TCA_TBF_PARMS = 1
const TCA_TBF_RATE64 = 4
const TCA_TBF_BURST = 6
const TCA_U32_CLASSID = 1
const TCA_U32_SEL = 5
const TCA_U32_ACT = 7
const TCA_ACT_KIND = 1
const TCA_ACT_OPTIONS = 2
const TCA_MIRRED_PARMS = 2
const TC_U32_TERMINAL = 1
const TC_ACT_STOLEN = 4
const TCA_EGRESS_REDIR = 1
/** ETH_P_ALL in network order, in the low half of `info`. */
const ALL_PROTOCOLS = 0x0300
const MAX_U32 = 0xffff_ffff

/** A token bucket: bytes per second, bytes that may queue, bytes and ticks that may go at once. */
export type TokenBucket = Readonly<{ rate: bigint; limit: number; burst: number; buffer: number }>

export type Qdisc = Readonly<{ kind: string; linkIndex: number; handle: number; parent: number; bucket: TokenBucket | undefined }>

const tcmsg = (fields: Readonly<{ linkIndex?: number; handle?: number; parent?: number; info?: number }>): Buffer => {
  const bytes = Buffer.alloc(TCMSG_BYTES)
  bytes.writeInt32LE(fields.linkIndex ?? 0, 4)
  bytes.writeUInt32LE(fields.handle ?? 0, 8)
  bytes.writeUInt32LE(fields.parent ?? 0, 12)
  bytes.writeUInt32LE(fields.info ?? 0, 16)
  return bytes
}

export class TrafficControl {
  readonly #socket: NetlinkSocket

  constructor(socket: NetlinkSocket) {
    this.#socket = socket
  }

  /** Puts a token bucket at the link's root, in the place of any other. */
  async limit(linkIndex: number, bucket: TokenBucket, options: RequestOptions): Promise<void> {
    const head: MessageHead = { type: RTM_NEWQDISC, flags: NLM_F_CREATE | NLM_F_REPLACE, operation: `RTM_NEWQDISC tbf on link ${linkIndex}` }
    const message = new MessageWriter(head, tcmsg({ linkIndex, handle: ROOT_HANDLE, parent: TC_H_ROOT })).string(TCA_KIND, 'tbf')
    message.nested(TCA_OPTIONS, tbf => {
      tbf.bytes(TCA_TBF_PARMS, tbfParameters(bucket)).u32(TCA_TBF_BURST, bucket.burst)
      if (bucket.rate > BigInt(MAX_U32)) tbf.u64(TCA_TBF_RATE64, bucket.rate)
    })
    await this.#socket.request(message, options)
  }

  /** Sends everything that the link receives out of another one, whose own discipline then shapes it. */
  async redirectIngress(linkIndex: number, toLinkIndex: number, options: RequestOptions): Promise<void> {
    const ingress = new MessageWriter(
      { type: RTM_NEWQDISC, flags: NLM_F_CREATE | NLM_F_EXCL, operation: `RTM_NEWQDISC ingress on link ${linkIndex}` },
      tcmsg({ linkIndex, handle: INGRESS_HANDLE, parent: TC_H_INGRESS }),
    ).string(TCA_KIND, 'ingress')
    await this.#socket.request(ingress, options)
    const filter = new MessageWriter(
      { type: RTM_NEWTFILTER, flags: NLM_F_CREATE | NLM_F_EXCL, operation: `RTM_NEWTFILTER u32 on link ${linkIndex}` },
      tcmsg({ linkIndex, parent: INGRESS_HANDLE, info: (1 << 16) | ALL_PROTOCOLS }),
    ).string(TCA_KIND, 'u32')
    filter.nested(TCA_OPTIONS, u32 => {
      u32.u32(TCA_U32_CLASSID, ROOT_HANDLE | 1).bytes(TCA_U32_SEL, matchAll())
      u32.nested(TCA_U32_ACT, actions => actions.nested(1, action => {
        action.string(TCA_ACT_KIND, 'mirred')
        action.nested(TCA_ACT_OPTIONS, mirred => mirred.bytes(TCA_MIRRED_PARMS, redirection(toLinkIndex)))
      }))
    })
    await this.#socket.request(filter, options)
  }

  async qdiscs(linkIndex: number, options: RequestOptions): Promise<readonly Qdisc[]> {
    const head: MessageHead = { type: RTM_GETQDISC, flags: 0, operation: `RTM_GETQDISC link ${linkIndex}` }
    const replies = await this.#socket.dump(new MessageWriter(head, tcmsg({ linkIndex })), options)
    return replies.map(reply => readQdisc(reply.payload)).filter(qdisc => qdisc.linkIndex === linkIndex)
  }
}

/** struct tc_tbf_qopt { ratespec rate, peakrate (12 bytes each, the rate in their last four); u32 limit, buffer, mtu } */
function tbfParameters(bucket: TokenBucket): Buffer {
  const bytes = Buffer.alloc(36)
  bytes.writeUInt32LE(bucket.rate > BigInt(MAX_U32) ? MAX_U32 : Number(bucket.rate), 8)
  bytes.writeUInt32LE(bucket.limit, 24)
  bytes.writeUInt32LE(bucket.buffer, 28)
  return bytes
}

/** struct tc_u32_sel with one struct tc_u32_key whose mask is zero. */
function matchAll(): Buffer {
  const bytes = Buffer.alloc(32)
  bytes.writeUInt8(TC_U32_TERMINAL, 0)
  bytes.writeUInt8(1, 2)
  return bytes
}

/** struct tc_mirred { u32 index, capab; i32 action, refcnt, bindcnt; i32 eaction; u32 ifindex } */
function redirection(linkIndex: number): Buffer {
  const bytes = Buffer.alloc(28)
  bytes.writeInt32LE(TC_ACT_STOLEN, 8)
  bytes.writeInt32LE(TCA_EGRESS_REDIR, 20)
  bytes.writeUInt32LE(linkIndex, 24)
  return bytes
}

function readQdisc(payload: Buffer): Qdisc {
  const attributes = Attributes.parse(payload.subarray(TCMSG_BYTES))
  const kind = attributes.string(TCA_KIND) ?? ''
  const options = kind === 'tbf' ? attributes.nested(TCA_OPTIONS) : undefined
  const parameters = options?.bytes(TCA_TBF_PARMS)
  return {
    kind,
    linkIndex: payload.readInt32LE(4),
    handle: payload.readUInt32LE(8),
    parent: payload.readUInt32LE(12),
    bucket: parameters && {
      rate: options!.u64(TCA_TBF_RATE64) ?? BigInt(parameters.readUInt32LE(8)),
      limit: parameters.readUInt32LE(24),
      burst: options!.u32(TCA_TBF_BURST) ?? 0,
      buffer: parameters.readUInt32LE(28),
    },
  }
}
