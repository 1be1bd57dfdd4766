// Deletes what lost its last owner, and finishes foreground and orphaning deletions
// (API server specification 9.8; kube-controller-manager's garbage-collector-controller).

import type { OwnerReference } from 'kubernetes-types/meta/v1.js'
import { isNotFound } from '../../client/errors.ts'
import type { Change } from '../../client/informer/object-cache.ts'
import type { KubeObject, ObjectRef, Stored } from '../../client/objects.ts'
import { resourceName, type Resource } from '../../client/resources.ts'
import { WorkQueue } from '../../client/work-queue.ts'
import { processQueue, type Controller, type ControllerContext } from '../controller.ts'
import { FOREGROUND, ORPHAN, OwnerGraph, isDeletingDependents, isOrphaning, type GraphObject } from './graph.ts'
import { DISCOVERY_INTERVAL_MS, Monitors, type MonitoredObject } from './monitors.ts'
import { planCollection, type OwnerState } from './plan-collection.ts'

const CONCURRENT_SYNCS = 20
/** We chose: UIDs known to be gone, so that a thousand orphans of one owner ask for it once. */
const MAX_KNOWN_ABSENT = 500
const DISCOVERY_RETRY_MS = 2_000

export const garbageCollectorController = (): Controller => ({ name: 'garbage-collector-controller', run: context => new GarbageCollector(context).run() })

class GarbageCollector {
  readonly #context: ControllerContext
  readonly #graph = new OwnerGraph()
  readonly #queue: WorkQueue
  readonly #monitors: Monitors
  readonly #absent = new Set<string>()

  constructor(context: ControllerContext) {
    this.#context = context
    this.#queue = new WorkQueue(context)
    this.#monitors = new Monitors(context, change => this.#changed(change))
  }

