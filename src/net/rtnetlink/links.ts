// Links of one namespace: list, get, add, change, remove.

import { NLM_F_CREATE, NLM_F_EXCL } from '../netlink/constants.ts'
import type { NetlinkSocket, RequestOptions } from '../netlink/netlink-socket.ts'
import { isRefusal, type NetlinkError } from '../netlink/netlink-error.ts'
import { RTM_DELLINK, RTM_GETLINK, RTM_NEWLINK } from './constants.ts'
import { IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS } from './link-constants.ts'
import { bridgeMessage, bridgePortMessage, linkChangeMessage, linkDumpMessage, linkMessage, newLinkMessage, readLink, type LinkReference } from './link-codec.ts'
import type { BridgeInfo, Link, LinkChange, LinkSpec } from './link.ts'

export class Links {
  readonly #socket: NetlinkSocket

  constructor(socket: NetlinkSocket) {
    this.#socket = socket
  }

  async list(options: RequestOptions & Readonly<{ masterIndex?: number; kind?: string }>): Promise<readonly Link[]> {
    const messages = await this.#socket.dump(linkDumpMessage({ type: RTM_GETLINK, flags: 0, operation: 'RTM_GETLINK (all)' }, options), options)
    return messages.map(message => readLink(message.payload))
  }

  /** The link with that index or name, or undefined. */
  async get(reference: LinkReference, options: RequestOptions): Promise<Link | undefined> {
    const message = linkMessage({ type: RTM_GETLINK, flags: 0, operation: `RTM_GETLINK ${reference}` }, reference)
    try {
      const [answer] = await this.#socket.request(message.u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS), options)
      return answer === undefined ? undefined : readLink(answer.payload)
    } catch (error) {
      if (isRefusal(error, 'ENODEV')) return undefined
      throw error
    }
  }

  /** Makes a link. EEXIST when the name is taken. A veth's other end is made along with it, in its own namespace if asked. */
  async add(spec: LinkSpec, options: RequestOptions): Promise<void> {
    const operation = `RTM_NEWLINK ${spec.name} (${spec.info.kind})`
    const messages = [newLinkMessage({ type: RTM_NEWLINK, flags: NLM_F_CREATE | NLM_F_EXCL, operation }, spec)]
    if (spec.port !== undefined) messages.push(bridgePortMessage({ type: RTM_NEWLINK, flags: 0, operation: `${operation}: bridge port` }, spec.name, spec.port))
    await this.#all(messages, options)
  }

  /** Changes an existing link. Names can only be changed through the index. */
  async change(reference: LinkReference, change: LinkChange, options: RequestOptions): Promise<void> {
    const operation = `RTM_NEWLINK ${reference} (change)`
    const messages = [linkChangeMessage({ type: RTM_NEWLINK, flags: 0, operation }, reference, change)]
    if (change.port !== undefined) messages.push(bridgePortMessage({ type: RTM_NEWLINK, flags: 0, operation: `${operation}: bridge port` }, reference, change.port))
    await this.#all(messages, options)
  }

  /** Changes settings of a bridge as a whole. */
  async setBridge(index: number, change: Partial<BridgeInfo>, options: RequestOptions): Promise<void> {
    await this.#all([bridgeMessage({ type: RTM_NEWLINK, flags: 0, operation: `RTM_NEWLINK bridge ${index} (change)` }, index, change)], options)
  }

  /** Removes a link; one that is gone already is success. */
  async remove(reference: LinkReference, options: RequestOptions): Promise<'removed' | 'absent'> {
    try {
      await this.#socket.request(linkMessage({ type: RTM_DELLINK, flags: 0, operation: `RTM_DELLINK ${reference}` }, reference), options)
      return 'removed'
    } catch (error) {
      if (isRefusal(error, 'ENODEV')) return 'absent'
      throw error
    }
  }

  async #all(messages: Parameters<NetlinkSocket['transact']>[0], options: RequestOptions): Promise<void> {
    const failed = (await this.#socket.transact(messages, options)).find(outcome => outcome.error !== undefined)
    if (failed !== undefined) throw failed.error as NetlinkError
  }
}
