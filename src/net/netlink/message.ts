// Reading netlink datagrams: struct nlmsghdr { u32 len; u16 type; u16 flags; u32 seq; u32 pid } and what follows
// (linux/netlink.h). Numbers are in the host's byte order; every machine that Node 24 runs Linux on is little-endian
// but s390x, which is not supported.

import { NetlinkError } from './netlink-error.ts'

export const NLMSG_HEADER_BYTES = 16

/** Messages and attributes start at multiples of four (NLMSG_ALIGNTO, NLA_ALIGNTO). */
export const align4 = (length: number): number => (length + 3) & ~3

export type Message = Readonly<{
  type: number
  flags: number
  sequence: number
  /** The port that the answered request came from; 0 in notifications. */
  port: number
  /** Everything behind the header: the family's own header, then attributes. */
  payload: Buffer
}>

/** The messages of one datagram, in order. */
export function messagesIn(datagram: Buffer): readonly Message[] {
  const messages: Message[] = []
  for (let offset = 0; offset + NLMSG_HEADER_BYTES <= datagram.length; ) {
    const length = datagram.readUInt32LE(offset)
    if (length < NLMSG_HEADER_BYTES || offset + length > datagram.length) {
      throw new NetlinkError('NETLINK_MALFORMED', `a netlink message claims ${length} bytes where ${datagram.length - offset} are left`)
    }
    messages.push({
      type: datagram.readUInt16LE(offset + 4),
      flags: datagram.readUInt16LE(offset + 6),
      sequence: datagram.readUInt32LE(offset + 8),
      port: datagram.readUInt32LE(offset + 12),
      payload: datagram.subarray(offset + NLMSG_HEADER_BYTES, offset + length),
    })
    offset += align4(length)
  }
  return messages
}
