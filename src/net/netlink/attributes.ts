// Reading attributes: struct nlattr { u16 len; u16 type } with the payload behind it, padded to four bytes.
// Nothing is dropped: attributes that nobody asks for stay in the list.

import { align4 } from './message.ts'
import { NLA_F_NESTED, NLA_TYPE_MASK } from './constants.ts'
import { NetlinkError } from './netlink-error.ts'

const NLA_HEADER_BYTES = 4

export type Attribute = Readonly<{
  type: number
  /** NLA_F_NESTED as the kernel sent it; older families nest without saying so. */
  nested: boolean
  payload: Buffer
}>

/** The attributes of one message or nest. Getters answer undefined for what is absent; of repeated ones the last counts. */
export class Attributes {
  readonly list: readonly Attribute[]

  constructor(list: readonly Attribute[]) {
    this.list = list
  }

  static parse(bytes: Buffer): Attributes {
    const list: Attribute[] = []
    for (let offset = 0; offset + NLA_HEADER_BYTES <= bytes.length; ) {
      const length = bytes.readUInt16LE(offset)
      const type = bytes.readUInt16LE(offset + 2)
      if (length < NLA_HEADER_BYTES || offset + length > bytes.length) {
        throw new NetlinkError('NETLINK_MALFORMED', `attribute ${type & NLA_TYPE_MASK} claims ${length} bytes where ${bytes.length - offset} are left`)
      }
      list.push({
        type: type & NLA_TYPE_MASK,
        nested: (type & NLA_F_NESTED) !== 0,
        payload: bytes.subarray(offset + NLA_HEADER_BYTES, offset + length),
      })
      offset += align4(length)
    }
    return new Attributes(list)
  }

  bytes(type: number): Buffer | undefined {
    return this.list.findLast(attribute => attribute.type === type)?.payload
  }

  has(type: number): boolean {
    return this.bytes(type) !== undefined
  }

  u8(type: number): number | undefined {
    return this.bytes(type)?.readUInt8()
  }

  /** A u8 that means yes or no. */
  boolean(type: number): boolean | undefined {
    const value = this.u8(type)
    return value === undefined ? undefined : value !== 0
  }

  u16(type: number): number | undefined {
    return this.bytes(type)?.readUInt16LE()
  }

  u16be(type: number): number | undefined {
    return this.bytes(type)?.readUInt16BE()
  }

  u32(type: number): number | undefined {
    return this.bytes(type)?.readUInt32LE()
  }

  i32(type: number): number | undefined {
    return this.bytes(type)?.readInt32LE()
  }

  u32be(type: number): number | undefined {
    return this.bytes(type)?.readUInt32BE()
  }

  u64(type: number): bigint | undefined {
    return this.bytes(type)?.readBigUInt64LE()
  }

  u64be(type: number): bigint | undefined {
    return this.bytes(type)?.readBigUInt64BE()
  }

  /** Text up to the terminating zero, which some families leave out. */
  string(type: number): string | undefined {
    const bytes = this.bytes(type)
    if (bytes === undefined) return undefined
    const end = bytes.indexOf(0)
    return bytes.toString('utf8', 0, end === -1 ? bytes.length : end)
  }

  nested(type: number): Attributes | undefined {
    const bytes = this.bytes(type)
    return bytes === undefined ? undefined : Attributes.parse(bytes)
  }

  /** Each attribute as a nest of its own: the items of a list, whose types mean nothing. */
  nestedItems(): readonly Attributes[] {
    return this.list.map(({ payload }) => Attributes.parse(payload))
  }

  /** Those attributes that a reader who knows `known` would miss. */
  unknown(known: ReadonlySet<number>): readonly Attribute[] {
    return this.list.filter(attribute => !known.has(attribute.type))
  }
}
