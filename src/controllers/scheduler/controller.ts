// A small scheduler: binds pods that name no node to nodes that may run them, spreading by number of pods.
// kube-scheduler can take its place: pods of other schedulers' names are left alone.

import type { Node, Pod, PodCondition } from 'kubernetes-types/core/v1.js'
import { equalJson, formatTime } from '../../api/object.ts'
import { isConflict, isNotFound } from '../../client/errors.ts'
import type { Change } from '../../client/informer/object-cache.ts'
import { keyOf, type Stored } from '../../client/objects.ts'
import { NODES, PODS } from '../../client/resources.ts'
import { WorkQueue } from '../../client/work-queue.ts'
import { allSynced, processQueue, type Controller, type ControllerContext } from '../controller.ts'
import { NodeUsage } from './node-usage.ts'
import { planBinding, podRequests, type Candidate } from './plan-binding.ts'

const SCHEDULER_NAME = 'default-scheduler'

export const schedulerController = (): Controller => ({ name: 'scheduler', run: context => new Scheduler(context).run() })

class Scheduler {
  readonly #context: ControllerContext
  readonly #queue: WorkQueue
  readonly #pods
  readonly #nodes
  /** What is taken on the nodes, our own bindings included before the watch shows them. */
  readonly #usage = new NodeUsage()
  /** Pods that fit nowhere; any change that makes room wakes them. */
  readonly #unschedulable = new Set<string>()

  constructor(context: ControllerContext) {
    this.#context = context
    this.#queue = new WorkQueue(context)
    this.#pods = context.informers.of(PODS)
    this.#nodes = context.informers.of(NODES)
  }

  async run(): Promise<void> {
    const stop = [this.#pods.onChange(change => this.#podChanged(change)), this.#nodes.onChange(change => (change.type !== 'modified' || !equalJson(decisive(change.previous), decisive(change.object))) && this.#roomChanged())]
    try {
      if (!(await allSynced(this.#context, [this.#pods, this.#nodes]))) return
      // One at a time: each decision sees the one before it.
      await processQueue(this.#context, { queue: this.#queue, concurrency: 1, work: (key, signal) => this.#schedule(key, signal) })
    } finally {
      for (const unsubscribe of stop) unsubscribe()
      this.#queue.close()
    }
  }

  #podChanged(change: Change<Stored<Pod>>): void {
    const { key, object } = change
    if (change.type === 'deleted' || isOver(object)) {
      this.#usage.remove(key)
      this.#unschedulable.delete(key)
      this.#roomChanged()
      return
    }
    if (object.spec?.nodeName) {
      this.#unschedulable.delete(key)
      if (change.type === 'added' || !change.previous.spec?.nodeName || resized(change.previous, object)) this.#usage.place(key, object.spec.nodeName, object)
      return
    }
    if (isOurs(object)) this.#queue.add(key)
  }

  #roomChanged(): void {
    for (const key of this.#unschedulable) this.#queue.add(key)
  }

  async #schedule(key: string, signal: AbortSignal): Promise<void> {
    const pod = this.#pods.cache.get(key)
    if (pod === undefined || pod.spec?.nodeName || this.#usage.has(key) || !isOurs(pod)) return
    const candidates = [...this.#nodes.cache.values()].map((node): Candidate => ({ node, ...this.#usage.of(node.metadata.name) }))
    const plan = planBinding(pod, candidates, this.#context.random())
    if (plan.kind === 'unschedulable') {
      this.#unschedulable.add(key)
      return this.#report(pod, plan.message, signal)
    }
    await this.#bind(pod, plan.node, signal)
  }

  async #bind(pod: Stored<Pod>, node: string, signal: AbortSignal): Promise<void> {
    const { client, events } = this.#context
    const key = keyOf(pod)
    const { name, namespace = '', uid } = pod.metadata
    this.#usage.place(key, node, pod)
    try {
      await client.createSubresource(PODS, pod.metadata, 'binding', {
        apiVersion: 'v1', kind: 'Binding', metadata: { name, namespace, uid }, target: { apiVersion: 'v1', kind: 'Node', name: node },
      }, { signal })
    } catch (error) {
      this.#usage.remove(key)
      // The watch may have been faster than this answer.
      const seen = this.#pods.cache.get(key)
      if (seen?.spec?.nodeName) this.#usage.place(key, seen.spec.nodeName, seen)
      // Bound by somebody else, or gone: the cache will say so.
      if (isConflict(error) || isNotFound(error)) return
      throw error
    }
    this.#unschedulable.delete(key)
    events.about(pod, { type: 'Normal', reason: 'Scheduled', message: `Successfully assigned ${key} to ${node}`, action: 'Binding' })
  }

  /** Says why in the pod's condition, where kubectl and autoscalers look, and in an event. */
  async #report(pod: Stored<Pod>, message: string, signal: AbortSignal): Promise<void> {
    const { client, clock, events } = this.#context
    const known = pod.status?.conditions?.find(condition => condition.type === 'PodScheduled')
    if (known?.status === 'False' && known.reason === 'Unschedulable' && known.message === message) return
    const now = formatTime(clock.now())
    const condition: PodCondition = {
      type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message,
      lastTransitionTime: known?.status === 'False' && known.lastTransitionTime !== undefined ? known.lastTransitionTime : now,
    }
    events.about(pod, { type: 'Warning', reason: 'FailedScheduling', message, action: 'Scheduling' })
    try {
      await client.patch(PODS, pod.metadata, { type: 'strategic', body: { metadata: { uid: pod.metadata.uid }, status: { conditions: [condition] } } }, { signal, subresource: 'status' })
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) throw error
    }
  }
}

/** What of a node decides where pods may go: heartbeats are not among it. */
const decisive = (node: Stored<Node>): unknown => [
  node.metadata.labels ?? {}, node.metadata.deletionTimestamp ?? '', node.spec ?? {}, node.status?.allocatable ?? {},
  node.status?.conditions?.find(condition => condition.type === 'Ready')?.status ?? '',
]

/** Requests of a running pod may change in place (KEP-1287). */
const resized = (before: Pod, after: Pod): boolean => !equalJson(podRequests(before), podRequests(after))

const isOver = (pod: Pod): boolean => pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed'

const isOurs = (pod: Pod): boolean =>
  (pod.spec?.schedulerName ?? SCHEDULER_NAME) === SCHEDULER_NAME &&
  pod.metadata?.deletionTimestamp === undefined &&
  !isOver(pod) &&
  ((pod.spec as { schedulingGates?: unknown[] } | undefined)?.schedulingGates ?? []).length === 0
