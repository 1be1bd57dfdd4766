// Cuts a large change of one table into batches, each atomic in itself and harmless without the next.
//
// iptables-nft walks the sorted list of all chains named in a batch once per line (nft-cache.c,
// cache_chain_list_insert, 1.8.9), so its time grows with the square of a batch: 89,000 lines with 12,000 chains took
// 12.2 s in one batch and 3.2 s in batches of 250 chains. The legacy variant replaces the whole table per batch and
// gets everything in one.

import type { TableChange } from '../../net/iptables/restore-input.ts'
import type { TableName } from '../../net/iptables/saved-table.ts'
import { KUBE_MARK_MASQ } from './chain-names.ts'

export type ChainWrite = Readonly<{ chain: string; rules: readonly string[] }>

export type TableDraft = Readonly<{
  table: TableName
  /** Chains to write whole. A service's chains come after those that they jump to. */
  writes: readonly ChainWrite[]
  /** Jumps from built-in chains. */
  lines: readonly string[]
  /** Chains that nothing uses any more. */
  removed: readonly string[]
  /** Among the removed ones those that a foreign rule holds: emptied, not deleted. */
  pinned?: ReadonlySet<string>
}>

/** Chains per batch; undefined: everything in one. */
export type BatchSize = number | undefined
export const NFT_BATCH_SIZE = 250

/** Chains of one service only. Nothing reaches a new one until a shared chain jumps to it. */
const OF_ONE_SERVICE = /^KUBE-(?:SVC|SVL|SEP|EXT|FW)-[A-Z2-7]{16}$/

export function planBatches(draft: TableDraft, size: BatchSize): readonly TableChange[] {
  const { table, writes, lines, removed, pinned } = draft
  const deleted = pinned === undefined ? removed : removed.filter(chain => !pinned.has(chain))
  if (size === undefined || writes.length + removed.length <= size) {
    const chains = [...writes.map(write => write.chain), ...removed]
    return [{ table, chains, lines: [...writes.flatMap(appends), ...lines], removedChains: deleted }]
  }
  const isEarly = ({ chain }: ChainWrite): boolean => chain === KUBE_MARK_MASQ || OF_ONE_SERVICE.test(chain)
  const early = writes.filter(isEarly)
  const shared = writes.filter(write => !isEarly(write))
  const write = (some: readonly ChainWrite[], more: readonly string[] = []): TableChange => ({
    table, chains: some.map(({ chain }) => chain), lines: [...some.flatMap(appends), ...more], removedChains: [],
  })
  return [
    ...slices([...early.filter(({ chain }) => chain === KUBE_MARK_MASQ), ...early.filter(({ chain }) => chain !== KUBE_MARK_MASQ)], size).map(some => write(some)),
    write(shared, lines),
    // Removed chains may jump to one another, so all are emptied before the first is deleted.
    ...slices(removed, size).map(chains => ({ table, chains, lines: [], removedChains: [] })),
    ...slices(deleted, size).map(removedChains => ({ table, chains: [], lines: [], removedChains })),
  ]
}

const appends = ({ chain, rules }: ChainWrite): readonly string[] => rules.map(rule => (rule === '' ? `-A ${chain}` : `-A ${chain} ${rule}`))

function slices<T>(items: readonly T[], size: number): readonly (readonly T[])[] {
  const found: (readonly T[])[] = []
  for (let i = 0; i < items.length; i += size) found.push(items.slice(i, i + size))
  return found
}
