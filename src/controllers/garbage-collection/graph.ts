// Who owns whom, by UID (API server specification 9.8). Pure data: monitors feed it, the collector asks it.

import type { OwnerReference } from 'kubernetes-types/meta/v1.js'
import type { Resource } from '../../client/resources.ts'

/** What the collector keeps of an object. */
export type GraphObject = Readonly<{
  uid: string
  resource: Resource
  name: string
  /** "" for cluster-scoped objects. */
  namespace: string
  resourceVersion: string
  owners: readonly OwnerReference[]
  terminating: boolean
  finalizers: readonly string[]
}>

export const FOREGROUND = 'foregroundDeletion'
export const ORPHAN = 'orphan'

export class OwnerGraph {
  readonly #objects = new Map<string, GraphObject>()
  /** UIDs of the objects that name this UID as an owner; kept for owners that are not (yet) known, too. */
  readonly #dependents = new Map<string, Set<string>>()

  get size(): number {
    return this.#objects.size
  }

  get(uid: string): GraphObject | undefined {
    return this.#objects.get(uid)
  }

  put(object: GraphObject): void {
    this.#unlink(object.uid)
    this.#objects.set(object.uid, object)
    for (const { uid } of object.owners) {
      const known = this.#dependents.get(uid)
      if (known === undefined) this.#dependents.set(uid, new Set([object.uid]))
      else known.add(object.uid)
    }
  }

  remove(uid: string): void {
    this.#unlink(uid)
    this.#objects.delete(uid)
  }

  dependentsOf(uid: string): readonly GraphObject[] {
    return [...(this.#dependents.get(uid) ?? [])].map(dependent => this.#objects.get(dependent)!)
  }

  /** Dependents whose end the owner waits for when it is deleted in the foreground. */
  blockersOf(uid: string): readonly GraphObject[] {
    return this.dependentsOf(uid).filter(dependent => dependent.owners.some(owner => owner.uid === uid && owner.blockOwnerDeletion === true))
  }

  #unlink(uid: string): void {
    for (const owner of this.#objects.get(uid)?.owners ?? []) {
      const known = this.#dependents.get(owner.uid)
      known?.delete(uid)
      if (known?.size === 0) this.#dependents.delete(owner.uid)
    }
  }
}

/** True while the object waits for its dependents to be deleted first. */
export const isDeletingDependents = (object: GraphObject): boolean => object.terminating && object.finalizers.includes(FOREGROUND)

/** True while the object waits for its dependents to be set free. */
export const isOrphaning = (object: GraphObject): boolean => object.terminating && object.finalizers.includes(ORPHAN)
