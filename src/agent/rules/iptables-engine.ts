// The rules through iptables and ip6tables.

import type { Iptables } from '../../net/iptables/iptables.ts'
import { sameRule } from '../../net/iptables/rule-text.ts'
import type { TableChange } from '../../net/iptables/restore-input.ts'
import type { SavedTable } from '../../net/iptables/saved-table.ts'
import { entriesOf, type PerFamily } from '../leases/per-family.ts'
import { chainName, FORWARD_CHAIN, MASQUERADE_CHAIN, planIptables, type DesiredChain, type RulesInput } from './iptables-plan.ts'
import type { RuleEngine } from './rule-engine.ts'

export class IptablesEngine implements RuleEngine {
  readonly name = 'iptables'
  readonly #tables: PerFamily<Iptables>

  constructor(tables: PerFamily<Iptables>) {
    this.#tables = tables
  }

  get canRandomFully(): boolean {
    return entriesOf(this.#tables).every(([, iptables]) => iptables.canRandomFully)
  }

  async ensure(input: RulesInput, call: { signal: AbortSignal }): Promise<readonly string[]> {
    const desired = planIptables(input)
    const written: string[] = []
    for (const [family, iptables] of entriesOf(this.#tables)) {
      const chains = desired.filter(chain => chain.family === family)
      const changes: TableChange[] = []
      for (const chain of chains) {
        const change = planChain(chain, await iptables.save(chain.table, call))
        if (change === undefined) continue
        changes.push(change)
        written.push(`${chain.table} ${chain.chain} IPv${family}`)
      }
      await iptables.restore(changes, call)
    }
    return written
  }

  /** Ours stand in the very chain whose policy could drop. */
  async hindrances(): Promise<readonly string[]> {
    return []
  }

  async remove(instance: string, call: { signal: AbortSignal }): Promise<void> {
    for (const [, iptables] of entriesOf(this.#tables)) {
      await iptables.removeChains('nat', chain => chain === chainName(MASQUERADE_CHAIN, instance), call)
      await iptables.removeChains('filter', chain => chain === chainName(FORWARD_CHAIN, instance), call)
    }
  }
}

/** The change that makes one chain and its single jump right; undefined when they are. Pure. */
export function planChain(desired: DesiredChain, saved: SavedTable): TableChange | undefined {
  const present = saved.chains.get(desired.chain)?.rules
  const rightContent = present !== undefined && present.length === desired.rules.length && desired.rules.every((rule, index) => sameRule(rule, present[index]!))
  const jumps = (saved.chains.get(desired.from)?.rules ?? []).filter(rule => sameRule(rule, desired.jump)).length
  if (rightContent && jumps === 1) return undefined
  return {
    table: desired.table,
    // Naming the chain empties it, within the same transaction.
    chains: rightContent ? [] : [desired.chain],
    lines: [
      ...(rightContent ? [] : desired.rules.map(rule => `-A ${desired.chain} ${rule}`)),
      ...(jumps === 0 ? [`-A ${desired.from} ${desired.jump}`] : []),
      ...Array.from({ length: Math.max(0, jumps - 1) }, () => `-D ${desired.from} ${desired.jump}`),
    ],
    removedChains: [],
  }
}
