// The door to rtnetlink: one socket in one namespace, and what can be done through it.

import { NETLINK_ROUTE } from '../netlink/constants.ts'
import type { MessageWriter } from '../netlink/message-writer.ts'
import { isRefusal } from '../netlink/netlink-error.ts'
import { NetlinkSocket, type RequestOptions } from '../netlink/netlink-socket.ts'
import type { NetnsReference } from '../netns/identity.ts'
import { Addresses } from './addresses.ts'
import { BridgeVlans } from './bridge-vlans.ts'
import { Fdb } from './fdb.ts'
import { Links } from './links.ts'
import { Neighbours } from './neighbours.ts'
import { Routes } from './routes.ts'
import { Rules } from './rules.ts'
import { TrafficControl } from './traffic-control.ts'
import { RtnlWatch, type RtnlGroup } from './watch.ts'

/** Bounded by the send buffer (208 KiB by default) and by the acknowledgements that fit the receive buffer. */
const MESSAGES_PER_DATAGRAM = 256

export class Rtnl implements AsyncDisposable {
  readonly links: Links
  readonly addresses: Addresses
  readonly routes: Routes
  readonly rules: Rules
  readonly neighbours: Neighbours
  readonly fdb: Fdb
  readonly bridgeVlans: BridgeVlans
  readonly trafficControl: TrafficControl
  readonly #socket: NetlinkSocket
  readonly #netns: NetnsReference | undefined

  constructor(socket: NetlinkSocket, netns: NetnsReference | undefined) {
    this.#socket = socket
    this.#netns = netns
    this.links = new Links(socket)
    this.addresses = new Addresses(socket)
    this.routes = new Routes(socket)
    this.rules = new Rules(socket)
    this.neighbours = new Neighbours(socket)
    this.fdb = new Fdb(socket)
    this.bridgeVlans = new BridgeVlans(socket)
    this.trafficControl = new TrafficControl(socket)
  }

  /**
   * Sends messages in order, in as few datagrams as fit. Rejects with the first refusal whose errno is not among
   * `tolerated`; the rest of its datagram is carried out all the same.
   */
  async apply(messages: readonly MessageWriter[], options: RequestOptions & Readonly<{ tolerated?: readonly string[] }>): Promise<void> {
    for (let start = 0; start < messages.length; start += MESSAGES_PER_DATAGRAM) {
      const outcomes = await this.#socket.transact(messages.slice(start, start + MESSAGES_PER_DATAGRAM), options)
      const failed = outcomes.find(({ error }) => error !== undefined && !isRefusal(error, ...(options.tolerated ?? [])))
      if (failed?.error !== undefined) throw failed.error
    }
  }

  /**
   * Subscribes to changes, from this moment until `signal` aborts, on a socket of its own. The namespace reference
   * given to `openRtnl` must still be valid.
   */
  watch(groups: readonly RtnlGroup[], options: Readonly<{ signal: AbortSignal }>): RtnlWatch {
    return new RtnlWatch({ netns: this.#netns, groups, signal: options.signal })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close()
  }
}

/** Opens rtnetlink in our own namespace, or in the one that `netns` (descriptor or path) names. Synchronous; dispose of it. */
export function openRtnl(options: Readonly<{ netns?: NetnsReference }> = {}): Rtnl {
  return new Rtnl(NetlinkSocket.open({ protocol: NETLINK_ROUTE, netns: options.netns, strictChecking: true }), options.netns)
}
