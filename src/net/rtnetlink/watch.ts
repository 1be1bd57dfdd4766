// Notifications of what changes in a namespace, as a stream that says when it has lost something.

import { NETLINK_ROUTE } from '../netlink/constants.ts'
import type { Message } from '../netlink/message.ts'
import { NetlinkSocket } from '../netlink/netlink-socket.ts'
import type { NetnsReference } from '../netns/identity.ts'
import { readLinkAddress, type LinkAddress } from './addresses.ts'
import * as k from './constants.ts'
import { readFdbEntry, type FdbEntry } from './fdb.ts'
import { readLink } from './link-codec.ts'
import type { Link } from './link.ts'
import { readNeighbour, type Neighbour } from './neighbours.ts'
import { readRoute, type Route } from './route.ts'
import { readRule, type Rule } from './rules.ts'

type Changed<K extends string, V> = Readonly<{ kind: K; change: 'new' | 'removed'; value: V }>

export type RtnlEvent =
  | Changed<'link', Link>
  | Changed<'address', LinkAddress>
  | Changed<'route', Route>
  | Changed<'neighbour', Neighbour>
  | Changed<'fdb', FdbEntry>
  | Changed<'rule', Rule>
  /** Messages were lost, or the reader fell behind: only reading the whole state anew tells what is true now. */
  | Readonly<{ kind: 'resync' }>

export type RtnlGroup = keyof typeof k.RTNLGRP

/** A route table of thousands arrives in one burst; this holds some ten thousand messages. */
const RECEIVE_BUFFER_BYTES = 4 << 20

/** Events kept for a slow reader before they are dropped for one `resync`. */
const QUEUE_LENGTH = 16_384

/** Iterate it once. Ends without an error when `signal` aborts. The subscription stands from construction on. */
export class RtnlWatch implements AsyncIterable<RtnlEvent> {
  readonly #signal: AbortSignal
  #queue: RtnlEvent[] = []
  #wake: (() => void) | undefined

  constructor(options: Readonly<{ netns: NetnsReference | undefined; groups: readonly RtnlGroup[]; signal: AbortSignal }>) {
    options.signal.throwIfAborted()
    this.#signal = options.signal
    const socket = NetlinkSocket.open({
      protocol: NETLINK_ROUTE,
      netns: options.netns,
      receiveBufferBytes: RECEIVE_BUFFER_BYTES,
      onNotification: message => {
        const event = readRtnlEvent(message)
        if (event !== undefined) this.#push(event)
      },
      onOverrun: () => this.#resync(),
    })
    for (const group of new Set(options.groups)) socket.join(k.RTNLGRP[group])
    options.signal.addEventListener('abort', () => {
      socket.close()
      this.#wake?.()
    }, { once: true })
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<RtnlEvent, void, void> {
    while (!this.#signal.aborted) {
      const events = this.#queue
      this.#queue = []
      yield* events
      if (this.#queue.length > 0 || this.#signal.aborted) continue
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
      this.#wake = undefined
    }
  }

  #push(event: RtnlEvent): void {
    if (this.#queue.length >= QUEUE_LENGTH) this.#resync()
    else this.#queue.push(event)
    this.#wake?.()
  }

  #resync(): void {
    this.#queue = [{ kind: 'resync' }]
    this.#wake?.()
  }
}

/** Reads one notification; undefined for messages of families that Weft does not speak. */
export function readRtnlEvent(message: Message): RtnlEvent | undefined {
  const { payload } = message
  // Types come in groups of four: new, del, get, set (RTM_FAM in linux/rtnetlink.h).
  const change = message.type % 4 === 0 ? 'new' : 'removed'
  switch (message.type - (message.type % 4)) {
    case k.RTM_NEWLINK:
      // A bridge reports its ports' own state in the same type, under its own family.
      return payload[0] === k.AF_UNSPEC ? { kind: 'link', change, value: readLink(payload) } : undefined
    case k.RTM_NEWADDR:
      return changed('address', change, readLinkAddress(payload))
    case k.RTM_NEWROUTE:
      return changed('route', change, readRoute(payload))
    case k.RTM_NEWRULE:
      return changed('rule', change, readRule(payload))
    case k.RTM_NEWNEIGH:
      return payload[0] === k.AF_BRIDGE ? changed('fdb', change, readFdbEntry(payload)) : changed('neighbour', change, readNeighbour(payload))
    default:
      return undefined
  }
}

const changed = <K extends string, V>(kind: K, change: 'new' | 'removed', value: V | undefined): Changed<K, V> | undefined =>
  value === undefined ? undefined : { kind, change, value }
