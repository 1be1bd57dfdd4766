// Transport-layer packets written and read by hand, for what no socket sends: SCTP without a kernel that speaks it, and
// segments outside of a TCP connection's window.

import koffi from 'koffi'
import { addressToBytes, parseAddress, type Family } from '../../src/net/ip/address.ts'
import { inNetns } from '../../src/net/netns/in-netns.ts'

const libc = koffi.load(null)
const socket = libc.func('int socket(int family, int type, int protocol)') as (family: number, type: number, protocol: number) => number
const sendto = libc.func('intptr_t sendto(int fd, uint8_t *bytes, size_t length, int flags, uint8_t *address, uint32_t size)') as (...args: readonly [number, Uint8Array, number, number, Uint8Array, number]) => number
const recv = libc.func('intptr_t recv(int fd, uint8_t *bytes, size_t length, int flags)') as (fd: number, bytes: Uint8Array, length: number, flags: number) => number
const close = libc.func('int close(int fd)') as (fd: number) => number

const SOCK_RAW_NONBLOCK_CLOEXEC = 3 | 0o4000 | 0o2000000
const AF = { 4: 2, 6: 10 } as const
export const TCP = 6
export const SCTP = 132

/** A raw(7) socket: what comes for one protocol is seen beside the kernel's own sockets, without the IP header. */
export class RawPackets implements Disposable {
  readonly #fd: number
  readonly #family: Family

  constructor(netns: string, family: Family, protocol: number) {
    this.#family = family
    this.#fd = inNetns(netns, () => socket(AF[family], SOCK_RAW_NONBLOCK_CLOEXEC, protocol))
    if (this.#fd < 0) throw new Error(`no raw socket for protocol ${protocol}: errno ${koffi.errno()}`)
  }

  send(to: string, packet: Uint8Array): void {
    const bytes = addressToBytes(parseAddress(to, 'to'))
    // struct sockaddr_in and sockaddr_in6 (netinet/in.h); a port means nothing here and has to be 0 in IPv6.
    const address = Buffer.alloc(this.#family === 4 ? 16 : 28)
    address.writeUInt16LE(AF[this.#family], 0)
    address.set(bytes, this.#family === 4 ? 4 : 8)
    if (sendto(this.#fd, packet, packet.length, 0, address, address.length) < 0) throw new Error(`cannot send to ${to}: errno ${koffi.errno()}`)
  }

  /** What has come since the last call. */
  received(): readonly Buffer[] {
    const found: Buffer[] = []
    for (;;) {
      const buffer = Buffer.alloc(2048)
      const length = Number(recv(this.#fd, buffer, buffer.length, 0))
      if (length < 0) return found
      // An IPv4 raw socket shows the header as well (raw(7)).
      const header = this.#family === 4 ? (buffer[0]! & 15) * 4 : 0
      found.push(buffer.subarray(header, length))
    }
  }

  [Symbol.dispose](): void {
    close(this.#fd)
  }
}

/** An SCTP packet that asks for an association (RFC 9260, sections 3.1 and 3.3.2). */
export function sctpInit(sourcePort: number, destinationPort: number): Buffer {
  const packet = Buffer.alloc(32)
  packet.writeUInt16BE(sourcePort, 0)
  packet.writeUInt16BE(destinationPort, 2)
  packet.writeUInt8(1, 12) // INIT
  packet.writeUInt16BE(20, 14) // length of the chunk
  packet.writeUInt32BE(0x1234_5678, 16) // initiate tag
  packet.writeUInt32BE(65_536, 20) // receiver window
  packet.writeUInt16BE(1, 24) // streams out
  packet.writeUInt16BE(1, 26) // streams in
  packet.writeUInt32BE(1, 28) // first TSN
  packet.writeUInt32LE(crc32c(packet), 8)
  return packet
}

/** CRC-32C, reflected (RFC 9260, appendix A). */
function crc32c(bytes: Uint8Array): number {
  let crc = 0xffff_ffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f6_3b78 : 0)
  }
  return ~crc >>> 0
}

export type Segment = Readonly<{ from: string; fromPort: number; to: string; toPort: number; sequence: number; acknowledgement: number; text: string }>

/** A TCP segment with PSH and ACK and a right checksum (RFC 9293, section 3.1). */
export function tcpSegment({ from, fromPort, to, toPort, sequence, acknowledgement, text }: Segment): Buffer {
  const packet = Buffer.concat([Buffer.alloc(20), Buffer.from(text)])
  packet.writeUInt16BE(fromPort, 0)
  packet.writeUInt16BE(toPort, 2)
  packet.writeUInt32BE(sequence >>> 0, 4)
  packet.writeUInt32BE(acknowledgement >>> 0, 8)
  packet.writeUInt16BE((5 << 12) | 0x18, 12)
  packet.writeUInt16BE(1024, 14)
  const [source, destination] = [addressToBytes(parseAddress(from, 'from')), addressToBytes(parseAddress(to, 'to'))]
  const pseudo = Buffer.concat([source, destination, Buffer.from([0, TCP]), Buffer.from([packet.length >> 8, packet.length & 255])])
  packet.writeUInt16BE(internetChecksum(Buffer.concat([pseudo, packet])), 16)
  return packet
}

/** RFC 1071 */
function internetChecksum(bytes: Uint8Array): number {
  let sum = 0
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i]! << 8) | (bytes[i + 1] ?? 0)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}
