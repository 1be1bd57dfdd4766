// Keeps as many pods of a template as a ReplicaSet asks for (kube-controller-manager's replicaset-controller).

import type { ReplicaSet } from 'kubernetes-types/apps/v1.js'
import type { Pod } from 'kubernetes-types/core/v1.js'
import { equalJson, formatTime } from '../../api/object.ts'
import { labelSelectorOf } from '../../api/selectors/label-selector.ts'
import { isNotFound } from '../../client/errors.ts'
import type { Change } from '../../client/informer/object-cache.ts'
import { controllerOf, keyOf, refKey, type Stored } from '../../client/objects.ts'
import { OwnWrites } from '../../client/own-writes.ts'
import { PODS, REPLICA_SETS } from '../../client/resources.ts'
import { WorkQueue } from '../../client/work-queue.ts'
import { writeClaim } from '../claim-writer.ts'
import { allSynced, processQueue, type Controller, type ControllerContext } from '../controller.ts'
import { controllerReference, planClaim } from '../owned.ts'
import { PodWriter, podFromTemplate } from '../pod-writer.ts'
import { BY_CONTROLLER, BY_NAMESPACE, orphansOf } from '../shared-informers.ts'
import { nextAvailability, planReplicas, planStatus } from './plan-replicas.ts'

export const replicaSetController = (options: Readonly<{ concurrentSyncs: number }> = { concurrentSyncs: 5 }): Controller => ({
  name: 'replicaset-controller', run: context => new ReplicaSets(context, options.concurrentSyncs).run(),
})

class ReplicaSets {
  readonly #context: ControllerContext
  readonly #concurrency: number
  readonly #queue: WorkQueue
  readonly #sets
  readonly #pods
  readonly #ownWrites: OwnWrites<Stored<Pod>>
  readonly #writer: PodWriter

  constructor(context: ControllerContext, concurrency: number) {
    this.#context = context
    this.#concurrency = concurrency
    this.#queue = new WorkQueue(context)
    this.#sets = context.informers.of(REPLICA_SETS)
    this.#pods = context.informers.of(PODS)
    this.#ownWrites = new OwnWrites(context.clock)
    this.#writer = new PodWriter({ client: context.client, events: context.events, ownWrites: this.#ownWrites })
  }

  async run(): Promise<void> {
    const stop = [this.#sets.onChange(change => this.#queue.add(change.key)), this.#pods.onChange(change => this.#podChanged(change))]
    try {
      if (!(await allSynced(this.#context, [this.#sets, this.#pods]))) return
      await processQueue(this.#context, { queue: this.#queue, concurrency: this.#concurrency, work: (key, signal) => this.#sync(key, signal) })
    } finally {
      for (const unsubscribe of stop) unsubscribe()
      this.#queue.close()
    }
  }

  #podChanged(change: Change<Stored<Pod>>): void {
    this.#ownWrites.observe(change)
    for (const pod of change.type === 'modified' ? [change.previous, change.object] : [change.object]) {
      const controller = controllerOf(pod)
      if (controller?.kind === 'ReplicaSet') this.#queue.add(refKey({ namespace: pod.metadata.namespace, name: controller.name }))
      else if (controller === undefined && change.type !== 'deleted') this.#offer(pod)
    }
  }

  /** A pod without a controller may be one that a set should take over. */
  #offer(pod: Stored<Pod>): void {
    for (const set of this.#sets.cache.byIndex(BY_NAMESPACE, pod.metadata.namespace ?? '')) {
      if (planClaim(set, labelSelectorOf(set.spec?.selector), [pod]).adopt.length > 0) this.#queue.add(keyOf(set))
    }
  }

  async #sync(key: string, signal: AbortSignal): Promise<void> {
    const set = this.#sets.cache.get(key)
    if (set === undefined) return
    const pods = await this.#claim(set, signal)
    const plan = planReplicas(set, pods)
    let failure: Error | undefined
    try {
      if (plan.delete.length > 0) await this.#writer.delete(set, plan.delete, signal)
      if (plan.create > 0) await this.#create(set, plan.create, signal)
    } catch (error) {
      signal.throwIfAborted()
      failure = error as Error
    }
    await this.#report(set, failure, signal)
    if (failure !== undefined) throw failure
  }

  /** The set's pods, our own latest writes included, after taking over and letting go. */
  async #claim(set: Stored<ReplicaSet>, signal: AbortSignal): Promise<readonly Stored<Pod>[]> {
    const orphans = this.#pods.cache.byIndex(BY_CONTROLLER, orphansOf(set.metadata.namespace))
    const claim = planClaim(set, labelSelectorOf(set.spec?.selector), [...this.#podsOf(set), ...orphans])
    return writeClaim(this.#context.client, { resource: REPLICA_SETS, object: set }, claim, PODS, { signal })
  }

  #podsOf(set: Stored<ReplicaSet>): Stored<Pod>[] {
    return this.#ownWrites.over(this.#pods.cache.byIndex(BY_CONTROLLER, set.metadata.uid), pod => controllerOf(pod)?.uid === set.metadata.uid)
  }

  async #create(set: Stored<ReplicaSet>, count: number, signal: AbortSignal): Promise<void> {
    const pod = podFromTemplate(set.spec?.template ?? {}, {
      namespace: set.metadata.namespace!, generateName: `${set.metadata.name}-`, owner: controllerReference(set, 'apps/v1', 'ReplicaSet'),
    })
    await this.#writer.create(set, Array.from({ length: count }, () => pod), signal)
  }

  async #report(set: Stored<ReplicaSet>, failure: Error | undefined, signal: AbortSignal): Promise<void> {
    const { client, clock } = this.#context
    const now = clock.now()
    const pods = this.#podsOf(set)
    const status = planStatus(set, pods, { now, time: formatTime(now), failure: failure?.message })
    const wait = nextAvailability(set, pods, now)
    if (wait !== undefined) this.#queue.addAfter(keyOf(set), wait)
    const { replicas = 0, fullyLabeledReplicas = 0, readyReplicas = 0, availableReplicas = 0, observedGeneration = 0, conditions = [] } = set.status ?? { replicas: 0 }
    const current = { replicas, fullyLabeledReplicas, readyReplicas, availableReplicas, observedGeneration, ...(conditions.length > 0 && { conditions }) }
    if (equalJson(current, status)) return
    try {
      await client.update(REPLICA_SETS, { ...set, status }, { signal, subresource: 'status' })
    } catch (error) {
      if (!isNotFound(error)) throw error
    }
  }
}
