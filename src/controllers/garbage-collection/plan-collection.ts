// What to do with an object whose owners may be gone (API server specification 9.8). Pure.

import type { OwnerReference } from 'kubernetes-types/meta/v1.js'
import { FOREGROUND, ORPHAN } from './graph.ts'

export type OwnerState =
  /** Exists and stays. */
  | 'solid'
  /** Exists no more, or never did. */
  | 'absent'
  /** Is being deleted in the foreground and waits for this dependent. */
  | 'waiting'

export type CollectionPlan =
  | Readonly<{ kind: 'keep' }>
  /** Take these references away: the object lives on through its other owners. */
  | Readonly<{ kind: 'unlink'; ownerUids: readonly string[] }>
  /** `unblock`: let go of owners that wait first: a cycle of blocked deletions would never end otherwise. */
  | Readonly<{ kind: 'delete'; propagationPolicy: 'Background' | 'Foreground' | 'Orphan'; unblock: boolean }>

/** `hasDependents`: the object owns others itself; `dependentIsWaiting`: one of those is being deleted in the foreground, too. */
export function planCollection(
  owners: readonly Readonly<{ owner: OwnerReference; state: OwnerState }>[],
  object: Readonly<{ finalizers: readonly string[]; hasDependents: boolean; dependentIsWaiting: boolean }>,
): CollectionPlan {
  if (owners.length === 0) return { kind: 'keep' }
  const gone = owners.filter(({ state }) => state !== 'solid')
  if (gone.length === 0) return { kind: 'keep' }
  if (gone.length < owners.length) return { kind: 'unlink', ownerUids: gone.map(({ owner }) => owner.uid) }
  const waiting = owners.some(({ state }) => state === 'waiting')
  if (waiting && object.hasDependents) return { kind: 'delete', propagationPolicy: 'Foreground', unblock: object.dependentIsWaiting }
  // What a former deletion asked for still holds.
  const policy = object.finalizers.includes(ORPHAN) ? 'Orphan' : object.finalizers.includes(FOREGROUND) ? 'Foreground' : 'Background'
  return { kind: 'delete', propagationPolicy: policy, unblock: false }
}
