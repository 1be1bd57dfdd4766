// Keeps the status of PodDisruptionBudgets, by which the API server grants evictions (`kubectl drain`).

import type { Pod } from 'kubernetes-types/core/v1.js'
import type { PodDisruptionBudget } from 'kubernetes-types/policy/v1.js'
import { equalJson, formatTime } from '../../api/object.ts'
import { labelSelectorOf, matchesLabels } from '../../api/selectors/label-selector.ts'
import { isNotFound } from '../../client/errors.ts'
import { controllerOf, keyOf, refKey, type Stored } from '../../client/objects.ts'
import { DEPLOYMENTS, PODS, POD_DISRUPTION_BUDGETS, REPLICA_SETS, STATEFUL_SETS } from '../../client/resources.ts'
import { WorkQueue } from '../../client/work-queue.ts'
import { sameForServices } from '../endpoint-slices/pods.ts'
import { allSynced, processQueue, type Controller, type ControllerContext } from '../controller.ts'
import { BY_NAMESPACE } from '../shared-informers.ts'
import { planBudget } from './plan-budget.ts'

export const disruptionController = (): Controller => ({ name: 'disruption-controller', run: context => new Disruption(context).run() })

class Disruption {
  readonly #context: ControllerContext
  readonly #queue: WorkQueue
  readonly #budgets
  readonly #pods
  readonly #sets
  readonly #deployments
  readonly #statefulSets

  constructor(context: ControllerContext) {
    this.#context = context
    this.#queue = new WorkQueue(context)
    this.#budgets = context.informers.of(POD_DISRUPTION_BUDGETS)
    this.#pods = context.informers.of(PODS)
    this.#sets = context.informers.of(REPLICA_SETS)
    this.#deployments = context.informers.of(DEPLOYMENTS)
    this.#statefulSets = context.informers.of(STATEFUL_SETS)
  }

  async run(): Promise<void> {
    const scaled = (change: { type: string; object: { metadata: { namespace?: string } } }): void => this.#queueAll(change.object.metadata.namespace)
    const stop = [
      this.#budgets.onChange(change => this.#queue.add(change.key)),
      this.#pods.onChange(change => {
        if (change.type === 'modified' && sameForServices(change.previous, change.object)) return
        for (const pod of change.type === 'modified' ? [change.previous, change.object] : [change.object]) this.#queueFor(pod)
      }),
      this.#sets.onChange(change => (change.type !== 'modified' || change.previous.spec?.replicas !== change.object.spec?.replicas) && scaled(change)),
      this.#deployments.onChange(change => (change.type !== 'modified' || change.previous.spec?.replicas !== change.object.spec?.replicas) && scaled(change)),
      this.#statefulSets.onChange(change => (change.type !== 'modified' || change.previous.spec?.replicas !== change.object.spec?.replicas) && scaled(change)),
    ]
    try {
      if (!(await allSynced(this.#context, [this.#budgets, this.#pods, this.#sets, this.#deployments, this.#statefulSets]))) return
      await processQueue(this.#context, { queue: this.#queue, concurrency: 2, work: (key, signal) => this.#sync(key, signal) })
    } finally {
      for (const unsubscribe of stop) unsubscribe()
      this.#queue.close()
    }
  }

  #queueAll(namespace: string | undefined): void {
    for (const budget of this.#budgets.cache.byIndex(BY_NAMESPACE, namespace ?? '')) this.#queue.add(keyOf(budget))
  }

  #queueFor(pod: Stored<Pod>): void {
    for (const budget of this.#budgets.cache.byIndex(BY_NAMESPACE, pod.metadata.namespace ?? '')) if (selects(budget, pod)) this.#queue.add(keyOf(budget))
  }

  async #sync(key: string, signal: AbortSignal): Promise<void> {
    const { client, clock } = this.#context
    const budget = this.#budgets.cache.get(key)
    if (budget === undefined) return
    const pods = this.#pods.cache.byIndex(BY_NAMESPACE, budget.metadata.namespace ?? '').filter(pod => selects(budget, pod))
    const nowMs = clock.now()
    const { status, recheckMs } = planBudget({ budget, pods, scale: this.#scaleOf(pods), now: formatTime(nowMs), nowMs })
    if (recheckMs !== undefined) this.#queue.addAfter(key, recheckMs)
    const zero = { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0, observedGeneration: 0 }
    if (equalJson({ ...zero, ...budget.status }, status)) return
    try {
      // Conditional on the version: an eviction granted in between has changed the budget.
      await client.update(POD_DISRUPTION_BUDGETS, { ...budget, status }, { signal, subresource: 'status' })
    } catch (error) {
      if (!isNotFound(error)) throw error
    }
  }

  /** What the top owners of the pods ask for together. */
  #scaleOf(pods: readonly Stored<Pod>[]): number {
    const scales = new Map<string, number>()
    for (const pod of pods) {
      const owner = controllerOf(pod)
      const { namespace } = pod.metadata
      if (owner?.kind === 'StatefulSet') scales.set(owner.uid, this.#statefulSets.cache.get(refKey({ namespace, name: owner.name }))?.spec?.replicas ?? 1)
      if (owner?.kind !== 'ReplicaSet') continue
      const set = this.#sets.cache.get(refKey({ namespace, name: owner.name }))
      const above = set && controllerOf(set)
      const deployment = above?.kind === 'Deployment' ? this.#deployments.cache.get(refKey({ namespace, name: above.name })) : undefined
      if (deployment !== undefined) scales.set(deployment.metadata.uid, deployment.spec?.replicas ?? 1)
      else if (set !== undefined) scales.set(set.metadata.uid, set.spec?.replicas ?? 1)
    }
    return [...scales.values()].reduce((sum, replicas) => sum + replicas, 0)
  }
}

/** An absent selector selects nothing, an empty one everything (policy/v1). */
function selects(budget: Stored<PodDisruptionBudget>, pod: Stored<Pod>): boolean {
  const selector = labelSelectorOf(budget.spec?.selector)
  return selector !== undefined && matchesLabels(selector, pod.metadata.labels)
}
