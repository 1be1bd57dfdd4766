// What the proxy needs of a data plane: one per address family, iptables or nftables.

import type { EntryChange, ServiceTable } from '../service-table/service-table.ts'

export type SyncInput = Readonly<{
  /** The table as it is to be in force. */
  table: ServiceTable
  /** How its entries differ from what the last `sync` was given, whether or not that one succeeded. */
  changes: readonly EntryChange[]
  /** Compare everything with the kernel and write what differs, instead of trusting what was written before. */
  full: boolean
}>

export type SyncReport = Readonly<{
  kind: 'full' | 'partial'
  /** Rules (or elements) written, per table or kind. Nothing written: all zero. */
  written: Readonly<Record<string, number>>
  /** A partial sync was refused by the kernel and a full one took its place. */
  fellBack: boolean
  /** What a full sync found other than it should be, for the log. */
  repaired: readonly string[]
}>

export interface Backend extends AsyncDisposable {
  /**
   * Brings the kernel in line. Each step is atomic: a packet meets the old rules or the new ones.
   * Rejects when the kernel refuses; the next call is then given `full`.
   */
  sync(input: SyncInput, options: Readonly<{ signal: AbortSignal }>): Promise<SyncReport>
  /** Calls back when somebody else changed what is ours, until `signal` aborts. */
  watch(onForeignChange: (program: string) => void, options: Readonly<{ signal: AbortSignal }>): void
  /** Rules (or elements) in force, per table or kind. */
  counts(): Readonly<Record<string, number>>
}
