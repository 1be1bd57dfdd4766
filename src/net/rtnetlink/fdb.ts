// Forwarding databases of bridges and vxlan links: neighbour messages of family AF_BRIDGE (bridge(8), vxlan_fdb_* in
// drivers/net/vxlan/vxlan_core.c).

import { formatAddress, type Address } from '../ip/address.ts'
import { macFromBytes, macToBytes, type Mac } from '../ip/mac.ts'
import { Attributes } from '../netlink/attributes.ts'
import { NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE } from '../netlink/constants.ts'
import { MessageWriter, type MessageHead } from '../netlink/message-writer.ts'
import { isRefusal } from '../netlink/netlink-error.ts'
import type { NetlinkSocket, RequestOptions } from '../netlink/netlink-socket.ts'
import * as k from './constants.ts'
import { readAddress, requireBytes, writeAddress } from './header.ts'
import { NDMSG_BYTES, ndmsg } from './neighbours.ts'

export type FdbEntry = Readonly<{
  linkIndex: number
  mac: Mac
  /** The vxlan host behind which the MAC is; undefined in a bridge's own table. */
  destination: Address | undefined
  /** Set when the entry belongs to the bridge that the link is a port of. */
  masterIndex: number | undefined
  vlan: number | undefined
  /** NUD_* bits: NUD_PERMANENT or NUD_NOARP (static) stay, the rest was learned and ages. */
  state: number
  permanent: boolean
  attributes: Attributes
}>

export type FdbEntrySpec = Readonly<{
  linkIndex: number
  mac: Mac
  destination?: Address | undefined
  /** Whose table: the link's own (vxlan; the default) or that of the bridge it is a port of. */
  table?: 'self' | 'master'
  /** Defaults to NUD_PERMANENT, as `bridge fdb` does; NUD_NOARP is a static entry that a bridge also forwards to. */
  state?: number
}>

export function readFdbEntry(payload: Buffer): FdbEntry | undefined {
  requireBytes(payload, NDMSG_BYTES, 'a forwarding entry')
  if (payload[0] !== k.AF_BRIDGE) return undefined
  const attributes = Attributes.parse(payload.subarray(NDMSG_BYTES))
  const mac = attributes.bytes(k.NDA_LLADDR)
  if (mac?.length !== 6) return undefined
  const state = payload.readUInt16LE(8)
  return {
    linkIndex: payload.readInt32LE(4),
    mac: macFromBytes(mac),
    destination: readAddress(attributes.bytes(k.NDA_DST)),
    masterIndex: attributes.u32(k.NDA_MASTER),
    vlan: attributes.u16(k.NDA_VLAN),
    state,
    permanent: (state & k.NUD_PERMANENT) !== 0,
    attributes,
  }
}

export function fdbMessage(head: MessageHead, spec: FdbEntrySpec): MessageWriter {
  const message = new MessageWriter(head, ndmsg({
    addressFamily: k.AF_BRIDGE, linkIndex: spec.linkIndex, state: spec.state ?? k.NUD_PERMANENT, flags: spec.table === 'master' ? k.NTF_MASTER : k.NTF_SELF,
  }))
  return writeAddress(message.bytes(k.NDA_LLADDR, macToBytes(spec.mac)), k.NDA_DST, spec.destination)
}

function describe(verb: string, spec: FdbEntrySpec): string {
  const behind = spec.destination === undefined ? '' : ` behind ${formatAddress(spec.destination)}`
  return `${verb} FDB ${spec.mac}${behind} on link ${spec.linkIndex}`
}

export class Fdb {
  readonly #socket: NetlinkSocket

  constructor(socket: NetlinkSocket) {
    this.#socket = socket
  }

  /** Entries of all tables, of one link if named. */
  async list(options: RequestOptions & Readonly<{ linkIndex?: number }>): Promise<readonly FdbEntry[]> {
    const head: MessageHead = { type: k.RTM_GETNEIGH, flags: 0, operation: 'RTM_GETNEIGH (FDB)' }
    const message = new MessageWriter(head, ndmsg({ addressFamily: k.AF_BRIDGE }))
    if (options.linkIndex !== undefined) message.u32(k.NDA_IFINDEX, options.linkIndex)
    try {
      const answers = await this.#socket.dump(message, options)
      const entries = answers.map(answer => readFdbEntry(answer.payload)).filter(entry => entry !== undefined)
      return options.linkIndex === undefined ? entries : entries.filter(entry => entry.linkIndex === options.linkIndex)
    } catch (error) {
      if (isRefusal(error, 'ENODEV')) return []
      throw error
    }
  }

  /** Adds an entry. EEXIST when the MAC has one in that table. */
  async add(spec: FdbEntrySpec, options: RequestOptions): Promise<void> {
    await this.#write('RTM_NEWNEIGH', NLM_F_CREATE | NLM_F_EXCL, spec, options)
  }

  /** Adds a further destination to a MAC (vxlan: the all-zero MAC floods to every one). */
  async append(spec: FdbEntrySpec, options: RequestOptions): Promise<void> {
    await this.#write('RTM_NEWNEIGH (append)', NLM_F_CREATE | NLM_F_APPEND, spec, options)
  }

  /** Adds an entry, or gives the one the MAC has a new destination. */
  async replace(spec: FdbEntrySpec, options: RequestOptions): Promise<void> {
    await this.#write('RTM_NEWNEIGH (replace)', NLM_F_CREATE | NLM_F_REPLACE, spec, options)
  }

  /** Removes an entry; one that is gone already is success, be it with its link. */
  async remove(spec: FdbEntrySpec, options: RequestOptions): Promise<'removed' | 'absent'> {
    try {
      await this.#socket.request(fdbMessage({ type: k.RTM_DELNEIGH, flags: 0, operation: describe('RTM_DELNEIGH', spec) }, spec), options)
      return 'removed'
    } catch (error) {
      if (isRefusal(error, 'ENOENT', 'ENODEV', 'ENXIO')) return 'absent'
      throw error
    }
  }

  async #write(verb: string, flags: number, spec: FdbEntrySpec, options: RequestOptions): Promise<void> {
    await this.#socket.request(fdbMessage({ type: k.RTM_NEWNEIGH, flags, operation: describe(verb, spec) }, spec), options)
  }
}
