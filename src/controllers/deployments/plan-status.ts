// The status of a Deployment: what `kubectl rollout status` and `kubectl wait` look at. Pure.

import type { Deployment, DeploymentCondition, DeploymentStatus, ReplicaSet } from 'kubernetes-types/apps/v1.js'
import type { Stored } from '../../client/objects.ts'
import { boundsOf } from './plan-rollout.ts'

export type StatusInput = Readonly<{
  deployment: Stored<Deployment>
  current: Stored<ReplicaSet> | undefined
  old: readonly Stored<ReplicaSet>[]
  collisions: number
  /** RFC 3339. */
  now: string
  /** Milliseconds since the epoch. */
  nowMs: number
}>

export function planStatus({ deployment, current, old, collisions, now, nowMs }: StatusInput): DeploymentStatus {
  const sets = current === undefined ? old : [current, ...old]
  const total = (value: (set: Stored<ReplicaSet>) => number): number => sets.reduce((sum, set) => sum + value(set), 0)
  const available = total(set => set.status?.availableReplicas ?? 0)
  const counts = {
    replicas: total(set => set.status?.replicas ?? 0),
    updatedReplicas: current?.status?.replicas ?? 0,
    readyReplicas: total(set => set.status?.readyReplicas ?? 0),
    availableReplicas: available,
    unavailableReplicas: Math.max(0, total(set => set.spec?.replicas ?? 0) - available),
  }
  const status = { observedGeneration: deployment.metadata.generation ?? 0, ...counts, ...(collisions > 0 && { collisionCount: collisions }) }
  const conditions = [availability(deployment, available, now), progress(deployment, current, status, sets, { now, nowMs }), ...failures(deployment, sets, now)]
  return { ...status, conditions: conditions.filter(condition => condition !== undefined) }
}

/** All pods are of the current template, available, and nothing else is left. */
export const isComplete = (deployment: Stored<Deployment>, status: DeploymentStatus): boolean => {
  const wanted = deployment.spec?.replicas ?? 1
  return status.updatedReplicas === wanted && status.replicas === wanted && status.availableReplicas === wanted && (status.observedGeneration ?? 0) >= (deployment.metadata.generation ?? 0)
}

function availability(deployment: Stored<Deployment>, available: number, now: string): DeploymentCondition {
  const { total, unavailable } = boundsOf(deployment)
  const enough = available >= total - unavailable
  return settle(deployment, now, {
    type: 'Available', status: enough ? 'True' : 'False',
    reason: enough ? 'MinimumReplicasAvailable' : 'MinimumReplicasUnavailable',
    message: enough ? 'Deployment has minimum availability.' : 'Deployment does not have minimum availability.',
  })
}

function progress(deployment: Stored<Deployment>, current: Stored<ReplicaSet> | undefined, status: DeploymentStatus, sets: readonly Stored<ReplicaSet>[], { now, nowMs }: Readonly<{ now: string; nowMs: number }>): DeploymentCondition | undefined {
  const deadline = deployment.spec?.progressDeadlineSeconds
  const known = deployment.status?.conditions?.find(({ type }) => type === 'Progressing')
  if (deployment.spec?.paused === true) return settle(deployment, now, { type: 'Progressing', status: 'Unknown', reason: 'DeploymentPaused', message: 'Deployment is paused' })
  if (known?.reason === 'DeploymentPaused') return settle(deployment, now, { type: 'Progressing', status: 'Unknown', reason: 'DeploymentResumed', message: 'Deployment is resumed' })
  const name = current === undefined ? `Deployment "${deployment.metadata.name}"` : `ReplicaSet "${current.metadata.name}"`
  if (isComplete(deployment, status)) return settle(deployment, now, { type: 'Progressing', status: 'True', reason: 'NewReplicaSetAvailable', message: `${name} has successfully progressed.` })
  const before = deployment.status
  const moved = (status.updatedReplicas ?? 0) > (before?.updatedReplicas ?? 0) || (status.readyReplicas ?? 0) > (before?.readyReplicas ?? 0) || (status.availableReplicas ?? 0) > (before?.availableReplicas ?? 0)
    || (status.replicas ?? 0) - (status.updatedReplicas ?? 0) < (before?.replicas ?? 0) - (before?.updatedReplicas ?? 0)
  const started = known === undefined || known.reason === 'NewReplicaSetAvailable'
  if (moved || started) {
    // Progress restarts the clock of the deadline even where the words stay the same.
    return { ...settle(deployment, now, { type: 'Progressing', status: 'True', reason: 'ReplicaSetUpdated', message: `${name} is progressing.` }), lastUpdateTime: now }
  }
  const late = deadline !== undefined && deadline < NO_DEADLINE && nowMs - Date.parse(known.lastUpdateTime ?? now) > deadline * 1_000
  if (late && sets.length > 0 && known.reason !== 'ProgressDeadlineExceeded') {
    return settle(deployment, now, { type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded', message: `${name} has timed out progressing.` })
  }
  return known
}

/** apps/v1: the largest int32 means that there is no deadline. */
const NO_DEADLINE = 2 ** 31 - 1

/** A set that cannot make its pods shows here, too. */
function failures(deployment: Stored<Deployment>, sets: readonly Stored<ReplicaSet>[], now: string): DeploymentCondition[] {
  const failure = sets.flatMap(set => set.status?.conditions ?? []).find(({ type, status }) => type === 'ReplicaFailure' && status === 'True')
  if (failure === undefined) return []
  return [settle(deployment, now, { type: 'ReplicaFailure', status: 'True', reason: failure.reason ?? 'FailedCreate', message: failure.message ?? '' })]
}

/** Keeps the times of a condition that says the same as before. */
function settle(deployment: Stored<Deployment>, now: string, condition: Pick<DeploymentCondition, 'type' | 'status'> & { reason: string; message: string }): DeploymentCondition {
  const known = deployment.status?.conditions?.find(({ type }) => type === condition.type)
  const lastTransitionTime = known?.status === condition.status ? known.lastTransitionTime ?? now : now
  const same = known?.status === condition.status && known.reason === condition.reason && known.message === condition.message
  return { ...condition, lastTransitionTime, lastUpdateTime: same ? known.lastUpdateTime ?? now : now }
}

/** Milliseconds until the deadline of a rollout that stands still; undefined when there is none to wait for. */
export function untilDeadline(deployment: Stored<Deployment>, status: DeploymentStatus, nowMs: number): number | undefined {
  const deadline = deployment.spec?.progressDeadlineSeconds
  const progressing = status.conditions?.find(({ type }) => type === 'Progressing')
  if (deadline === undefined || deadline >= NO_DEADLINE || deployment.spec?.paused === true || progressing?.reason !== 'ReplicaSetUpdated') return undefined
  return Math.max(0, Date.parse(progressing.lastUpdateTime ?? '') + deadline * 1_000 - nowMs) + 1_000
}
