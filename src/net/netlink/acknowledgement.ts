// Reading acknowledgements: struct nlmsgerr { i32 error; struct nlmsghdr msg } and extended attributes behind it
// (NETLINK_EXT_ACK, Documentation/userspace-api/netlink/intro.rst); the status inside NLMSG_DONE alike.

import { errnoName } from '../libc/errno.ts'
import { Attributes } from './attributes.ts'
import { NLA_TYPE_MASK, NLM_F_ACK_TLVS, NLM_F_CAPPED, NLMSG_DONE, NLMSGERR_ATTR_MISS_TYPE, NLMSGERR_ATTR_MSG, NLMSGERR_ATTR_OFFS } from './constants.ts'
import { align4, NLMSG_HEADER_BYTES, type Message } from './message.ts'
import type { KernelRefusal } from './netlink-error.ts'

/** What an NLMSG_ERROR or NLMSG_DONE says: undefined is success. `request` is the message as it was sent. */
export function refusalIn(message: Message, request: Buffer): KernelRefusal | undefined {
  if (message.payload.length < 4) return undefined
  const errno = -message.payload.readInt32LE()
  if (errno <= 0) return undefined
  const extended = (message.flags & NLM_F_ACK_TLVS) === 0 ? undefined : Attributes.parse(message.payload.subarray(extendedStart(message)))
  const kernelText = extended?.string(NLMSGERR_ATTR_MSG)
  const missing = extended?.u32(NLMSGERR_ATTR_MISS_TYPE)
  const offset = extended?.u32(NLMSGERR_ATTR_OFFS)
  const attribute = offset === undefined ? undefined : attributeAt(request, offset)
  const text = kernelText ?? (missing === undefined ? undefined : `attribute ${missing} is missing`)
  return { errno, errnoName: errnoName(errno), ...(text !== undefined && { kernelText: text }), ...(attribute !== undefined && { attribute }) }
}

/** In NLMSG_DONE the attributes follow the status; in NLMSG_ERROR the echoed request, which may be cut to its header. */
function extendedStart(message: Message): number {
  if (message.type === NLMSG_DONE) return 4
  const echoed = (message.flags & NLM_F_CAPPED) === 0 ? message.payload.readUInt32LE(4) : NLMSG_HEADER_BYTES
  return 4 + align4(echoed)
}

const attributeAt = (request: Buffer, offset: number): KernelRefusal['attribute'] =>
  offset + 4 <= request.length ? { offset, type: request.readUInt16LE(offset + 2) & NLA_TYPE_MASK } : undefined
