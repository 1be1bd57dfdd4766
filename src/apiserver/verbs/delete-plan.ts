// What a DELETE does to an object: removes it, or marks it and leaves it to its finalizers or its kubelet. Pure.
// Rules: k8s.io/apiserver/pkg/registry/generic/registry/store.go (deletionFinalizersForGarbageCollection, BeforeDelete).

import { cloneJson, formatTime, type ApiObject } from '../../api/object.ts'
import type { Strategy } from '../../api/registry/strategy.ts'
import type { DeleteOptions } from './delete-options.ts'

export type DeletePlan =
  | Readonly<{ kind: 'remove' }>
  | Readonly<{ kind: 'mark'; object: ApiObject }>
  /** It is already going, and this request changes nothing about it. */
  | Readonly<{ kind: 'unchanged' }>

export function planDelete(old: ApiObject, strategy: Strategy, options: DeleteOptions, nowMs: number): DeletePlan {
  const finalizers = finalizersFor(old, options)
  const terminating = old.metadata.deletionTimestamp !== undefined
  const grace = graceFor(old, strategy, options)
  const before = old.metadata.deletionGracePeriodSeconds ?? 0
  const inSpec = old.kind === 'Namespace' ? (old['spec'] as { finalizers?: readonly string[] } | undefined)?.finalizers ?? [] : []
  const held = finalizers.length > 0 || inSpec.length > 0
  if (!held && grace === 0) return { kind: 'remove' }
  const next = cloneJson(old)
  if (finalizers.length > 0) next.metadata.finalizers = [...finalizers]
  else delete next.metadata.finalizers
  const sameFinalizers = JSON.stringify(finalizers) === JSON.stringify(old.metadata.finalizers ?? [])
  if (terminating) {
    // A period that has begun may only be shortened.
    const shorter = grace < before
    if (!shorter && sameFinalizers) return { kind: 'unchanged' }
    if (shorter) setGrace(next, grace, Date.parse(old.metadata.deletionTimestamp!) - before * 1000)
    return { kind: 'mark', object: next }
  }
  setGrace(next, grace, nowMs)
  if ((next.metadata.generation ?? 0) > 0) next.metadata.generation! += 1
  if (old.kind === 'Namespace') next['status'] = { ...(next['status'] as object | undefined), phase: 'Terminating' }
  return { kind: 'mark', object: next }
}

function setGrace(draft: ApiObject, seconds: number, fromMs: number): void {
  draft.metadata.deletionGracePeriodSeconds = seconds
  draft.metadata.deletionTimestamp = formatTime(fromMs + seconds * 1000)
}

function graceFor(old: ApiObject, strategy: Strategy, options: DeleteOptions): number {
  if (strategy.gracePeriodSeconds === undefined) return 0
  return Math.max(0, strategy.gracePeriodSeconds(old, options.gracePeriodSeconds))
}

/** An explicit policy replaces the finalizers of the others; without one those that are there stay. */
function finalizersFor(old: ApiObject, options: DeleteOptions): readonly string[] {
  const present = old.metadata.finalizers ?? []
  const policy = options.propagationPolicy ?? (options.orphanDependents === undefined ? undefined : options.orphanDependents ? 'Orphan' : 'Background')
  if (policy === undefined) return present
  const others = present.filter(finalizer => finalizer !== 'orphan' && finalizer !== 'foregroundDeletion')
  if (policy === 'Orphan') return [...others, 'orphan']
  return policy === 'Foreground' ? [...others, 'foregroundDeletion'] : others
}
