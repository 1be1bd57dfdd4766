// Deletes pods from nodes whose NoExecute taints they do not, or no longer, tolerate
// (kube-controller-manager's taint-eviction-controller).

import type { Node, Pod, Taint } from 'kubernetes-types/core/v1.js'
import { isConflict, isNotFound } from '../../client/errors.ts'
import { keyOf, type Stored } from '../../client/objects.ts'
import { NODES, PODS } from '../../client/resources.ts'
import { WorkQueue } from '../../client/work-queue.ts'
import { equalJson } from '../../api/object.ts'
import { allSynced, processQueue, type Controller, type ControllerContext } from '../controller.ts'
import { BY_NODE } from '../shared-informers.ts'
import { planEviction } from './plan-eviction.ts'

export const taintEvictionController = (): Controller => ({ name: 'taint-eviction-controller', run })

async function run(context: ControllerContext): Promise<void> {
  const { client, clock, events } = context
  const nodes = context.informers.of(NODES)
  const pods = context.informers.of(PODS)
  const queue = new WorkQueue(context)
  /** When the pod was first seen with the taints it has now: the start of its tolerated time. */
  const since = new Map<string, Readonly<{ uid: string; taints: readonly Taint[]; at: number }>>()
  const stop = [
    nodes.onChange(change => {
      if (change.type === 'modified' && equalJson(noExecute(change.previous), noExecute(change.object))) return
      if (change.type !== 'deleted') for (const pod of pods.cache.byIndex(BY_NODE, change.key)) queue.add(keyOf(pod))
    }),
    pods.onChange(change => {
      if (change.type === 'deleted') since.delete(change.key)
      else if (change.object.spec?.nodeName && (change.type === 'added' || !change.previous.spec?.nodeName)) queue.add(change.key)
    }),
  ]
  try {
    if (!(await allSynced(context, [nodes, pods]))) return
    await processQueue(context, { queue, concurrency: 8, work: check })
  } finally {
    for (const unsubscribe of stop) unsubscribe()
    queue.close()
  }

  async function check(key: string, signal: AbortSignal): Promise<void> {
    const pod = pods.cache.get(key)
    const node = pod && nodes.cache.get(pod.spec?.nodeName ?? '')
    if (pod === undefined || node === undefined || pod.metadata.deletionTimestamp !== undefined) return void since.delete(key)
    const taints = noExecute(node)
    if (taints.length === 0) return void since.delete(key)
    const known = since.get(key)
    const start = known?.uid === pod.metadata.uid && equalJson(known.taints, taints) ? known : { uid: pod.metadata.uid, taints, at: clock.monotonicMs() }
    since.set(key, start)
    const afterMs = planEviction(pod.spec?.tolerations ?? [], taints)
    if (afterMs === undefined) return
    const restMs = start.at + afterMs - clock.monotonicMs()
    if (restMs > 0) return queue.addAfter(key, restMs)
    await evict(pod, signal)
  }

  async function evict(pod: Stored<Pod>, signal: AbortSignal): Promise<void> {
    events.about(pod, { type: 'Normal', reason: 'TaintManagerEviction', message: `Marking for deletion Pod ${keyOf(pod)}` })
    try {
      await client.delete(PODS, pod.metadata, { signal, preconditions: { uid: pod.metadata.uid } })
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) throw error
    }
  }
}

const noExecute = (node: Node): readonly Taint[] => (node.spec?.taints ?? []).filter(taint => taint.effect === 'NoExecute')
