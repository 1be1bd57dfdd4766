// Addresses on links: struct ifaddrmsg { u8 family; u8 prefixlen; u8 flags; u8 scope; u32 index } and IFA_*.

import { sameAddress, type Address, type Family } from '../ip/address.ts'
import { formatInterfaceAddress, lastAddress, prefixOf, type InterfaceAddress } from '../ip/prefix.ts'
import { Attributes } from '../netlink/attributes.ts'
import { NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE } from '../netlink/constants.ts'
import { MessageWriter, type MessageHead } from '../netlink/message-writer.ts'
import { isRefusal } from '../netlink/netlink-error.ts'
import type { NetlinkSocket, RequestOptions } from '../netlink/netlink-socket.ts'
import * as k from './constants.ts'
import { familyOf, readAddress, requireBytes, writeAddress } from './header.ts'

export type LinkAddress = InterfaceAddress &
  Readonly<{
    linkIndex: number
    /** The other end of a point-to-point address, when it has one. */
    peer: Address | undefined
    broadcast: Address | undefined
    scope: number
    label: string | undefined
    /** Duplicate address detection still runs, or has found a duplicate (IPv6). */
    tentative: boolean
    duplicate: boolean
    secondary: boolean
    /** False: its lifetime runs out. */
    permanent: boolean
    attributes: Attributes
  }>

export type LinkAddressSpec = InterfaceAddress &
  Readonly<{
    linkIndex: number
    scope?: number
    /** Only IPv4; absent: none is set. `'network'` is the last address of the prefix. */
    broadcast?: Address | 'network'
    /** Skips duplicate address detection (IPv6): the address is usable at once. */
    noDad?: boolean
    /** The kernel adds no route for the prefix. */
    noPrefixRoute?: boolean
  }>

const IFADDRMSG_BYTES = 8

export function readLinkAddress(payload: Buffer): LinkAddress | undefined {
  requireBytes(payload, IFADDRMSG_BYTES, 'an address')
  const attributes = Attributes.parse(payload.subarray(IFADDRMSG_BYTES))
  const remote = readAddress(attributes.bytes(k.IFA_ADDRESS))
  // IPv4 names its own address IFA_LOCAL and the other end IFA_ADDRESS; IPv6 names its own IFA_ADDRESS unless there is a peer.
  const address = readAddress(attributes.bytes(k.IFA_LOCAL)) ?? remote
  if (familyOf(payload) === undefined || address === undefined || remote === undefined) return undefined
  const flags = attributes.u32(k.IFA_FLAGS) ?? payload.readUInt8(2)
  return {
    address,
    prefixLength: payload.readUInt8(1),
    linkIndex: payload.readUInt32LE(4),
    peer: sameAddress(address, remote) ? undefined : remote,
    broadcast: readAddress(attributes.bytes(k.IFA_BROADCAST)),
    scope: payload.readUInt8(3),
    label: attributes.string(k.IFA_LABEL),
    tentative: (flags & k.IFA_F_TENTATIVE) !== 0,
    duplicate: (flags & k.IFA_F_DADFAILED) !== 0,
    secondary: address.family === 4 && (flags & k.IFA_F_SECONDARY) !== 0,
    permanent: (flags & k.IFA_F_PERMANENT) !== 0,
    attributes,
  }
}

function header(family: Family | undefined, prefixLength = 0, scope = 0, linkIndex = 0): Buffer {
  const bytes = Buffer.alloc(IFADDRMSG_BYTES)
  bytes.set([family === undefined ? k.AF_UNSPEC : k.AF_OF_FAMILY[family], prefixLength, 0, scope])
  bytes.writeUInt32LE(linkIndex, 4)
  return bytes
}

export function addressMessage(head: MessageHead, spec: LinkAddressSpec): MessageWriter {
  const { address } = spec
  const message = new MessageWriter(head, header(address.family, spec.prefixLength, spec.scope ?? k.RT_SCOPE_UNIVERSE, spec.linkIndex))
  writeAddress(writeAddress(message, k.IFA_LOCAL, address), k.IFA_ADDRESS, address)
  if (address.family === 4 && spec.broadcast !== undefined) {
    writeAddress(message, k.IFA_BROADCAST, spec.broadcast === 'network' ? lastAddress(prefixOf(address, spec.prefixLength)) : spec.broadcast)
  }
  const flags = (spec.noDad === true ? k.IFA_F_NODAD : 0) | (spec.noPrefixRoute === true ? k.IFA_F_NOPREFIXROUTE : 0)
  return flags === 0 ? message : message.u32(k.IFA_FLAGS, flags)
}

const describe = (verb: string, spec: LinkAddressSpec): string => `${verb} ${formatInterfaceAddress(spec)} on link ${spec.linkIndex}`

/** Messages for those who send several things in one datagram. */
export const newAddressMessage = (spec: LinkAddressSpec): MessageWriter =>
  addressMessage({ type: k.RTM_NEWADDR, flags: NLM_F_CREATE | NLM_F_EXCL, operation: describe('RTM_NEWADDR', spec) }, spec)

export class Addresses {
  readonly #socket: NetlinkSocket

  constructor(socket: NetlinkSocket) {
    this.#socket = socket
  }

  async list(options: RequestOptions & Readonly<{ linkIndex?: number; family?: Family }>): Promise<readonly LinkAddress[]> {
    const head: MessageHead = { type: k.RTM_GETADDR, flags: 0, operation: 'RTM_GETADDR (all)' }
    const messages = await this.#socket.dump(new MessageWriter(head, header(options.family, 0, 0, options.linkIndex)), options)
    const addresses = messages.map(message => readLinkAddress(message.payload)).filter(address => address !== undefined)
    return options.linkIndex === undefined ? addresses : addresses.filter(address => address.linkIndex === options.linkIndex)
  }

  /** Adds an address. EEXIST when the link has it. */
  async add(spec: LinkAddressSpec, options: RequestOptions): Promise<void> {
    await this.#socket.request(newAddressMessage(spec), options)
  }

  /** Adds an address, or brings an existing one's flags and lifetime in line. */
  async replace(spec: LinkAddressSpec, options: RequestOptions): Promise<void> {
    await this.#socket.request(addressMessage({ type: k.RTM_NEWADDR, flags: NLM_F_CREATE | NLM_F_REPLACE, operation: describe('RTM_NEWADDR (replace)', spec) }, spec), options)
  }

  /** Removes an address; one that is gone already is success, be it with its link. */
  async remove(spec: LinkAddressSpec, options: RequestOptions): Promise<'removed' | 'absent'> {
    try {
      await this.#socket.request(addressMessage({ type: k.RTM_DELADDR, flags: 0, operation: describe('RTM_DELADDR', spec) }, spec), options)
      return 'removed'
    } catch (error) {
      if (isRefusal(error, 'EADDRNOTAVAIL', 'ENODEV', 'ENXIO')) return 'absent'
      throw error
    }
  }
}

