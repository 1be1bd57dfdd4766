// Compares the ruleset that should be with the one that is (after a start, a take-over from kube-proxy, a failed
// transaction, a foreign flush or edit) and plans the difference. Chains that are right are left alone.

import type { TableChange } from '../../net/iptables/restore-input.ts'
import { isEmptyChange } from '../../net/iptables/restore-input.ts'
import { sameRule, targetOf } from '../../net/iptables/rule-text.ts'
import type { SavedTable, TableName } from '../../net/iptables/saved-table.ts'
import { isServiceChain } from './chain-names.ts'
import { planBatches, type BatchSize, type ChainWrite, type TableDraft } from './plan-batches.ts'
import type { Jump } from './plan-fixed.ts'
import type { DesiredChain } from './ruleset.ts'

export type Observed = Readonly<Record<'filter' | 'nat' | 'mangle', SavedTable>>

export type Repair = Readonly<{
  changes: readonly TableChange[]
  /** Chains of ours that were absent or different, and chains nobody needs any more. */
  written: readonly string[]
  removed: readonly string[]
  /** Built-in chains in which a jump was missing. */
  jumps: readonly string[]
}>

type Draft = { writes: ChainWrite[]; jumps: string[]; removed: string[] }

export function planRepair(desired: Iterable<DesiredChain>, wantedJumps: readonly Jump[], observed: Observed, batchSize: BatchSize): Repair {
  const drafts: Record<keyof Observed, Draft> = { filter: draft(), nat: draft(), mangle: draft() }
  const wanted: Record<keyof Observed, Set<string>> = { filter: new Set(), nat: new Set(), mangle: new Set() }
  for (const { table, chain, rules } of desired) {
    const key = known(table)
    wanted[key].add(chain)
    const found = observed[key].chains.get(chain)?.rules
    if (found !== undefined && sameContent(rules, found)) continue
    drafts[key].writes.push({ chain, rules })
  }
  for (const jump of wantedJumps) {
    const key = known(jump.table)
    if (observed[key].chains.get(jump.chain)?.rules.some(rule => sameRule(jump.rule, rule)) === true) continue
    drafts[key].jumps.push(`-I ${jump.chain} ${jump.rule}`)
  }
  for (const key of ['filter', 'nat'] as const) drafts[key].removed.push(...staleChains(observed[key], wanted[key]))
  // Refusals are wanted before translations (see plan-transaction.ts); mangle holds the canary only.
  const tables = (['filter', 'nat', 'mangle'] as const).flatMap(key => planBatches(tableDraft(key, drafts[key], observed[key]), batchSize))
  return {
    changes: tables.filter(change => !isEmptyChange(change)),
    written: Object.values(drafts).flatMap(({ writes }) => writes.map(({ chain }) => chain)),
    removed: Object.values(drafts).flatMap(({ removed }) => removed),
    jumps: Object.values(drafts).flatMap(d => d.jumps.map(line => line.split(' ')[1]!)),
  }
}

const draft = (): Draft => ({ writes: [], jumps: [], removed: [] })

function known(table: TableName): keyof Observed {
  if (table === 'filter' || table === 'nat' || table === 'mangle') return table
  throw new RangeError(`the proxy keeps nothing in table ${table}`)
}

const staleChains = (observed: SavedTable, wanted: ReadonlySet<string>): readonly string[] =>
  [...observed.chains.keys()].filter(name => isServiceChain(name) && !wanted.has(name))

/** Comments of endpoint rules come and go with the size of the cluster; their absence is no difference. */
function sameContent(rules: readonly string[], found: readonly string[]): boolean {
  return (
    rules.length === found.length &&
    rules.every((rule, i) => rule === found[i] || sameRule(rule, found[i]!) || sameRule(uncommented(rule), uncommented(found[i]!)))
  )
}

const uncommented = (rule: string): string => rule.replace(/-m comment --comment (?:"(?:[^"\\]|\\.)*"|\S+) ?/, '')

/**
 * A stale chain is emptied in any case, and deleted unless a rule that is not ours jumps to it: one such rule would
 * make the kernel refuse the whole table.
 */
function tableDraft(table: keyof Observed, { writes, jumps, removed }: Draft, observed: SavedTable): TableDraft {
  const rewritten = new Set([...writes.map(({ chain }) => chain), ...removed])
  const pinned = new Set<string>()
  if (removed.length > 0) {
    for (const chain of observed.chains.values()) {
      if (!rewritten.has(chain.name)) for (const rule of chain.rules) pinned.add(targetOf(rule) ?? '')
    }
  }
  const worth = removed.filter(chain => !pinned.has(chain) || (observed.chains.get(chain)?.rules.length ?? 0) > 0)
  return { table, writes, lines: jumps, removed: worth, pinned }
}
