// Writing one netlink message: header, the family's own header, attributes. Nests carry NLA_F_NESTED, which strict
// families demand (WireGuard since Linux 5.2: "NLA_F_NESTED is missing").

import { NLA_F_NESTED } from './constants.ts'
import { align4, NLMSG_HEADER_BYTES } from './message.ts'

export type MessageHead = Readonly<{
  type: number
  flags: number
  /** What is asked, for errors: "RTM_NEWLINK flannel.1". */
  operation: string
}>

/** Grows as needed; every writing method answers the writer itself. */
export class MessageWriter {
  readonly head: MessageHead
  #bytes: Buffer
  #length = NLMSG_HEADER_BYTES

  constructor(head: MessageHead, familyHeader: Uint8Array) {
    this.head = head
    this.#bytes = Buffer.alloc(align4(NLMSG_HEADER_BYTES + familyHeader.length) + 240)
    this.#bytes.set(familyHeader, this.#length)
    this.#length = align4(this.#length + familyHeader.length)
  }

  bytes(type: number, value: Uint8Array): this {
    const at = this.#open(type, value.length)
    this.#bytes.set(value, at)
    return this
  }

  u8(type: number, value: number): this {
    const at = this.#open(type, 1)
    this.#bytes.writeUInt8(value, at)
    return this
  }

  boolean(type: number, value: boolean): this {
    return this.u8(type, value ? 1 : 0)
  }

  u16(type: number, value: number): this {
    const at = this.#open(type, 2)
    this.#bytes.writeUInt16LE(value, at)
    return this
  }

  u16be(type: number, value: number): this {
    const at = this.#open(type, 2)
    this.#bytes.writeUInt16BE(value, at)
    return this
  }

  u32(type: number, value: number): this {
    const at = this.#open(type, 4)
    this.#bytes.writeUInt32LE(value, at)
    return this
  }

  i32(type: number, value: number): this {
    const at = this.#open(type, 4)
    this.#bytes.writeInt32LE(value, at)
    return this
  }

  u32be(type: number, value: number): this {
    const at = this.#open(type, 4)
    this.#bytes.writeUInt32BE(value, at)
    return this
  }

  u64(type: number, value: bigint): this {
    const at = this.#open(type, 8)
    this.#bytes.writeBigUInt64LE(value, at)
    return this
  }

  u64be(type: number, value: bigint): this {
    const at = this.#open(type, 8)
    this.#bytes.writeBigUInt64BE(value, at)
    return this
  }

  /** Zero-terminated text. */
  string(type: number, value: string): this {
    return this.bytes(type, Buffer.from(`${value}\0`, 'utf8'))
  }

  /** An attribute that says yes by being there. */
  flag(type: number): this {
    this.#open(type, 0)
    return this
  }

  nested(type: number, fill: (writer: this) => void): this {
    const start = this.#length
    this.#open(type | NLA_F_NESTED, 0)
    fill(this)
    this.#bytes.writeUInt16LE(this.#length - start, start)
    return this
  }

  /** Bytes without an attribute header: a family's header inside a nest (struct ifinfomsg in VETH_INFO_PEER). */
  raw(value: Uint8Array): this {
    this.#reserve(value.length)
    this.#bytes.set(value, this.#length)
    this.#length = align4(this.#length + value.length)
    return this
  }

  /** The finished message. May be called again, with another sequence number, to send the same once more. */
  finish(sequence: number, flags: number): Buffer {
    this.#bytes.writeUInt32LE(this.#length, 0)
    this.#bytes.writeUInt16LE(this.head.type, 4)
    this.#bytes.writeUInt16LE(flags, 6)
    this.#bytes.writeUInt32LE(sequence, 8)
    this.#bytes.writeUInt32LE(0, 12)
    return this.#bytes.subarray(0, this.#length)
  }

  /** Writes an attribute's header and answers where its payload goes. May replace `#bytes`: call it first. */
  #open(type: number, payloadBytes: number): number {
    this.#reserve(4 + payloadBytes)
    const start = this.#length
    this.#bytes.writeUInt16LE(4 + payloadBytes, start)
    this.#bytes.writeUInt16LE(type, start + 2)
    this.#length = align4(start + 4 + payloadBytes)
    return start + 4
  }

  #reserve(bytes: number): void {
    const needed = align4(this.#length + bytes)
    if (needed <= this.#bytes.length) return
    const grown = Buffer.alloc(Math.max(needed, this.#bytes.length * 2))
    grown.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = grown
  }
}
