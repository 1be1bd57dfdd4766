// Attachments whose link is gone without a DEL: the namespace died, or somebody removed the link. The runtime's DEL usually
// follows within seconds, so they are only taken down after a grace.

import { attachmentKey } from '../attachment/attachment.ts'
import { removeAttachment } from '../attach/remove-attachment.ts'
import type { CniHost } from '../host/cni-host.ts'
import type { Link } from '../../../src/net/rtnetlink/link.ts'

export const COLLECT_GRACE_MS = 30_000

export class Collector {
  readonly #host: CniHost
  /** When each missing one was first missed, by attachment key. */
  readonly #missingSinceMs = new Map<string, number>()

  readonly #onCollected: () => void

  constructor(host: CniHost, onCollected: () => void) {
    this.#host = host
    this.#onCollected = onCollected
  }

  async pass(links: readonly Link[]): Promise<void> {
    const { store, clock, log } = this.#host
    const present = new Set(links.map(link => link.name))
    const now = clock.monotonicMs()
    const missing = store.list().filter(each => each.role === 'interface' && each.state === 'active' && each.link !== undefined && !present.has(each.link.host))
    const keys = new Set(missing.map(attachmentKey))
    for (const key of this.#missingSinceMs.keys()) if (!keys.has(key)) this.#missingSinceMs.delete(key)
    for (const attachment of missing) {
      const key = attachmentKey(attachment)
      const since = this.#missingSinceMs.get(key) ?? now
      this.#missingSinceMs.set(key, since)
      if (now - since < COLLECT_GRACE_MS || store.get('interface', attachment) !== attachment) continue
      await (await removeAttachment(this.#host, attachment)).finished
      this.#onCollected()
      log.info({ containerId: attachment.containerId, ifname: attachment.ifname }, 'attachment without a link collected')
    }
  }
}
