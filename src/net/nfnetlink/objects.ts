// The kernel's objects as values: tables, chains, rules, sets (and maps) and their elements.

import type { DataType } from './datatypes.ts'
import type { Verdict } from './data.ts'
import type { Expression } from './expressions/expression.ts'
import type { HookName, TableFamily } from './constants.ts'

export type TableName = Readonly<{ family: TableFamily; table: string }>

export type Table = TableName & Readonly<{ comment?: string; handle?: bigint }>

/** A base chain has a hook; a regular chain has none and is reached by jump and goto. */
export type Chain = TableName &
  Readonly<{
    chain: string
    base?: Readonly<{ type: 'filter' | 'nat' | 'route'; hook: HookName; priority: number; policy?: 'accept' | 'drop' }>
    comment?: string
    handle?: bigint
  }>

export type Rule = TableName & Readonly<{ chain: string; expressions: readonly Expression[]; comment?: string; handle?: bigint }>

export type Set = TableName &
  Readonly<{
    set: string
    /** More than one makes a concatenation. */
    keyTypes: readonly DataType[]
    /** What a map's elements hold: a verdict, or a (concatenated) value. Absent for sets. */
    data?: 'verdict' | readonly DataType[]
    /** Elements are ranges (key, keyEnd); for a concatenation each part may be one. */
    interval?: boolean
    /** Elements may have a time-out; `timeoutMs` is the default one. */
    timeout?: boolean
    timeoutMs?: bigint
    /** Rules may add elements (`dynset`). */
    dynamic?: boolean
    /** Most elements it takes; unlimited when absent. A dynamic set should have one. */
    size?: number
    comment?: string
    handle?: bigint
  }>

export type Element = Readonly<{
  /** Parts of a concatenation padded to four bytes each. */
  key: Uint8Array
  keyEnd?: Uint8Array
  data?: Uint8Array | Verdict
  /** Opens the interval's end in a set of single-part intervals (NFT_SET_ELEM_INTERVAL_END). */
  intervalEnd?: boolean
  timeoutMs?: bigint
  comment?: string
}>

/** One change. A batch of them is applied whole or not at all. */
export type Change =
  | Readonly<{ kind: 'add-table'; table: Table }>
  | Readonly<{ kind: 'delete-table'; table: TableName }>
  | Readonly<{ kind: 'add-chain'; chain: Chain }>
  | Readonly<{ kind: 'delete-chain'; chain: TableName & Readonly<{ chain: string }> }>
  | Readonly<{ kind: 'add-rule'; rule: Rule }>
  /** With a handle that rule, without one all of the chain's. */
  | Readonly<{ kind: 'delete-rules'; rule: TableName & Readonly<{ chain: string; handle?: bigint }> }>
  | Readonly<{ kind: 'add-set'; set: Set }>
  | Readonly<{ kind: 'delete-set'; set: TableName & Readonly<{ set: string }> }>
  /** Adding a set's present element again is no error, unless `create` asks for one; a map's must carry the same data. */
  | Readonly<{ kind: 'add-elements'; in: TableName & Readonly<{ set: string }>; elements: readonly Element[]; create?: boolean }>
  /** Deleting an absent element fails the batch. */
  | Readonly<{ kind: 'delete-elements'; in: TableName & Readonly<{ set: string }>; elements: readonly Element[] }>
  /** Removes all elements. */
  | Readonly<{ kind: 'flush-set'; set: TableName & Readonly<{ set: string }> }>

/** "ip weft/services", as errors and logs name an object. */
export function describeChange(change: Change): string {
  const name = (where: TableName, rest = ''): string => `${where.family} ${where.table}${rest}`
  switch (change.kind) {
    case 'add-table':
    case 'delete-table':
      return `${change.kind} ${name(change.table)}`
    case 'add-chain':
    case 'delete-chain':
      return `${change.kind} ${name(change.chain, ` ${change.chain.chain}`)}`
    case 'add-rule':
    case 'delete-rules':
      return `${change.kind} ${name(change.rule, ` ${change.rule.chain}`)}`
    case 'add-set':
    case 'delete-set':
    case 'flush-set':
      return `${change.kind} ${name(change.set, ` ${change.set.set}`)}`
    case 'add-elements':
    case 'delete-elements':
      return `${change.kind} ${name(change.in, ` ${change.in.set}`)}`
    default:
      return change satisfies never
  }
}
