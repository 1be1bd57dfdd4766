// What a legacy table looks like at the moment, cheaply: its size always, and a digest while it is small.
// x_tables tells nobody of changes, but answers two socket options (linux/netfilter_ipv4/ip_tables.h and ip6_tables.h):
// struct ipt_getinfo { char name[32]; u32 valid_hooks, hook_entry[5], underflow[5], num_entries, size } and
// struct ipt_get_entries { char name[32]; u32 size; entries at 40 }.

import { createHash } from 'node:crypto'
import { closeSync } from 'node:fs'
import type { Family } from '../ip/address.ts'
import { exchangeSocketOption, openSocket, SOCK_RAW } from '../libc/libc.ts'
import type { NetnsReference } from '../netns/identity.ts'
import { inNetns } from '../netns/in-netns.ts'
import type { TableName } from './saved-table.ts'

const GET_INFO = 64
const GET_ENTRIES = 65
const INFO_BYTES = 84
const INFO_SIZE_AT = 80
const ENTRIES_AT = 40
const NAME_BYTES = 32

/** Socket family and option level; where struct ipt_entry and ip6t_entry keep their next offset and their counters. */
const LAYOUT = {
  4: { family: 2, level: 0, nextOffsetAt: 90, countersAt: 96 },
  6: { family: 10, level: 41, nextOffsetAt: 142, countersAt: 152 },
} as const
const COUNTER_BYTES = 16

/** Up to here a table is read and hashed at every look (a megabyte takes about a millisecond). */
const SMALL_TABLE_BYTES = 1 << 20

const IPPROTO_RAW = 255

export class LegacyFingerprint implements Disposable {
  readonly #layout: (typeof LAYOUT)[Family]
  readonly #fd: number

  /** Opens in our own namespace, or in the one that `netns` names. Needs CAP_NET_ADMIN there. */
  constructor(family: Family, netns: NetnsReference | undefined) {
    this.#layout = LAYOUT[family]
    const open = (): number => openSocket(this.#layout.family, SOCK_RAW, IPPROTO_RAW)
    this.#fd = netns === undefined ? open() : inNetns(netns, open)
  }

  /**
   * A text that changes when the table does. Without `thorough`, a large table's is made of its size and number of
   * entries alone, so that an edit which changes neither is missed.
   */
  of(table: TableName, options: Readonly<{ thorough: boolean }>): string {
    const info = Buffer.alloc(INFO_BYTES)
    info.write(table)
    exchangeSocketOption(this.#fd, this.#layout.level, GET_INFO, info)
    const shape = info.toString('base64', NAME_BYTES)
    const size = info.readUInt32LE(INFO_SIZE_AT)
    return options.thorough || size <= SMALL_TABLE_BYTES ? `${shape} ${this.#digest(table, size)}` : shape
  }

  #digest(table: TableName, size: number): string {
    const bytes = Buffer.alloc(ENTRIES_AT + size)
    bytes.write(table)
    bytes.writeUInt32LE(size, NAME_BYTES)
    exchangeSocketOption(this.#fd, this.#layout.level, GET_ENTRIES, bytes)
    const { nextOffsetAt, countersAt } = this.#layout
    for (let at = ENTRIES_AT; at + countersAt + COUNTER_BYTES <= bytes.length; ) {
      bytes.fill(0, at + countersAt, at + countersAt + COUNTER_BYTES)
      const next = bytes.readUInt16LE(at + nextOffsetAt)
      if (next === 0) break
      at += next
    }
    return createHash('sha1').update(bytes).digest('base64')
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd)
  }
}
