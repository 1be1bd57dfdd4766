// Claiming: a controller owns the objects that name it as their controller; those that match its selector and have
// none it takes over, those that match no more it lets go (kube-controller-manager's ControllerRefManager). Pure.

import type { OwnerReference } from 'kubernetes-types/meta/v1.js'
import { matchesLabels, type LabelSelector } from '../api/selectors/label-selector.ts'
import { controllerOf, type KubeObject, type Stored } from '../client/objects.ts'

export type Claim<T> = Readonly<{ owned: readonly T[]; adopt: readonly T[]; release: readonly T[] }>

export function planClaim<T extends Stored<KubeObject>>(owner: Stored<KubeObject>, selector: LabelSelector | undefined, candidates: readonly T[]): Claim<T> {
  const owned: T[] = []
  const adopt: T[] = []
  const release: T[] = []
  for (const object of candidates) {
    const matches = selector !== undefined && matchesLabels(selector, object.metadata.labels)
    const controller = controllerOf(object)
    if (controller?.uid === owner.metadata.uid) (matches || object.metadata.deletionTimestamp !== undefined ? owned : release).push(object)
    else if (controller === undefined && matches && object.metadata.deletionTimestamp === undefined && owner.metadata.deletionTimestamp === undefined) adopt.push(object)
  }
  return { owned, adopt, release }
}

export const controllerReference = (owner: Stored<KubeObject>, apiVersion: string, kind: string): OwnerReference => ({
  apiVersion, kind, name: owner.metadata.name, uid: owner.metadata.uid, controller: true, blockOwnerDeletion: true,
})
