// Our tables: one per address family for host ports and masquerading, one of the bridge family for pods' MACs.

import type { Family } from '../../../src/net/ip/address.ts'
import type { Change, Chain, Rule, TableName } from '../../../src/net/nfnetlink/objects.ts'
import type { Condition } from '../config/conditions.ts'
import { GUARD_TABLE, guardChains, guardRules, guardSets } from './spoof-guard.ts'
import { NAT_TABLE, natChains, natRules, natSets } from './skeleton.ts'

export type TableKey = Family | 'bridge'
export const TABLE_KEYS = [4, 6, 'bridge'] as const satisfies readonly TableKey[]

const NAT_SETS = ['hostports', 'hostports-at', 'hostports-if', 'hostports-at-if', 'masquerade-all', 'masquerade-local', 'pod-subnets', 'masquerade-pods'] as const
const GUARD_SETS = ['guarded-ports', 'port-senders'] as const
export const SET_NAMES = [...NAT_SETS, ...GUARD_SETS] as const
export type SetName = (typeof SET_NAMES)[number]

/** Lists of conditions that stand in rules, since no map can hold them. */
export type Conditions = readonly (readonly Condition[])[]

export const tableOf = (key: TableKey): TableName => (key === 'bridge' ? GUARD_TABLE : NAT_TABLE[key])
export const setNamesOf = (key: TableKey): readonly SetName[] => (key === 'bridge' ? GUARD_SETS : NAT_SETS)
export const chainsOf = (key: TableKey): readonly Chain[] => (key === 'bridge' ? guardChains : natChains(key))
export const rulesOf = (key: TableKey, conditions: Conditions): readonly Rule[] => (key === 'bridge' ? guardRules : natRules(key, conditions))

/** Table, sets, chains and rules, without elements. */
export function skeletonOf(key: TableKey, conditions: Conditions): readonly Change[] {
  const comment = key === 'bridge' ? 'MACs that pods may send from' : 'host ports and masquerading of pods'
  return [
    { kind: 'add-table', table: { ...tableOf(key), comment } },
    ...(key === 'bridge' ? guardSets : natSets(key)),
    ...chainsOf(key).map((chain): Change => ({ kind: 'add-chain', chain })),
    ...rulesOf(key, conditions).map((rule): Change => ({ kind: 'add-rule', rule })),
  ]
}

/** Host ports' conditions changed: the rules that carry them, anew and in their order. */
export const conditionChanges = (key: Family, conditions: Conditions): readonly Change[] => [
  { kind: 'delete-rules', rule: { ...tableOf(key), chain: 'translate' } },
  ...rulesOf(key, conditions).filter(rule => rule.chain === 'translate').map((rule): Change => ({ kind: 'add-rule', rule })),
]
