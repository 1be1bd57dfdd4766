// Revisions of a Deployment and the annotations that carry them, which `kubectl rollout history` and `undo` read. Pure.

import type { Deployment, ReplicaSet } from 'kubernetes-types/apps/v1.js'
import type { Stored } from '../../client/objects.ts'

export const REVISION_ANNOTATION = 'deployment.kubernetes.io/revision'
const REVISION_HISTORY_ANNOTATION = 'deployment.kubernetes.io/revision-history'
const DESIRED_ANNOTATION = 'deployment.kubernetes.io/desired-replicas'
const MAX_ANNOTATION = 'deployment.kubernetes.io/max-replicas'
const LAST_APPLIED_ANNOTATION = 'kubectl.kubernetes.io/last-applied-configuration'

/** Annotations that describe the set itself and are not the Deployment's to give. */
const OWN: ReadonlySet<string> = new Set([REVISION_ANNOTATION, REVISION_HISTORY_ANNOTATION, DESIRED_ANNOTATION, MAX_ANNOTATION, LAST_APPLIED_ANNOTATION, 'deprecated.deployment.rollback.to'])

export const revisionOf = (set: Stored<ReplicaSet>): number => Number(set.metadata.annotations?.[REVISION_ANNOTATION] ?? 0) || 0

/** The number of pods the Deployment wanted when this set was last scaled. */
export function totalWhenScaled(set: Stored<ReplicaSet>): number | undefined {
  const total = set.metadata.annotations?.[DESIRED_ANNOTATION]
  return total === undefined || !/^\d+$/.test(total) ? undefined : Number(total)
}

export const scaleAnnotations = (total: number, surge: number): Record<string, string> => ({ [DESIRED_ANNOTATION]: String(total), [MAX_ANNOTATION]: String(total + surge) })

/** Annotations of the set that runs the current template. A template that is taken up again gets a new revision; its old one goes into the history. */
export function currentAnnotations(deployment: Stored<Deployment>, set: Stored<ReplicaSet> | undefined, revision: number): Record<string, string> {
  const own = Object.fromEntries(Object.entries(set?.metadata.annotations ?? {}).filter(([key]) => OWN.has(key)))
  const given = Object.fromEntries(Object.entries(deployment.metadata.annotations ?? {}).filter(([key]) => !OWN.has(key)))
  const former = set === undefined ? 0 : revisionOf(set)
  const kept = Math.max(former, revision)
  const history = former > 0 && former < revision ? [own[REVISION_HISTORY_ANNOTATION], String(former)].filter(text => text !== undefined && text !== '').join(',') : own[REVISION_HISTORY_ANNOTATION]
  return { ...given, ...own, [REVISION_ANNOTATION]: String(kept), ...(history !== undefined && { [REVISION_HISTORY_ANNOTATION]: history }) }
}

/** Old empty sets beyond the limit, oldest revisions first. None while the Deployment is being deleted. */
export function surplusHistory(deployment: Stored<Deployment>, old: readonly Stored<ReplicaSet>[]): readonly Stored<ReplicaSet>[] {
  if (deployment.metadata.deletionTimestamp !== undefined) return []
  const limit = deployment.spec?.revisionHistoryLimit ?? 10
  const idle = old.filter(set => (set.spec?.replicas ?? 0) === 0 && (set.status?.replicas ?? 0) === 0 && (set.status?.observedGeneration ?? 0) >= (set.metadata.generation ?? 0) && set.metadata.deletionTimestamp === undefined)
  return [...idle].sort((a, b) => revisionOf(a) - revisionOf(b)).slice(0, Math.max(0, old.length - limit))
}
