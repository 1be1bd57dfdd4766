// How many pods of a budget may be evicted at the moment (policy/v1; kube-controller-manager's disruption-controller). Pure.

import type { Pod } from 'kubernetes-types/core/v1.js'
import type { PodDisruptionBudget, PodDisruptionBudgetStatus } from 'kubernetes-types/policy/v1.js'
import type { Condition } from 'kubernetes-types/meta/v1.js'
import type { Stored } from '../../client/objects.ts'
import { isFinished, isReady, isTerminating } from '../endpoint-slices/pods.ts'

/** An eviction that was granted but not seen to happen counts against the budget for this long (upstream). */
export const DISRUPTION_TIMEOUT_MS = 2 * 60_000

export type BudgetInput = Readonly<{
  budget: Stored<PodDisruptionBudget>
  /** Pods that the budget selects. */
  pods: readonly Stored<Pod>[]
  /** The sum of what the owners of these pods ask for; pods without one are not counted. */
  scale: number
  /** RFC 3339. */
  now: string
  /** Milliseconds since the epoch. */
  nowMs: number
}>

export type BudgetPlan = Readonly<{
  status: PodDisruptionBudgetStatus
  /** When a granted eviction stops counting; undefined when none is pending. */
  recheckMs: number | undefined
}>

export function planBudget({ budget, pods, scale, now, nowMs }: BudgetInput): BudgetPlan {
  const disrupted = pendingEvictions(budget, pods, nowMs)
  const counted = pods.filter(pod => !isFinished(pod))
  const currentHealthy = counted.filter(pod => isReady(pod) && !isTerminating(pod) && disrupted[pod.metadata.name] === undefined).length
  const { expectedPods, desiredHealthy } = wanted(budget, counted.length, scale)
  const disruptionsAllowed = expectedPods <= 0 ? 0 : Math.max(0, currentHealthy - desiredHealthy)
  const times = Object.values(disrupted).map(time => Date.parse(time) + DISRUPTION_TIMEOUT_MS - nowMs)
  return {
    status: {
      disruptionsAllowed, currentHealthy, desiredHealthy, expectedPods,
      observedGeneration: budget.metadata.generation ?? 0,
      ...(Object.keys(disrupted).length > 0 && { disruptedPods: disrupted }),
      conditions: conditions(budget, disruptionsAllowed, now),
    },
    recheckMs: times.length === 0 ? undefined : Math.max(0, Math.min(...times)) + 1,
  }
}

function wanted(budget: PodDisruptionBudget, pods: number, scale: number): Readonly<{ expectedPods: number; desiredHealthy: number }> {
  const { minAvailable, maxUnavailable } = budget.spec ?? {}
  const share = (value: number | string): number => (typeof value === 'number' ? value : Math.ceil((Number.parseInt(value, 10) * scale) / 100))
  if (maxUnavailable !== undefined) return { expectedPods: scale, desiredHealthy: Math.max(0, scale - share(maxUnavailable)) }
  if (typeof minAvailable === 'string') return { expectedPods: scale, desiredHealthy: share(minAvailable) }
  // A budget that says nothing wants one pod (policy/v1 defaulting of neither field).
  return { expectedPods: pods, desiredHealthy: minAvailable ?? 1 }
}

/** Evictions that the API server granted and whose pods are still to go. */
function pendingEvictions(budget: PodDisruptionBudget, pods: readonly Stored<Pod>[], nowMs: number): Record<string, string> {
  const granted = (budget.status?.disruptedPods ?? {}) as Record<string, string>
  const waiting = pods.filter(pod => !isTerminating(pod) && granted[pod.metadata.name] !== undefined && nowMs - Date.parse(granted[pod.metadata.name]!) < DISRUPTION_TIMEOUT_MS)
  return Object.fromEntries(waiting.map(pod => [pod.metadata.name, granted[pod.metadata.name]!]))
}

function conditions(budget: Stored<PodDisruptionBudget>, allowed: number, now: string): Condition[] {
  const type = 'DisruptionAllowed'
  const known = budget.status?.conditions?.find(condition => condition.type === type)
  const others = (budget.status?.conditions ?? []).filter(condition => condition.type !== type)
  const status = allowed > 0 ? 'True' : 'False'
  return [...others, {
    type, status, reason: allowed > 0 ? 'SufficientPods' : 'InsufficientPods', message: '', observedGeneration: budget.metadata.generation ?? 0,
    lastTransitionTime: known?.status === status ? known.lastTransitionTime : now,
  }]
}
