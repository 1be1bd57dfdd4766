// How many pods to add or which to remove, and the status to report (kube-controller-manager's replicaset-controller). Pure.

import type { ReplicaSet, ReplicaSetCondition, ReplicaSetStatus } from 'kubernetes-types/apps/v1.js'
import type { Pod } from 'kubernetes-types/core/v1.js'
import type { Stored } from '../../client/objects.ts'
import { isFinished, isReady, isTerminating, readyTransitionOf } from '../endpoint-slices/pods.ts'
import { isAvailable, untilAvailable } from '../pod-availability.ts'

/** Pods made or removed in one pass at most, as upstream. */
export const BURST = 500

export type ReplicaPlan = Readonly<{ create: number; delete: readonly Stored<Pod>[] }>

/** `pods` are those the set owns. */
export function planReplicas(set: Stored<ReplicaSet>, pods: readonly Stored<Pod>[]): ReplicaPlan {
  if (set.metadata.deletionTimestamp !== undefined) return { create: 0, delete: [] }
  const active = pods.filter(isActive)
  const missing = (set.spec?.replicas ?? 1) - active.length
  if (missing >= 0) return { create: Math.min(missing, BURST), delete: [] }
  const perNode = Map.groupBy(active, pod => pod.spec?.nodeName ?? '')
  const crowding = (pod: Stored<Pod>): number => perNode.get(pod.spec?.nodeName ?? '')!.length
  return { create: 0, delete: [...active].sort((a, b) => expendability(a, b, crowding)).slice(0, Math.min(-missing, BURST)) }
}

/** A pod that counts: it runs, or will. */
export const isActive = (pod: Pod): boolean => !isFinished(pod) && !isTerminating(pod)

const PHASE_ORDER: Readonly<Record<string, number>> = { Pending: 0, Unknown: 1, Running: 2 }

/** Order of removal: what serves least and is youngest first (the order that `kubectl scale` documents, KEP-2255 for the cost). */
function expendability(a: Stored<Pod>, b: Stored<Pod>, crowding: (pod: Stored<Pod>) => number): number {
  const bound = (pod: Stored<Pod>): number => (pod.spec?.nodeName ? 1 : 0)
  const phase = (pod: Stored<Pod>): number => PHASE_ORDER[pod.status?.phase ?? 'Pending'] ?? 0
  const ready = (pod: Stored<Pod>): number => (isReady(pod) ? 1 : 0)
  return (
    bound(a) - bound(b) ||
    phase(a) - phase(b) ||
    ready(a) - ready(b) ||
    deletionCost(a) - deletionCost(b) ||
    crowding(b) - crowding(a) ||
    // Ready, created: the later one goes first.
    compare(readyTransitionOf(b) ?? '', readyTransitionOf(a) ?? '') ||
    restarts(b) - restarts(a) ||
    compare(b.metadata.creationTimestamp, a.metadata.creationTimestamp) ||
    compare(a.metadata.name, b.metadata.name)
  )
}

const deletionCost = (pod: Stored<Pod>): number => {
  const cost = Number(pod.metadata.annotations?.['controller.kubernetes.io/pod-deletion-cost'] ?? 0)
  return Number.isInteger(cost) ? cost : 0
}

const restarts = (pod: Pod): number => Math.max(0, ...(pod.status?.containerStatuses ?? []).map(container => container.restartCount))

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** `failure` is why pods could not be made or removed in this pass. `now` in milliseconds since the epoch. */
export function planStatus(set: Stored<ReplicaSet>, pods: readonly Stored<Pod>[], options: Readonly<{ now: number; time: string; failure: string | undefined }>): ReplicaSetStatus {
  const active = pods.filter(isActive)
  const templateLabels = Object.entries(set.spec?.template?.metadata?.labels ?? {})
  const minReadySeconds = set.spec?.minReadySeconds ?? 0
  const conditions = planConditions(set.status?.conditions ?? [], options)
  return {
    replicas: active.length,
    fullyLabeledReplicas: active.filter(pod => templateLabels.every(([key, value]) => pod.metadata.labels?.[key] === value)).length,
    readyReplicas: active.filter(isReady).length,
    availableReplicas: active.filter(pod => isAvailable(pod, minReadySeconds, options.now)).length,
    observedGeneration: set.metadata.generation ?? 0,
    ...(conditions.length > 0 && { conditions }),
  }
}

function planConditions(current: readonly ReplicaSetCondition[], { time, failure }: Readonly<{ time: string; failure: string | undefined }>): ReplicaSetCondition[] {
  const others = current.filter(({ type }) => type !== 'ReplicaFailure')
  if (failure === undefined) return others
  const known = current.find(({ type }) => type === 'ReplicaFailure')
  return [...others, { type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: failure, lastTransitionTime: known?.lastTransitionTime ?? time }]
}

/** Milliseconds until the next ready pod becomes available; undefined when none is waiting for that. */
export function nextAvailability(set: ReplicaSet, pods: readonly Stored<Pod>[], now: number): number | undefined {
  const waits = pods.filter(isActive).map(pod => untilAvailable(pod, set.spec?.minReadySeconds ?? 0, now)).filter(wait => wait !== undefined && wait > 0)
  return waits.length === 0 ? undefined : Math.min(...(waits as number[]))
}