  async run(): Promise<void> {
    const { signal } = this.#context
    const discovered = Promise.withResolvers<void>()
    const refreshing = this.#keepRefreshing(discovered.resolve)
    try {
      // Nothing is judged before the graph is whole: every owner not listed yet would have to be asked for.
      await Promise.race([discovered.promise, refreshing])
      await this.#monitors.synced().catch((error: unknown) => {
        if (!signal.aborted) throw error
      })
      if (signal.aborted) return
      await processQueue(this.#context, { queue: this.#queue, concurrency: CONCURRENT_SYNCS, work: (uid, workSignal) => this.#attend(uid, workSignal) })
    } finally {
      await refreshing
      await this.#monitors.close()
      this.#queue.close()
    }
  }

  /** Resolves when the signal aborts. */
  async #keepRefreshing(onFirst: () => void): Promise<void> {
    const { signal, clock, client } = this.#context
    while (!signal.aborted) {
      let waitMs = DISCOVERY_INTERVAL_MS
      try {
        await this.#monitors.refresh()
        onFirst()
        client.outages.succeeded('discover resources')
      } catch (error) {
        if (signal.aborted) return
        client.outages.failed('discover resources', error)
        waitMs = DISCOVERY_RETRY_MS
      }
      await clock.sleep(waitMs, { signal }).catch(() => {})
    }
  }

  #changed(change: Change<MonitoredObject>): void {
    const { graph: object } = change.object
    if (change.type === 'deleted') {
      // Dependents of the deleted learn that they are alone; owners that wait for it may go on.
      const dependents = this.#graph.dependentsOf(object.uid)
      this.#graph.remove(object.uid)
      for (const { uid } of dependents) this.#queue.add(uid)
      for (const owner of object.owners) this.#wakeIfWaiting(owner.uid)
      return
    }
    const before = change.type === 'modified' ? change.previous.graph : undefined
    this.#graph.put(object)
    if (object.terminating && (isDeletingDependents(object) || isOrphaning(object))) this.#queue.add(object.uid)
    if (object.owners.length > 0 && (before === undefined || before.owners !== object.owners)) {
      // An owner that is known and stays needs no thought; most objects end here.
      if (object.owners.some(owner => !this.#isSolidHere(owner, object))) this.#queue.add(object.uid)
    }
    for (const owner of before?.owners ?? []) this.#wakeIfWaiting(owner.uid)
  }

  #wakeIfWaiting(uid: string): void {
    const owner = this.#graph.get(uid)
    if (owner !== undefined && (isDeletingDependents(owner) || isOrphaning(owner))) this.#queue.add(uid)
  }

  #isSolidHere(owner: OwnerReference, dependent: GraphObject): boolean {
    const known = this.#graph.get(owner.uid)
    return known !== undefined && !isDeletingDependents(known) && known.name === owner.name && known.resource.kind === owner.kind && (known.namespace === '' || known.namespace === dependent.namespace)
  }

  async #attend(uid: string, signal: AbortSignal): Promise<void> {
    const object = this.#graph.get(uid)
    if (object === undefined) return
    if (isOrphaning(object)) return this.#orphanDependents(object, signal)
    if (isDeletingDependents(object)) return this.#deleteDependents(object, signal)
    if (object.terminating || object.owners.every(owner => this.#isSolidHere(owner, object))) return
    await this.#collect(object, signal)
  }

  /** Judges an object by its owners as the server has them now. */
  async #collect(object: GraphObject, signal: AbortSignal): Promise<void> {
    const { client, log } = this.#context
    const live = await this.#live(object, signal)
    if (live === undefined || live.metadata.deletionTimestamp !== undefined) return
    const owners = await Promise.all((live.metadata.ownerReferences ?? []).map(async owner => ({ owner, state: await this.#stateOf(owner, object, signal) })))
    if (owners.some(({ state }) => state === 'unknown')) return
    const dependents = this.#graph.dependentsOf(object.uid)
    const plan = planCollection(owners as { owner: OwnerReference; state: OwnerState }[], {
      finalizers: live.metadata.finalizers ?? [], hasDependents: dependents.length > 0, dependentIsWaiting: dependents.some(isDeletingDependents),
    })
    switch (plan.kind) {
      case 'keep':
        return
      case 'unlink':
        return this.#patch(object, { ownerReferences: live.metadata.ownerReferences!.filter(owner => !plan.ownerUids.includes(owner.uid)) }, signal, live.metadata.resourceVersion)
      case 'delete': {
        if (plan.unblock) await this.#patch(object, { ownerReferences: live.metadata.ownerReferences!.map(owner => ({ ...owner, blockOwnerDeletion: false })) }, signal)
        const preconditions = { uid: object.uid, ...(!plan.unblock && { resourceVersion: live.metadata.resourceVersion }) }
        await client.delete(object.resource, refOf(object), { signal, propagationPolicy: plan.propagationPolicy, preconditions }).catch((error: unknown) => {
          if (!isNotFound(error)) throw error
        })
        log.info({ object: nameOf(object), reason: 'no owner is left' }, 'collected an object')
        return
      }
      default:
        plan satisfies never
    }
  }

  /** An owner deleted in the foreground: those who block it go first, then it is released. */
  async #deleteDependents(owner: GraphObject, signal: AbortSignal): Promise<void> {
    const blockers = this.#graph.blockersOf(owner.uid)
    if (blockers.length === 0) return this.#dropFinalizer(owner, FOREGROUND, signal)
    for (const dependent of blockers) if (!dependent.terminating) this.#queue.add(dependent.uid)
  }

  /** An owner deleted with orphaning: its dependents lose their reference first, then it is released. */
  async #orphanDependents(owner: GraphObject, signal: AbortSignal): Promise<void> {
    for (const dependent of this.#graph.dependentsOf(owner.uid)) {
      const live = await this.#live(dependent, signal)
      const references = live?.metadata.ownerReferences
      if (live === undefined || !references?.some(({ uid }) => uid === owner.uid)) continue
      await this.#patch(dependent, { ownerReferences: references.filter(({ uid }) => uid !== owner.uid) }, signal, live.metadata.resourceVersion)
    }
    await this.#dropFinalizer(owner, ORPHAN, signal)
  }

  async #dropFinalizer(object: GraphObject, finalizer: string, signal: AbortSignal): Promise<void> {
    const live = await this.#live(object, signal)
    if (live === undefined || !live.metadata.finalizers?.includes(finalizer)) return
    await this.#patch(object, { finalizers: live.metadata.finalizers.filter(name => name !== finalizer) }, signal, live.metadata.resourceVersion)
  }

  /** Lists are replaced whole, so the version guards them; without one the UID alone does. */
  async #patch(object: GraphObject, lists: Readonly<Record<string, readonly unknown[]>>, signal: AbortSignal, resourceVersion?: string): Promise<void> {
    // A list that became empty is taken away, as if it had never been (RFC 7386: null).
    const metadata = Object.fromEntries(Object.entries(lists).map(([name, list]) => [name, list.length > 0 ? list : null]))
    const body = { metadata: { uid: object.uid, ...metadata, ...(resourceVersion !== undefined && { resourceVersion }) } }
    try {
      await this.#context.client.patch(object.resource, refOf(object), { type: 'merge', body }, { signal })
    } catch (error) {
      if (!isNotFound(error)) throw error
    }
  }

  async #stateOf(owner: OwnerReference, dependent: GraphObject, signal: AbortSignal): Promise<OwnerState | 'unknown'> {
    const known = this.#graph.get(owner.uid)
    if (this.#isSolidHere(owner, dependent)) return 'solid'
    if (known !== undefined && isDeletingDependents(known)) return 'waiting'
    if (this.#absent.has(`${owner.uid} ${dependent.namespace}`)) return 'absent'
    const resource = this.#monitors.resolve(owner.apiVersion, owner.kind)
    // A kind that is not served (its CRD is being replaced, its API server is away) tells nothing about the object.
    if (resource === undefined) return 'unknown'
    if (resource.namespaced && dependent.namespace === '') {
      this.#reportInvalid(owner, dependent)
      return 'unknown'
    }
    const state = await this.#ask(owner, resource, dependent, signal)
    if (state === 'absent') {
      if (known !== undefined) this.#reportInvalid(owner, dependent)
      if (this.#absent.size >= MAX_KNOWN_ABSENT) this.#absent.clear()
      this.#absent.add(`${owner.uid} ${dependent.namespace}`)
    }
    return state
  }

  /** The last word is the server's: an owner counts by UID, in the dependent's own namespace or at cluster scope. */
  async #ask(owner: OwnerReference, resource: Resource, dependent: GraphObject, signal: AbortSignal): Promise<OwnerState> {
    try {
      const ref = { name: owner.name, ...(resource.namespaced && { namespace: dependent.namespace }) }
      const live = await this.#context.client.get({ ...resource, metadataOnly: true }, ref, { signal })
      if (live.metadata.uid !== owner.uid) return 'absent'
      return live.metadata.deletionTimestamp !== undefined && live.metadata.finalizers?.includes(FOREGROUND) === true ? 'waiting' : 'solid'
    } catch (error) {
      if (isNotFound(error)) return 'absent'
      throw error
    }
  }

  /** The object as the server has it; undefined when it is gone or its name belongs to another. */
  async #live(object: GraphObject, signal: AbortSignal): Promise<Stored<KubeObject> | undefined> {
    try {
      const live = await this.#context.client.get({ ...object.resource, metadataOnly: true }, refOf(object), { signal })
      return live.metadata.uid === object.uid ? live : undefined
    } catch (error) {
      if (isNotFound(error)) return undefined
      throw error
    }
  }

  #reportInvalid(owner: OwnerReference, dependent: GraphObject): void {
    const { resource, name, namespace, uid, resourceVersion } = dependent
    const apiVersion = resource.group === '' ? resource.version : `${resource.group}/${resource.version}`
    this.#context.events.record({ kind: resource.kind, apiVersion, name, uid, resourceVersion, ...(namespace !== '' && { namespace }) }, {
      type: 'Warning', reason: 'OwnerRefInvalidNamespace',
      message: `ownerRef [${owner.apiVersion}/${owner.kind}, namespace: ${namespace}, name: ${owner.name}, uid: ${owner.uid}] does not exist in namespace "${namespace}"`,
    })
  }
}

const refOf = (object: GraphObject): ObjectRef => ({ name: object.name, ...(object.resource.namespaced && { namespace: object.namespace }) })

const nameOf = (object: GraphObject): string => `${resourceName(object.resource)} ${object.namespace === '' ? '' : `${object.namespace}/`}${object.name}`
