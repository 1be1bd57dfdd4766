// The few things the udp backend does to IPv4 packets (RFC 791), in place where it can. Pure.

/** What a buffer holds, as far as forwarding must know. */
export type Ipv4Header = Readonly<{ headerBytes: number; totalBytes: number; protocol: number; fragmentOffset: number }>

const MIN_HEADER_BYTES = 20
const ICMP = 1

/** Undefined when the bytes are no whole IPv4 header. */
export function readIpv4Header(packet: Buffer, length: number): Ipv4Header | undefined {
  if (length < MIN_HEADER_BYTES || packet[0]! >> 4 !== 4) return undefined
  const headerBytes = (packet[0]! & 15) * 4
  const totalBytes = packet.readUInt16BE(2)
  if (headerBytes < MIN_HEADER_BYTES || headerBytes > length || totalBytes < headerBytes || totalBytes > length) return undefined
  return { headerBytes, totalBytes, protocol: packet[9]!, fragmentOffset: packet.readUInt16BE(6) & 0x1fff }
}

export const destinationOf = (packet: Buffer): number => packet.readUInt32BE(16)

/** Counts the TTL down and mends the checksum (RFC 1624); false, and no change, when the packet must not go on. */
export function decrementTtl(packet: Buffer): boolean {
  const ttl = packet[8]!
  if (ttl <= 1) return false
  packet[8] = ttl - 1
  const sum = packet.readUInt16BE(10) + 0x0100
  packet.writeUInt16BE((sum + (sum >> 16)) & 0xffff, 10)
  return true
}

export type IcmpKind = 'net-unreachable' | 'time-exceeded'
const ICMP_TYPE = { 'net-unreachable': 3, 'time-exceeded': 11 } as const satisfies Record<IcmpKind, number>

/** flannel's TTL for its own answers. */
const ANSWER_TTL = 8
const QUOTED_BYTES = 8

/**
 * The ICMP error about `packet` from `source` (RFC 792), quoting its header and eight bytes; undefined where RFC 1122
 * section 3.2.2 forbids one: about ICMP errors and later fragments. flannel answers no ICMP packet at all, and so do we.
 */
export function icmpError(packet: Buffer, header: Ipv4Header, answer: Readonly<{ kind: IcmpKind; source: number }>): Buffer | undefined {
  if (header.protocol === ICMP || header.fragmentOffset !== 0) return undefined
  const quoted = Math.min(header.headerBytes + QUOTED_BYTES, header.totalBytes)
  const error = Buffer.alloc(MIN_HEADER_BYTES + 8 + quoted)
  error[0] = 0x45
  error.writeUInt16BE(error.length, 2)
  error[8] = ANSWER_TTL
  error[9] = ICMP
  error.writeUInt32BE(answer.source, 12)
  error.writeUInt32BE(packet.readUInt32BE(12), 16)
  error.writeUInt16BE(internetChecksum(error.subarray(0, MIN_HEADER_BYTES)), 10)
  error[MIN_HEADER_BYTES] = ICMP_TYPE[answer.kind]
  packet.copy(error, MIN_HEADER_BYTES + 8, 0, quoted)
  error.writeUInt16BE(internetChecksum(error.subarray(MIN_HEADER_BYTES)), MIN_HEADER_BYTES + 2)
  return error
}

/** One's complement sum of 16-bit words (RFC 1071); 0 over bytes that carry a right checksum. */
export function internetChecksum(bytes: Buffer): number {
  let sum = 0
  for (let i = 0; i + 1 < bytes.length; i += 2) sum += bytes.readUInt16BE(i)
  if (bytes.length % 2 === 1) sum += bytes[bytes.length - 1]! << 8
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16)
  return ~sum & 0xffff
}
