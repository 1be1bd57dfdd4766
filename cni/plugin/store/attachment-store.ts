// Every attachment of this host, in memory and in the journal, and the address pools that follow from them.

import { join } from 'node:path'
import { formatAddress, tryParseAddress } from '../../../src/net/ip/address.ts'
import type { Logger } from '../../../src/ops/log.ts'
import { attachmentFromJson, attachmentToJson } from '../attachment/attachment-codec.ts'
import { attachmentKey, type Attachment, type Role } from '../attachment/attachment.ts'
import type { AttachmentId } from '../attachment/names.ts'
import { Pool } from '../ipam/pool.ts'
import { isObject } from '../request/fields.ts'
import { Journal, readJournal } from './journal.ts'

/** Rewritten when it is this much longer than after the last rewriting: some thousand attachments' worth. */
const COMPACT_AFTER_BYTES = 1 << 20

export class AttachmentStore {
  readonly #attachments = new Map<string, Attachment>()
  readonly #pools = new Map<string, Pool>()
  readonly #journal: Journal
  /** Removals that the disk did not take: gone from memory, to be written again. */
  #unwritten: unknown[] = []
  #compactAt: number

  private constructor(attachments: readonly Attachment[], lastReserved: readonly LastReserved[], file: Readonly<{ path: string; bootId: string }>) {
    for (const attachment of attachments) this.#place(attachment)
    for (const each of lastReserved) this.#restoreLast(each)
    this.#journal = Journal.open(file.path, file.bootId, this.#lines())
    this.#compactAt = this.#journal.bytes + COMPACT_AFTER_BYTES
  }

  /** Reads what this boot left in `folder`. Damaged lines are reported, never fatal. */
  static open(options: Readonly<{ folder: string; bootId: string; log: Logger }>): AttachmentStore {
    const path = join(options.folder, 'attachments.journal')
    const { entries, damaged } = readJournal(path, options.bootId)
    const attachments = new Map<string, Attachment>()
    const lastReserved: LastReserved[] = []
    let unreadable = damaged
    for (const entry of entries) {
      try {
        replay(entry, attachments, lastReserved)
      } catch (err) {
        unreadable += 1
        options.log.warn({ err }, 'attachment record cannot be read')
      }
    }
    if (unreadable > 0) options.log.warn({ damaged: unreadable, path }, 'attachment journal was damaged')
    return new AttachmentStore([...attachments.values()], lastReserved, { path, bootId: options.bootId })
  }

  get(role: Role, id: AttachmentId): Attachment | undefined {
    return this.#attachments.get(attachmentKey({ role, ...id }))
  }

  list(): readonly Attachment[] {
    return [...this.#attachments.values()]
  }

  pool(name: string): Pool {
    const pool = this.#pools.get(name) ?? new Pool()
    this.#pools.set(name, pool)
    return pool
  }

  /** Records it, taking its addresses at once; durable when this resolves. On failure the former state is back. */
  async put(attachment: Attachment): Promise<void> {
    const former = this.#attachments.get(attachmentKey(attachment))
    this.#place(attachment)
    try {
      await this.#append({ put: attachmentToJson(attachment) })
    } catch (error) {
      if (this.#attachments.get(attachmentKey(attachment)) === attachment) {
        if (former === undefined) this.#displace(attachment)
        else this.#place(former)
      }
      throw error
    }
  }

  /** Forgets it and frees its addresses, durably if the disk lets us: what cannot be written is written later. */
  async remove(attachment: Attachment): Promise<void> {
    this.#displace(attachment)
    const line = { drop: attachmentKey(attachment) }
    try {
      await this.#append(line)
    } catch {
      this.#unwritten.push(line)
    }
  }

  /** Changes state in memory when the disk does not take it: a deletion goes on all the same. */
  async mark(attachment: Attachment): Promise<void> {
    try {
      await this.put(attachment)
    } catch {
      this.#place(attachment)
      this.#unwritten.push({ put: attachmentToJson(attachment) })
    }
  }

  /** True when everything acknowledged is also written; tries what is left first. */
  async flush(): Promise<boolean> {
    if (this.#unwritten.length === 0) return true
    const lines = this.#unwritten
    this.#unwritten = []
    try {
      await this.#journal.append(lines)
      return true
    } catch {
      this.#unwritten = [...lines, ...this.#unwritten]
      return false
    }
  }

  close(): void {
    this.#journal.close()
  }

  async #append(line: unknown): Promise<void> {
    const lines = [...this.#unwritten, line]
    const retried = this.#unwritten
    this.#unwritten = []
    try {
      await this.#journal.append(lines)
    } catch (error) {
      this.#unwritten = [...retried, ...this.#unwritten]
      throw error
    }
    if (this.#journal.bytes > this.#compactAt) {
      this.#journal.compact(this.#lines())
      this.#compactAt = this.#journal.bytes + COMPACT_AFTER_BYTES
    }
  }

  /** Puts it in the place of the former record, whose addresses are freed unless they stay. */
  #place(attachment: Attachment): void {
    const former = this.#attachments.get(attachmentKey(attachment))
    if (former !== undefined && !sameAddresses(former, attachment)) this.#displace(former)
    this.#attachments.set(attachmentKey(attachment), attachment)
    if (attachment.storage.kind !== 'own') return
    const pool = this.pool(attachment.storage.pool)
    for (const { address, set } of attachment.addresses) pool.take(address, { owner: attachmentKey(attachment), set })
  }

  #displace(attachment: Attachment): void {
    this.#attachments.delete(attachmentKey(attachment))
    if (attachment.storage.kind !== 'own') return
    const pool = this.pool(attachment.storage.pool)
    for (const { address } of attachment.addresses) pool.release(address, attachmentKey(attachment))
  }

  #restoreLast(last: LastReserved): void {
    const address = tryParseAddress(last.address)
    if (address !== undefined) this.pool(last.pool).continueAfter(address, last.set)
  }

  #lines(): readonly unknown[] {
    const last = [...this.#pools].flatMap(([pool, content]) => content.lastBySet().map(([set, address]) => ({ last: { pool, set, address: formatAddress(address) } })))
    return [...this.list().map(attachment => ({ put: attachmentToJson(attachment) })), ...last]
  }
}

const sameAddresses = (a: Attachment, b: Attachment): boolean =>
  JSON.stringify(attachmentToJson(a).addresses) === JSON.stringify(attachmentToJson(b).addresses)

/** Where round robin goes on, for pools whose last owner is gone by now. */
type LastReserved = Readonly<{ pool: string; set: number; address: string }>

function replay(entry: unknown, attachments: Map<string, Attachment>, lastReserved: LastReserved[]): void {
  if (!isObject(entry)) return
  if (isObject(entry.put)) {
    const attachment = attachmentFromJson(entry.put)
    const former = attachments.get(attachmentKey(attachment))
    attachments.set(attachmentKey(attachment), attachment)
    if (attachment.storage.kind !== 'own' || (former !== undefined && sameAddresses(former, attachment))) return
    const { pool } = attachment.storage
    lastReserved.push(...attachment.addresses.map(({ set, address }) => ({ pool, set, address: formatAddress(address) })))
  }
  if (typeof entry.drop === 'string') attachments.delete(entry.drop)
  if (isObject(entry.last)) lastReserved.push(entry.last as LastReserved)
}
