// The host's side of rtnetlink: one socket for requests, one subscription for what changes.

import { NETLINK_ROUTE } from '../../../src/net/netlink/constants.ts'
import { isRefusal } from '../../../src/net/netlink/netlink-error.ts'
import { SyncNetlink } from '../../../src/net/netlink/sync-netlink.ts'
import { RTM_GETLINK } from '../../../src/net/rtnetlink/constants.ts'
import { linkMessage, readLink } from '../../../src/net/rtnetlink/link-codec.ts'
import { IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS } from '../../../src/net/rtnetlink/link-constants.ts'
import { openRtnl, type Rtnl } from '../../../src/net/rtnetlink/rtnl.ts'
import type { Link } from '../../../src/net/rtnetlink/link.ts'
import type { RtnlEvent } from '../../../src/net/rtnetlink/watch.ts'
import { ownNetnsIdentity, type NetnsIdentity } from '../../../src/net/netns/identity.ts'

type Waiter = Readonly<{ name: string; is: (link: Link) => boolean; resolve: (link: Link) => void }>

/** Told of every change of links and addresses, and of "resync" when some may have been missed. */
export type OnHostEvent = (event: RtnlEvent) => void

export class HostNetwork implements AsyncDisposable {
  readonly rtnl: Rtnl
  /** For the few requests of an ADD whose answers are there at once: a turn of the event loop costs more than they do. */
  readonly quick = new SyncNetlink(NETLINK_ROUTE)
  readonly identity: NetnsIdentity
  readonly #waiters = new Set<Waiter>()
  readonly #listeners = new Set<OnHostEvent>()
  readonly #stop = new AbortController()
  #watching: Promise<void> = Promise.resolve()

  private constructor(rtnl: Rtnl) {
    this.rtnl = rtnl
    this.identity = ownNetnsIdentity()
  }

  /** Opens both in the namespace of the calling thread. Dispose of it. */
  static open(): HostNetwork {
    const host = new HostNetwork(openRtnl())
    const watch = host.rtnl.watch(['link', 'ipv4Address', 'ipv6Address'], { signal: host.#stop.signal })
    host.#watching = host.#follow(watch)
    return host
  }

  onEvent(listener: OnHostEvent): void {
    this.#listeners.add(listener)
  }

  /** The link as soon as `is` says yes; rejects when `signal` aborts first. Looks at the present state, then at changes. */
  async waitForLink(name: string, is: (link: Link) => boolean, options: Readonly<{ signal: AbortSignal }>): Promise<Link> {
    const { promise, resolve, reject } = Promise.withResolvers<Link>()
    const waiter: Waiter = { name, is, resolve }
    // After a stall of this thread, timers run before the notification that has long been there is read.
    const abort = (): void => {
      const now = this.getLink(name)
      if (now !== undefined && is(now)) resolve(now)
      else reject(options.signal.reason)
    }
    this.#waiters.add(waiter)
    options.signal.addEventListener('abort', abort, { once: true })
    try {
      const now = this.getLink(name)
      if (now !== undefined && is(now)) return now
      options.signal.throwIfAborted()
      return await promise
    } finally {
      this.#waiters.delete(waiter)
      options.signal.removeEventListener('abort', abort)
    }
  }

  /** The link of that name as it is at this moment. */
  getLink(name: string): Link | undefined {
    try {
      const message = linkMessage({ type: RTM_GETLINK, flags: 0, operation: `RTM_GETLINK ${name}` }, name).u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS)
      return readLink(this.quick.request(message)[0]!.payload)
    } catch (error) {
      if (isRefusal(error, 'ENODEV')) return undefined
      throw error
    }
  }

  async #follow(events: AsyncIterable<RtnlEvent>): Promise<void> {
    for await (const event of events) {
      if (event.kind === 'link' && event.change === 'new') this.#offer(event.value)
      if (event.kind === 'resync') await this.#offerAll()
      for (const listener of this.#listeners) listener(event)
    }
  }

  #offer(link: Link): void {
    for (const waiter of this.#waiters) if (waiter.name === link.name && waiter.is(link)) waiter.resolve(link)
  }

  async #offerAll(): Promise<void> {
    try {
      for (const link of await this.rtnl.links.list({ signal: this.#stop.signal })) this.#offer(link)
    } catch (error) {
      if (!this.#stop.signal.aborted) throw error
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new DOMException('closed', 'AbortError'))
    await this.#watching
    this.quick[Symbol.dispose]()
    await this.rtnl[Symbol.asyncDispose]()
  }
}
