// Whether the host's pod network works, and if not, why: every reason in one sentence. Pure.

import type { NetworkState } from '../network/network-loop.ts'
import type { RulesState } from '../rules/rules-loop.ts'

export type ReadinessInput = Readonly<{
  /** Undefined until the host has a lease. */
  network: NetworkState | undefined
  /** Why the host has no lease yet. */
  waiting: string | undefined
  /** Undefined when no rules are wanted. */
  rules: RulesState | undefined
  rulesPeriodMs: number
  /** What keeps subnet.env from being right; undefined when it is. */
  announcementTrouble: string | undefined
  nowMs: number
}>

/** Rules count as known for three periods; older knowledge is none. */
const RULE_PERIODS = 3

/** Empty means ready. */
export function notReadyBecause(input: ReadinessInput): readonly string[] {
  const { network, rules } = input
  if (network === undefined) return [input.waiting ?? 'starting']
  const reasons: string[] = []
  if (!network.complete) reasons.push('the leases of other hosts are not known yet')
  if (network.storedOwn === undefined) reasons.push('the store has no lease of this host')
  if (network.interfaceTrouble !== undefined) reasons.push(network.interfaceTrouble)
  if (network.carrierTrouble !== undefined) reasons.push(network.carrierTrouble)
  for (const { step, error } of network.failed.slice(0, 5)) reasons.push(`${step.key}: ${error.message}`)
  if (network.failed.length > 5) reasons.push(`and ${network.failed.length - 5} more steps failed`)
  for (const { kind, message } of network.conflicts) if (kind === 'duplicate-public-ip' || kind === 'self-overlap') reasons.push(message)
  for (const { severity, message } of network.overlaps) if (severity === 'fatal') reasons.push(message)
  if (rules?.trouble !== undefined) reasons.push(rules.trouble)
  if (rules !== undefined && (rules.verifiedMs === undefined || input.nowMs - rules.verifiedMs > RULE_PERIODS * Math.max(input.rulesPeriodMs, 1_000))) {
    reasons.push('the traffic rules were not verified lately')
  }
  if (input.announcementTrouble !== undefined) reasons.push(input.announcementTrouble)
  return reasons
}
