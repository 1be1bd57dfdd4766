// The folder of queued deletions: drained before the first ADD and watched while running, because a hung agent makes shims
// queue too. An entry is taken by renaming it, so that a newer one of the same attachment is never lost, and is removed
// when it has been carried out.

import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync, rmSync, watch } from 'node:fs'
import { join } from 'node:path'
import { lockFile } from '../../../src/net/libc/file-lock.ts'
import type { NetnsIdentity } from '../../../src/net/netns/identity.ts'
import type { Clock } from '../../../src/ops/clock.ts'
import type { Logger } from '../../../src/ops/log.ts'
import { parseQueueEntry, type QueueEntry } from './queue-entry.ts'

export type QueueOptions = Readonly<{
  folder: string
  bootId: string
  /** Several hosts may share the folder on one machine; only entries of this one are ours. */
  host: NetnsIdentity
  /** Carries an entry out. Rejecting keeps the entry for another try. */
  carryOut: (entry: QueueEntry) => Promise<void>
  clock: Clock
  log: Logger
}>

const ENTRY = /^[0-9a-f]{64}(?:\.taken)?$/
const LOCK_POLL_MS = 5

export class DeletionQueue {
  readonly #options: QueueOptions
  #draining: Promise<void> | undefined

  constructor(options: QueueOptions) {
    this.#options = options
    mkdirSync(options.folder, { recursive: true, mode: 0o700 })
  }

  /** Drains under the lock that shims take before they write: what is written later finds us listening. */
  async drainAtStart(options: Readonly<{ signal: AbortSignal }>): Promise<void> {
    const fd = openSync(join(this.#options.folder, 'lock'), 'a', 0o600)
    try {
      while (!lockFile(fd, 'exclusive')) await this.#options.clock.sleep(LOCK_POLL_MS, options)
      await this.drain()
    } finally {
      closeSync(fd)
    }
  }

  /** Carries out what is there now; calls during a drain join it. */
  async drain(): Promise<void> {
    this.#draining ??= this.#drainOnce().finally(() => {
      this.#draining = undefined
    })
    await this.#draining
  }

  /** Drains whenever an entry appears, until `signal` aborts. */
  watch(options: Readonly<{ signal: AbortSignal }>): void {
    const watcher = watch(this.#options.folder, { signal: options.signal, persistent: false }, (_, name) => {
      if (name !== null && ENTRY.test(name) && !name.endsWith('.taken')) void this.#again()
    })
    watcher.on('error', err => this.#options.log.warn({ err }, 'deletion queue is no longer watched'))
  }

  /** Entries that came during a drain need one more. */
  async #again(): Promise<void> {
    await this.drain()
    await this.drain()
  }

  async #drainOnce(): Promise<void> {
    const names = readdirSync(this.#options.folder).filter(name => ENTRY.test(name))
    await Promise.all(names.map(name => this.#take(name)))
  }

  async #take(name: string): Promise<void> {
    const { folder, log } = this.#options
    const path = join(folder, name)
    let entry: QueueEntry
    try {
      entry = parseQueueEntry(readFileSync(path))
    } catch (err) {
      if ((err as NodeJS.ErrnoException).code === 'ENOENT') return
      log.warn({ err, path }, 'unreadable queue entry dropped')
      rmSync(path, { force: true })
      return
    }
    const { ownNetns } = entry.request
    const ours = ownNetns !== undefined && ownNetns.inode === this.#options.host.inode && ownNetns.device === this.#options.host.device
    // After a reboot no namespace of then exists, and state of then is gone with it: anybody may drop the entry.
    if (!ours && entry.bootId === this.#options.bootId) return
    const taken = name.endsWith('.taken') ? path : `${path}.taken`
    try {
      if (taken !== path) renameSync(path, taken)
      await this.#options.carryOut(entry)
      rmSync(taken, { force: true })
    } catch (err) {
      log.warn({ err, containerId: entry.request.containerId, ifname: entry.request.ifname }, 'queued deletion failed; it stays queued')
    }
  }
}
