// The whole desired ruleset of one address family, kept up to date entry by entry.
// It remembers the shared trees and no more of a service than its entry: a service's own chains are planned anew.

import type { TableName } from '../../net/iptables/saved-table.ts'
import type { ServiceEntry } from '../service-table/entry.ts'
import type { EntryChange } from '../service-table/service-table.ts'
import { HAIRPIN, KUBE_EXTERNAL_SERVICES, KUBE_NODEPORTS, KUBE_PROXY_FIREWALL, KUBE_SERVICES, REFUSED_NODEPORTS } from './chain-names.ts'
import { DispatchTree, sameRules } from './dispatch-tree.ts'
import { frontendShape, hairpinShape, nodePortShape } from './keys.ts'
import type { NodePortAddresses } from '../local-traffic.ts'
import type { RulesetOptions } from './options.ts'
import { fixedChains, rootTails } from './plan-fixed.ts'
import { planService, TREES, type LeafRule, type ServicePlan, type TreeName } from './plan-service.ts'

/** What a change of the ruleset does to chains: before (undefined: new) and after (undefined: gone). */
export type ChainChange = Readonly<{ table: TableName; chain: string; before: readonly string[] | undefined; after: readonly string[] | undefined }>

export type DesiredChain = Readonly<{ table: TableName; chain: string; rules: readonly string[] }>

const TABLE_OF = {
  services: 'nat', nodePorts: 'nat', hairpin: 'nat',
  refused: 'filter', externalRefused: 'filter', nodePortRefused: 'filter', firewall: 'filter', healthChecks: 'filter',
} as const satisfies Record<TreeName, TableName>

export class Ruleset {
  readonly #options: RulesetOptions
  readonly #trees: Readonly<Record<TreeName, DispatchTree>>

  constructor(options: RulesetOptions, addresses: NodePortAddresses) {
    const { family } = options
    const tails = rootTails(family, addresses)
    this.#options = options
    this.#trees = {
      services: new DispatchTree(frontendShape(family, KUBE_SERVICES, ''), tails.services),
      nodePorts: new DispatchTree(nodePortShape(KUBE_NODEPORTS, 'N')),
      hairpin: new DispatchTree(hairpinShape(family, HAIRPIN)),
      refused: new DispatchTree(frontendShape(family, KUBE_SERVICES, ''), tails.refused),
      externalRefused: new DispatchTree(frontendShape(family, KUBE_EXTERNAL_SERVICES, 'X'), tails.externalRefused),
      nodePortRefused: new DispatchTree(nodePortShape(REFUSED_NODEPORTS, 'N')),
      firewall: new DispatchTree(frontendShape(family, KUBE_PROXY_FIREWALL, 'F')),
      healthChecks: new DispatchTree(nodePortShape(KUBE_NODEPORTS, 'K')),
    }
    this.#takeTreeChanges()
  }

  /** Chains that differ after these entries changed. `endpointComments` holds for what is written now. */
  apply(changes: readonly EntryChange[], endpointComments: boolean): readonly ChainChange[] {
    const options = { ...this.#options, endpointComments }
    const plans = changes.map(({ key, before, after }) => ({
      key,
      before: before === undefined ? undefined : planService(before, options),
      after: after === undefined ? undefined : planService(after, options),
    }))
    // All removals first: an address may pass from one service to another within one batch.
    for (const { key, before, after } of plans) for (const leaf of missing(before, after)) this.#trees[leaf.tree].delete(leaf.key, key)
    for (const { key, before, after } of plans) for (const leaf of missing(after, before)) this.#trees[leaf.tree].set(leaf.key, key, leaf.rule)
    return [...plans.flatMap(({ before, after }) => chainChanges(before?.chains, after?.chains)), ...this.#takeTreeChanges()]
  }

  /** Takes other node-port addresses into force. */
  setNodePortAddresses(addresses: NodePortAddresses): readonly ChainChange[] {
    const tails = rootTails(this.#options.family, addresses)
    for (const name of ['services', 'refused', 'externalRefused'] as const) this.#trees[name].setTail(tails[name])
    return this.#takeTreeChanges()
  }

  /** Every chain that should exist, given the entries that were applied. */
  *chains(entries: Iterable<ServiceEntry>, endpointComments: boolean): Generator<DesiredChain> {
    for (const fixed of fixedChains(this.#options)) yield fixed
    for (const name of TREES) {
      for (const [chain, rules] of this.#trees[name].chains()) yield { table: TABLE_OF[name], chain, rules }
    }
    const options = { ...this.#options, endpointComments }
    for (const entry of entries) {
      for (const [chain, rules] of planService(entry, options).chains) yield { table: 'nat', chain, rules }
    }
  }

  #takeTreeChanges(): readonly ChainChange[] {
    return TREES.flatMap(name => this.#trees[name].takeChanges().map(change => ({ table: TABLE_OF[name], ...change })))
  }
}

/** Leaves of `these` that are not in `those`. */
function missing(these: ServicePlan | undefined, those: ServicePlan | undefined): readonly LeafRule[] {
  if (these === undefined) return []
  if (those === undefined) return these.leaves
  const known = new Set(those.leaves.map(leafText))
  return these.leaves.filter(leaf => !known.has(leafText(leaf)))
}

const leafText = (leaf: LeafRule): string => `${leaf.tree} ${leaf.key} ${leaf.rule}`

type ServiceChainMap = ReadonlyMap<string, readonly string[]>
const NO_CHAINS: ServiceChainMap = new Map()

function chainChanges(before: ServiceChainMap = NO_CHAINS, after: ServiceChainMap = NO_CHAINS): readonly ChainChange[] {
  const changes: ChainChange[] = []
  for (const [chain, rules] of after) {
    const old = before.get(chain)
    if (old === undefined || !sameRules(old, rules)) changes.push({ table: 'nat', chain, before: old, after: rules })
  }
  for (const [chain, old] of before) if (!after.has(chain)) changes.push({ table: 'nat', chain, before: old, after: undefined })
  return changes
}
