// From changed chains to the tables' changes of one restore, in an order without a gap.
//
// Each table is atomic, the two together are not. A refusal in `filter` does no harm while `nat` still translates
// (the packet no longer carries the service's address), but without both a packet to the service leaves by routing
// and its connection is stuck. So refusals are added before `nat` changes and removed after it.

import { isEmptyChange, type TableChange } from '../../net/iptables/restore-input.ts'
import type { TableName } from '../../net/iptables/saved-table.ts'
import { planBatches, type BatchSize, type TableDraft } from './plan-batches.ts'
import type { ChainChange } from './ruleset.ts'

export function planTransaction(changes: readonly ChainChange[], batchSize: BatchSize): readonly TableChange[] {
  const filter = changes.filter(change => change.table === 'filter')
  const nat = changes.filter(change => change.table === 'nat')
  const adding = filter.filter(addsRules).map(change => ({ ...change, after: both(change) }))
  const removing = filter.filter(removesRules)
  const drafts = [draftOf('filter', adding), draftOf('nat', nat), draftOf('filter', removing)]
  return drafts.flatMap(draft => planBatches(draft, batchSize)).filter(change => !isEmptyChange(change))
}

const addsRules = ({ before, after }: ChainChange): boolean =>
  after !== undefined && (before === undefined || after.some(rule => !before.includes(rule)) || isReordered(before, after))

const removesRules = ({ before, after }: ChainChange): boolean =>
  before !== undefined && (after === undefined || before.some(rule => !after.includes(rule)))

const isReordered = (before: readonly string[], after: readonly string[]): boolean =>
  before.length === after.length && after.some((rule, i) => rule !== before[i])

/** The new rules, and behind them the old ones that are to go. */
const both = ({ before = [], after = [] }: ChainChange): readonly string[] => [...after, ...before.filter(rule => !after.includes(rule))]

const draftOf = (table: TableName, changes: readonly ChainChange[]): TableDraft => ({
  table,
  writes: changes.flatMap(({ chain, after }) => (after === undefined ? [] : [{ chain, rules: after }])),
  lines: [],
  removed: changes.flatMap(({ chain, after }) => (after === undefined ? [chain] : [])),
})
