// Neighbours (ARP and ND entries): struct ndmsg { u8 family, pad; u16 pad; i32 ifindex; u16 state; u8 flags; u8 type } and NDA_*.

import { formatAddress, type Address, type Family } from '../ip/address.ts'
import { macFromBytes, macToBytes, type Mac } from '../ip/mac.ts'
import { Attributes } from '../netlink/attributes.ts'
import { NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE } from '../netlink/constants.ts'
import { MessageWriter, type MessageHead } from '../netlink/message-writer.ts'
import { isRefusal } from '../netlink/netlink-error.ts'
import type { NetlinkSocket, RequestOptions } from '../netlink/netlink-socket.ts'
import * as k from './constants.ts'
import { familyOf, readAddress, requireBytes, writeAddress } from './header.ts'

export type Neighbour = Readonly<{
  family: Family
  linkIndex: number
  address: Address
  mac: Mac | undefined
  /** NUD_* bits. */
  state: number
  permanent: boolean
  /** The host answers for this address on the link (NTF_PROXY). */
  proxy: boolean
  attributes: Attributes
}>

export type NeighbourSpec = Readonly<{
  linkIndex: number
  address: Address
  mac?: Mac
  /** Defaults to NUD_PERMANENT. */
  state?: number
  proxy?: boolean
}>

export const NDMSG_BYTES = 12

export function ndmsg(fields: Readonly<{ addressFamily: number; linkIndex?: number; state?: number; flags?: number }>): Buffer {
  const bytes = Buffer.alloc(NDMSG_BYTES)
  bytes.writeUInt8(fields.addressFamily, 0)
  bytes.writeInt32LE(fields.linkIndex ?? 0, 4)
  bytes.writeUInt16LE(fields.state ?? 0, 8)
  bytes.writeUInt8(fields.flags ?? 0, 10)
  return bytes
}

export function readNeighbour(payload: Buffer): Neighbour | undefined {
  requireBytes(payload, NDMSG_BYTES, 'a neighbour')
  const family = familyOf(payload)
  const attributes = Attributes.parse(payload.subarray(NDMSG_BYTES))
  const address = readAddress(attributes.bytes(k.NDA_DST))
  if (family === undefined || address === undefined) return undefined
  const mac = attributes.bytes(k.NDA_LLADDR)
  const state = payload.readUInt16LE(8)
  return {
    family,
    linkIndex: payload.readInt32LE(4),
    address,
    mac: mac?.length === 6 ? macFromBytes(mac) : undefined,
    state,
    permanent: (state & k.NUD_PERMANENT) !== 0,
    proxy: (payload.readUInt8(10) & k.NTF_PROXY) !== 0,
    attributes,
  }
}

export function neighbourMessage(head: MessageHead, spec: NeighbourSpec): MessageWriter {
  const message = new MessageWriter(head, ndmsg({
    addressFamily: k.AF_OF_FAMILY[spec.address.family], linkIndex: spec.linkIndex, state: spec.state ?? k.NUD_PERMANENT, flags: spec.proxy === true ? k.NTF_PROXY : 0,
  }))
  writeAddress(message, k.NDA_DST, spec.address)
  return spec.mac === undefined ? message : message.bytes(k.NDA_LLADDR, macToBytes(spec.mac))
}

const describe = (verb: string, spec: NeighbourSpec): string => `${verb} ${formatAddress(spec.address)} on link ${spec.linkIndex}`

export class Neighbours {
  readonly #socket: NetlinkSocket

  constructor(socket: NetlinkSocket) {
    this.#socket = socket
  }

  /** Entries of the tables, of one link if named; without those that other hosts are answered for (NTF_PROXY). */
  async list(options: RequestOptions & Readonly<{ linkIndex?: number; family?: Family }>): Promise<readonly Neighbour[]> {
    const head: MessageHead = { type: k.RTM_GETNEIGH, flags: 0, operation: 'RTM_GETNEIGH (all)' }
    const message = new MessageWriter(head, ndmsg({ addressFamily: options.family === undefined ? k.AF_UNSPEC : k.AF_OF_FAMILY[options.family] }))
    if (options.linkIndex !== undefined) message.u32(k.NDA_IFINDEX, options.linkIndex)
    const answers = await this.#socket.dump(message, options)
    const entries = answers.map(answer => readNeighbour(answer.payload)).filter(entry => entry !== undefined)
    return options.linkIndex === undefined ? entries : entries.filter(entry => entry.linkIndex === options.linkIndex)
  }

  /** Adds an entry. EEXIST when the address has one on that link. */
  async add(spec: NeighbourSpec, options: RequestOptions): Promise<void> {
    await this.#write('RTM_NEWNEIGH', NLM_F_CREATE | NLM_F_EXCL, spec, options)
  }

  /** Adds an entry, or overwrites the one that the address has on that link. */
  async replace(spec: NeighbourSpec, options: RequestOptions): Promise<void> {
    await this.#write('RTM_NEWNEIGH (replace)', NLM_F_CREATE | NLM_F_REPLACE, spec, options)
  }

  /** Removes an entry; one that is gone already is success, be it with its link. */
  async remove(spec: NeighbourSpec, options: RequestOptions): Promise<'removed' | 'absent'> {
    try {
      await this.#socket.request(neighbourMessage({ type: k.RTM_DELNEIGH, flags: 0, operation: describe('RTM_DELNEIGH', spec) }, spec), options)
      return 'removed'
    } catch (error) {
      if (isRefusal(error, 'ENOENT', 'ENODEV', 'ENXIO')) return 'absent'
      throw error
    }
  }

  async #write(verb: string, flags: number, spec: NeighbourSpec, options: RequestOptions): Promise<void> {
    await this.#socket.request(neighbourMessage({ type: k.RTM_NEWNEIGH, flags, operation: describe(verb, spec) }, spec), options)
  }
}
