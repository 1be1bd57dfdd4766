// How the replica sets of a Deployment are scaled, one step at a time (kube-controller-manager's deployment-controller;
// RollingUpdate and Recreate as apps/v1 documents them). Pure.

import type { Deployment } from 'kubernetes-types/apps/v1.js'

/** A replica set as a rollout sees it. */
export type Replicas = Readonly<{
  key: string
  /** What its spec asks for. */
  desired: number
  /** Pods of it that are available. */
  available: number
  /** Pods of it that still exist, whatever their state. */
  existing: number
  /** The total that its Deployment asked for when it was last scaled; undefined when it never was. */
  totalWhenScaled: number | undefined
  /** RFC 3339; older ones are emptied first. */
  created: string
}>

export type Bounds = Readonly<{ total: number; surge: number; unavailable: number }>

/** How many pods there may be above and below the wanted number: percentages round up and down; both zero would never move. */
export function boundsOf(deployment: Deployment): Bounds {
  const total = deployment.spec?.replicas ?? 1
  if (deployment.spec?.strategy?.type === 'Recreate') return { total, surge: 0, unavailable: 0 }
  const rolling = deployment.spec?.strategy?.rollingUpdate
  const surge = amountOf(rolling?.maxSurge ?? '25%', total, Math.ceil)
  const unavailable = Math.min(amountOf(rolling?.maxUnavailable ?? '25%', total, Math.floor), total)
  return { total, surge, unavailable: surge === 0 && unavailable === 0 ? 1 : unavailable }
}

function amountOf(value: number | string, total: number, round: (number: number) => number): number {
  if (typeof value === 'number') return value
  const percent = /^(\d+)%$/.exec(value)
  return percent === null ? 0 : round((Number(percent[1]) * total) / 100)
}

/** New `desired` numbers by key; only those that change. */
export type ScalePlan = ReadonlyMap<string, number>

/** The next step of a rolling update: the new set grows as far as the surge allows, the old ones shrink as far as availability does. */
export function planRollingUpdate(bounds: Bounds, current: Replicas, old: readonly Replicas[]): ScalePlan {
  const plan = new Map<string, number>()
  const sets = [current, ...old]
  const desired = sum(sets, set => set.desired)
  const grown = current.desired > bounds.total ? bounds.total : current.desired + Math.max(0, Math.min(bounds.total + bounds.surge - desired, bounds.total - current.desired))
  if (grown !== current.desired) {
    plan.set(current.key, grown)
    // One thing at a time: the old sets follow when the new pods have been counted.
    return plan
  }
  const minimum = bounds.total - bounds.unavailable
  let removable = desired - minimum - Math.max(0, current.desired - current.available)
  if (removable <= 0) return plan
  const oldestFirst = [...old].filter(set => set.desired > 0).sort((a, b) => (a.created < b.created ? -1 : 1))
  const remaining = new Map(oldestFirst.map(set => [set.key, set.desired]))
  // Pods that serve nobody go first, whichever set they are of.
  for (const set of oldestFirst) {
    const broken = Math.min(set.desired - set.available, removable)
    if (broken <= 0) continue
    remaining.set(set.key, set.desired - broken)
    removable -= broken
  }
  let spare = Math.min(removable, sum(sets, set => set.available) - minimum)
  for (const set of oldestFirst) {
    if (spare <= 0) break
    const taken = Math.min(remaining.get(set.key)!, spare)
    remaining.set(set.key, remaining.get(set.key)! - taken)
    spare -= taken
  }
  for (const set of oldestFirst) if (remaining.get(set.key) !== set.desired) plan.set(set.key, remaining.get(set.key)!)
  return plan
}

/** Recreate: the old pods go, all of them, and only then the new ones come. `current` is undefined while there is no new set. */
export function planRecreate(bounds: Bounds, current: Replicas | undefined, old: readonly Replicas[]): ScalePlan {
  const shrinking = old.filter(set => set.desired > 0)
  if (shrinking.length > 0) return new Map(shrinking.map(set => [set.key, 0]))
  if (current === undefined || current.desired === bounds.total || old.some(set => set.existing > 0)) return new Map()
  return new Map([[current.key, bounds.total]])
}

/**
 * What `kubectl scale` means in the middle of a rollout, or while it is paused: every set grows or shrinks in proportion,
 * so that the mix of versions stays. Undefined when the wanted number has not changed since the sets were scaled.
 * While paused no rollout would bring up a Deployment that was scaled to nothing: then the newest set is scaled.
 */
export function planScale(bounds: Bounds, sets: readonly Replicas[], paused: Readonly<{ newest: Replicas | undefined }> | undefined): ScalePlan | undefined {
  const active = sets.filter(set => set.desired > 0)
  const changed = active.some(set => set.totalWhenScaled !== undefined && set.totalWhenScaled !== bounds.total)
  const newest = paused?.newest
  if (!changed && (active.length > 0 || newest === undefined || newest.desired === bounds.total)) return undefined
  const only = active.length === 1 ? active[0]! : active.length === 0 ? newest : undefined
  if (only !== undefined) return only.desired === bounds.total ? new Map() : new Map([[only.key, bounds.total]])
  const allowed = bounds.total === 0 ? 0 : bounds.total + bounds.surge
  let left = allowed - sum(active, set => set.desired)
  const growing = left > 0
  // The largest set takes the rounding; when shrinking, the smallest gives it.
  const order = [...active].sort((a, b) => b.desired - a.desired || (growing ? compare(b.created, a.created) : compare(a.created, b.created)))
  const plan = new Map<string, number>()
  for (const set of order) {
    const before = set.totalWhenScaled ?? bounds.total
    const share = Math.round((set.desired * allowed) / (before + bounds.surge)) - set.desired
    const change = growing ? Math.max(0, Math.min(share, left)) : Math.min(0, Math.max(share, left))
    plan.set(set.key, Math.max(0, set.desired + change))
    left -= change
  }
  const largest = order[0]!
  plan.set(largest.key, Math.max(0, plan.get(largest.key)! + left))
  for (const set of active) if (plan.get(set.key) === set.desired) plan.delete(set.key)
  return plan
}

const sum = <T>(items: readonly T[], value: (item: T) => number): number => items.reduce((total, item) => total + value(item), 0)

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
