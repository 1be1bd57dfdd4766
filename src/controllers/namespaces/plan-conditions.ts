// The conditions of a namespace that is being deleted, as kubectl describe shows them. Pure.

import type { NamespaceCondition } from 'kubernetes-types/core/v1.js'
import { equalJson } from '../../api/object.ts'

export type DeletionProgress = Readonly<{
  discoveryFailures: readonly string[]
  contentFailures: readonly string[]
  /** Objects left, by resource ("pods.", "deployments.apps"). */
  remaining: ReadonlyMap<string, number>
  /** How many objects wait for each finalizer. */
  finalizers: ReadonlyMap<string, number>
}>

/** All conditions of the namespace, or undefined when they say it already. `now` is RFC 3339. */
export function planConditions(current: readonly NamespaceCondition[], progress: DeletionProgress, now: string): NamespaceCondition[] | undefined {
  const wanted: readonly (readonly [type: string, failed: boolean, reason: string, message: string, reasonWell: string, messageWell: string])[] = [
    ['NamespaceDeletionDiscoveryFailure', progress.discoveryFailures.length > 0, 'DiscoveryFailed', `Discovery failed for some groups, ${progress.discoveryFailures.length} failing: ${progress.discoveryFailures.join(', ')}`, 'ResourcesDiscovered', 'All resources successfully discovered'],
    ['NamespaceDeletionGroupVersionParsingFailure', false, '', '', 'ParsedGroupVersions', 'All legacy kube types successfully parsed'],
    ['NamespaceDeletionContentFailure', progress.contentFailures.length > 0, 'ContentDeletionFailed', `Failed to delete all resource types, ${progress.contentFailures.length} remaining: ${progress.contentFailures.join(', ')}`, 'ContentDeleted', 'All content successfully deleted, may be waiting on finalization'],
    ['NamespaceContentRemaining', progress.remaining.size > 0, 'SomeResourcesRemain', `Some resources are remaining: ${[...progress.remaining].sort().map(([resource, count]) => `${resource} has ${count} resource instances`).join(', ')}`, 'ContentRemoved', 'All content successfully removed'],
    ['NamespaceFinalizersRemaining', progress.finalizers.size > 0, 'SomeFinalizersRemain', `Some content in the namespace has finalizers remaining: ${[...progress.finalizers].sort().map(([finalizer, count]) => `${finalizer} in ${count} resource instances`).join(', ')}`, 'ContentHasNoFinalizers', 'All content-preserving finalizers finished'],
  ]
  const types = new Set(wanted.map(([type]) => type))
  const next = current.filter(({ type }) => !types.has(type))
  for (const [type, failed, reason, message, reasonWell, messageWell] of wanted) {
    const status = failed ? 'True' : 'False'
    const known = current.find(condition => condition.type === type)
    next.push({ type, status, reason: failed ? reason : reasonWell, message: failed ? message : messageWell, lastTransitionTime: known?.status === status ? known.lastTransitionTime ?? now : now })
  }
  return equalJson(next, current) ? undefined : next
}
