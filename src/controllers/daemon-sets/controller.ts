// Runs DaemonSets (kube-controller-manager's daemonset-controller).

import type { ControllerRevision, DaemonSet } from 'kubernetes-types/apps/v1.js'
import type { Node, Pod } from 'kubernetes-types/core/v1.js'
import { equalJson } from '../../api/object.ts'
import { labelSelectorOf } from '../../api/selectors/label-selector.ts'
import { isAlreadyExists, isConflict, isNotFound } from '../../client/errors.ts'
import type { Change } from '../../client/informer/object-cache.ts'
import { controllerOf, keyOf, refKey, type KubeObject, type Stored } from '../../client/objects.ts'
import { OwnWrites } from '../../client/own-writes.ts'
import { CONTROLLER_REVISIONS, DAEMON_SETS, NODES, PODS } from '../../client/resources.ts'
import { WorkQueue } from '../../client/work-queue.ts'
import { writeClaim } from '../claim-writer.ts'
import { allSynced, processQueue, type Controller, type ControllerContext } from '../controller.ts'
import { controllerReference, planClaim } from '../owned.ts'
import { untilAvailable } from '../pod-availability.ts'
import { PodWriter, podFromTemplate } from '../pod-writer.ts'
import { BY_CONTROLLER, BY_NAMESPACE, orphansOf } from '../shared-informers.ts'
import { REVISION_HASH_LABEL, daemonTemplate, planDaemons, type DaemonPlan } from './plan-daemons.ts'
import { planRevisions } from './revisions.ts'

export const daemonSetController = (options: Readonly<{ concurrentSyncs: number }> = { concurrentSyncs: 2 }): Controller => ({
  name: 'daemonset-controller', run: context => new DaemonSets(context, options.concurrentSyncs).run(),
})

class DaemonSets {
  readonly #context: ControllerContext
  readonly #concurrency: number
  readonly #queue: WorkQueue
  readonly #sets
  readonly #pods
  readonly #nodes
  readonly #revisions
  readonly #ownPods: OwnWrites<Stored<Pod>>
  readonly #ownRevisions: OwnWrites<Stored<ControllerRevision>>
  readonly #writer: PodWriter

  constructor(context: ControllerContext, concurrency: number) {
    this.#context = context
    this.#concurrency = concurrency
    this.#queue = new WorkQueue(context)
    this.#sets = context.informers.of(DAEMON_SETS)
    this.#pods = context.informers.of(PODS)
    this.#nodes = context.informers.of(NODES)
    this.#revisions = context.informers.of(CONTROLLER_REVISIONS)
    this.#ownPods = new OwnWrites(context.clock)
    this.#ownRevisions = new OwnWrites(context.clock)
    this.#writer = new PodWriter({ client: context.client, events: context.events, ownWrites: this.#ownPods })
  }

