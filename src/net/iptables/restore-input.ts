// What `iptables-restore --noflush` reads: per table the chains to make or empty, then lines, then removals.

import type { TableName } from './saved-table.ts'

export type TableChange = Readonly<{
  table: TableName
  /** User chains that are made if absent and emptied if present, before any line runs. */
  chains: readonly string[]
  /** "-A CHAIN …", "-I CHAIN 1 …", "-D CHAIN …", in order. */
  lines: readonly string[]
  /** User chains to delete at the end; each must be empty (listed in `chains`) and unreferenced by then. */
  removedChains: readonly string[]
}>

/** True when restoring it would change nothing. */
export const isEmptyChange = (change: TableChange): boolean =>
  change.chains.length === 0 && change.lines.length === 0 && change.removedChains.length === 0

/** The text of one restore call. Tables without a change are left out; each table is atomic in itself. */
export function formatRestoreInput(changes: readonly TableChange[]): string {
  const parts: string[] = []
  for (const change of changes) {
    if (isEmptyChange(change)) continue
    parts.push(`*${change.table}`)
    for (const chain of change.chains) parts.push(`:${chain} - [0:0]`)
    for (const line of change.lines) parts.push(line)
    for (const chain of change.removedChains) parts.push(`-X ${chain}`)
    parts.push('COMMIT')
  }
  return parts.length === 0 ? '' : `${parts.join('\n')}\n`
}
