// Echo messages as bytes (RFC 792, RFC 4443 section 4). Pure.

import type { Family } from '../ip/address.ts'
import { ICMP_ECHO_REPLY, ICMP_ECHO_REQUEST, ICMP_HEADER_BYTES } from './constants.ts'

export type EchoName = Readonly<{ identifier: number; sequence: number }>

/** An echo request of `bytes` bytes in all, ICMP header included. The kernel computes ICMPv6 checksums itself. */
export function echoRequest(family: Family, { identifier, sequence }: EchoName, bytes: number): Buffer {
  const message = Buffer.alloc(Math.max(bytes, ICMP_HEADER_BYTES))
  message.writeUInt8(ICMP_ECHO_REQUEST[family], 0)
  message.writeUInt16BE(identifier, 4)
  message.writeUInt16BE(sequence, 6)
  if (family === 4) message.writeUInt16BE(internetChecksum(message), 2)
  return message
}

/** Which request a received packet answers; undefined when it is no echo reply. A raw IPv4 socket gives the IP header too. */
export function echoReply(family: Family, packet: Buffer): EchoName | undefined {
  const start = family === 4 && packet.length > 0 ? (packet[0]! & 0x0f) * 4 : 0
  if (packet.length < start + ICMP_HEADER_BYTES || packet[start] !== ICMP_ECHO_REPLY[family]) return undefined
  return { identifier: packet.readUInt16BE(start + 4), sequence: packet.readUInt16BE(start + 6) }
}

/** RFC 1071. */
function internetChecksum(bytes: Buffer): number {
  let sum = 0
  for (let at = 0; at + 1 < bytes.length; at += 2) sum += bytes.readUInt16BE(at)
  if (bytes.length % 2 === 1) sum += bytes[bytes.length - 1]! << 8
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}