  async run(): Promise<void> {
    const stop = [
      this.#sets.onChange(change => this.#queue.add(change.key)),
      this.#pods.onChange(change => {
        this.#ownPods.observe(change)
        this.#ownedChanged(change, true)
      }),
      this.#revisions.onChange(change => {
        this.#ownRevisions.observe(change)
        this.#ownedChanged(change, false)
      }),
      this.#nodes.onChange(change => this.#nodeChanged(change)),
    ]
    try {
      if (!(await allSynced(this.#context, [this.#sets, this.#pods, this.#nodes, this.#revisions]))) return
      await processQueue(this.#context, { queue: this.#queue, concurrency: this.#concurrency, work: (key, signal) => this.#sync(key, signal) })
    } finally {
      for (const unsubscribe of stop) unsubscribe()
      this.#queue.close()
    }
  }

  #ownedChanged(change: Change<Stored<KubeObject>>, adoptable: boolean): void {
    for (const object of change.type === 'modified' ? [change.previous, change.object] : [change.object]) {
      const controller = controllerOf(object)
      if (controller?.kind === 'DaemonSet') this.#queue.add(refKey({ namespace: object.metadata.namespace, name: controller.name }))
      else if (controller === undefined && adoptable && change.type !== 'deleted') {
        for (const set of this.#sets.cache.byIndex(BY_NAMESPACE, object.metadata.namespace ?? '')) {
          if (planClaim(set, labelSelectorOf(set.spec?.selector), [object]).adopt.length > 0) this.#queue.add(keyOf(set))
        }
      }
    }
  }

  /** Heartbeats change nothing here: only what decides where daemons run. */
  #nodeChanged(change: Change<Stored<Node>>): void {
    const decisive = (node: Stored<Node>): unknown => [node.metadata.labels ?? {}, node.spec?.taints ?? []]
    if (change.type === 'modified' && equalJson(decisive(change.previous), decisive(change.object))) return
    for (const key of this.#sets.cache.keys()) this.#queue.add(key)
  }

  async #sync(key: string, signal: AbortSignal): Promise<void> {
    const set = this.#sets.cache.get(key)
    if (set === undefined || set.metadata.deletionTimestamp !== undefined) return
    const pods = await this.#claim(set, signal)
    const hash = await this.#keepHistory(set, pods, signal)
    const now = this.#context.clock.now()
    const plan = planDaemons({ set, pods, hash, now, nodes: [...this.#nodes.cache.values()].filter(node => node.metadata.deletionTimestamp === undefined) })
    try {
      await this.#carryOut(set, plan, hash, signal)
    } finally {
      if (!signal.aborted) await this.#report(set, plan, signal)
    }
    const waits = pods.map(pod => untilAvailable(pod, set.spec?.minReadySeconds ?? 0, now)).filter(wait => wait !== undefined && wait > 0) as number[]
    if (waits.length > 0) this.#queue.addAfter(key, Math.min(...waits))
  }

  async #claim(set: Stored<DaemonSet>, signal: AbortSignal): Promise<readonly Stored<Pod>[]> {
    const { uid, namespace } = set.metadata
    const own = this.#ownPods.over(this.#pods.cache.byIndex(BY_CONTROLLER, uid), pod => controllerOf(pod)?.uid === uid)
    const claim = planClaim(set, labelSelectorOf(set.spec?.selector), [...own, ...this.#pods.cache.byIndex(BY_CONTROLLER, orphansOf(namespace))])
    return writeClaim(this.#context.client, { resource: DAEMON_SETS, object: set }, claim, PODS, { signal })
  }

  /** Keeps a revision per template; answers the hash of the current one. */
  async #keepHistory(set: Stored<DaemonSet>, pods: readonly Stored<Pod>[], signal: AbortSignal): Promise<string> {
    const { client } = this.#context
    const { uid } = set.metadata
    const revisions = this.#ownRevisions.over(this.#revisions.cache.byIndex(BY_CONTROLLER, uid), revision => controllerOf(revision)?.uid === uid)
    const inUse = new Set(pods.map(pod => pod.metadata.labels?.[REVISION_HASH_LABEL] ?? ''))
    const plan = planRevisions(set, revisions, inUse)
    if (plan.create !== undefined) await this.#createRevision(set, plan.create, signal)
    if (plan.renumber !== undefined) this.#ownRevisions.wrote(await client.update(CONTROLLER_REVISIONS, plan.renumber, { signal }))
    for (const revision of plan.delete) {
      await client.delete(CONTROLLER_REVISIONS, revision.metadata, { signal, preconditions: { uid: revision.metadata.uid } }).catch((error: unknown) => {
        if (!isNotFound(error) && !isConflict(error)) throw error
      })
      this.#ownRevisions.deleted(revision)
    }
    return plan.hash
  }

  async #createRevision(set: Stored<DaemonSet>, revision: ControllerRevision, signal: AbortSignal): Promise<void> {
    const { client } = this.#context
    try {
      this.#ownRevisions.wrote(await client.create(CONTROLLER_REVISIONS, revision, { signal }))
    } catch (error) {
      if (!isAlreadyExists(error)) throw error
      const taken = await client.get(CONTROLLER_REVISIONS, { name: revision.metadata!.name!, namespace: set.metadata.namespace }, { signal })
      if (controllerOf(taken)?.uid === set.metadata.uid && equalJson(taken.data, revision.data)) return this.#ownRevisions.wrote(taken)
      // The name belongs to another template: with this count the hash becomes another one.
      await client.update(DAEMON_SETS, { ...set, status: { ...set.status!, collisionCount: (set.status?.collisionCount ?? 0) + 1 } }, { signal, subresource: 'status' })
      throw error
    }
  }

  async #carryOut(set: Stored<DaemonSet>, plan: DaemonPlan, hash: string, signal: AbortSignal): Promise<void> {
    if (plan.delete.length > 0) await this.#writer.delete(set, plan.delete, signal)
    const owner = controllerReference(set, 'apps/v1', 'DaemonSet')
    const pods = plan.create.map(node => podFromTemplate(daemonTemplate(set.spec?.template ?? {}, node, hash), { namespace: set.metadata.namespace!, generateName: `${set.metadata.name}-`, owner }))
    if (pods.length > 0) await this.#writer.create(set, pods, signal)
  }

  async #report(set: Stored<DaemonSet>, plan: DaemonPlan, signal: AbortSignal): Promise<void> {
    const zero = { currentNumberScheduled: 0, numberMisscheduled: 0, desiredNumberScheduled: 0, numberReady: 0, updatedNumberScheduled: 0, numberAvailable: 0, numberUnavailable: 0, observedGeneration: 0 }
    const { conditions: _conditions, collisionCount, ...current } = { ...zero, ...set.status }
    if (equalJson(current, plan.status)) return
    const status = { ...set.status, ...plan.status, ...(collisionCount !== undefined && { collisionCount }) }
    try {
      await this.#context.client.update(DAEMON_SETS, { ...set, status }, { signal, subresource: 'status' })
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) throw error
    }
  }
}
