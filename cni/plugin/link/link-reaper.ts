// Removing host ends of pods. The kernel waits for RCU with each removal (15 to 30 ms for a pair), but once for a whole
// group of links; so links to be removed are put into a group of ours, and groups are removed from another thread.

import { isRefusal } from '../../../src/net/netlink/netlink-error.ts'
import { NETLINK_ROUTE } from '../../../src/net/netlink/constants.ts'
import { SlowNetlink } from '../../../src/net/netlink/slow-request.ts'
import { linkGroupRemovalMessage } from '../../../src/net/rtnetlink/link-codec.ts'
import type { HostNetwork } from './host-network.ts'

/** IFLA_GROUP of links that are about to go: "WEFT". Nobody else's links carry it. */
const DOOMED_GROUP = 0x5745_4654

export class LinkReaper implements AsyncDisposable {
  readonly #host: HostNetwork
  readonly #slow = new SlowNetlink(NETLINK_ROUTE)
  #running: Promise<void> | undefined
  #next: Promise<void> | undefined

  constructor(host: HostNetwork) {
    this.#host = host
  }

  /** Takes the link out of service at once: down, and marked to be removed. Absent is fine. */
  async condemn(name: string, options: Readonly<{ signal: AbortSignal }>): Promise<'condemned' | 'absent'> {
    try {
      await this.#host.rtnl.links.change(name, { up: false, group: DOOMED_GROUP }, options)
      return 'condemned'
    } catch (error) {
      if (isRefusal(error, 'ENODEV')) return 'absent'
      throw error
    }
  }

  /** Removes everything condemned before the call; resolves when it is gone. Calls during a removal share the next one. */
  reap(): Promise<void> {
    if (this.#running === undefined) return this.#start()
    this.#next ??= this.#running.catch(() => undefined).then(() => {
      this.#next = undefined
      return this.#start()
    })
    return this.#next
  }

  #start(): Promise<void> {
    const removal = this.#slow.request(linkGroupRemovalMessage(DOOMED_GROUP)).catch((error: unknown) => {
      if (!isRefusal(error, 'ENODEV')) throw error
    }).finally(() => {
      if (this.#running === removal) this.#running = undefined
    })
    this.#running = removal
    return removal
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#slow[Symbol.asyncDispose]()
  }
}
