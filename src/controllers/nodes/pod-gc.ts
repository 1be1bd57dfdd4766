// Removes pods that nobody else will: on nodes that are gone, terminating without ever having had a node, and
// finished ones beyond a limit (API server specification 9.6; kube-controller-manager's pod-garbage-collector-controller).

import type { Pod } from 'kubernetes-types/core/v1.js'
import { isConflict, isNotFound } from '../../client/errors.ts'
import { keyOf, type Stored } from '../../client/objects.ts'
import { NODES, PODS } from '../../client/resources.ts'
import { WorkQueue } from '../../client/work-queue.ts'
import { isFinished } from '../endpoint-slices/pods.ts'
import { allSynced, processQueue, type Controller, type ControllerContext } from '../controller.ts'
import { BY_NODE } from '../shared-informers.ts'

export type PodGcOptions = Readonly<{
  /** How long a node must be missing: it may be about to register again. */
  quarantineMs: number
  /** Finished pods kept at most; 0 keeps all. */
  terminatedThreshold: number
}>

/** kube-controller-manager's. */
export const DEFAULT_POD_GC: PodGcOptions = { quarantineMs: 40_000, terminatedThreshold: 12_500 }

export const podGcController = (options: PodGcOptions = DEFAULT_POD_GC): Controller => ({
  name: 'pod-garbage-collector-controller', run: context => run(context, options),
})

async function run(context: ControllerContext, options: PodGcOptions): Promise<void> {
  const { client, clock, log } = context
  const nodes = context.informers.of(NODES)
  const pods = context.informers.of(PODS)
  const queue = new WorkQueue(context)
  /** When a node that pods name was first found missing. */
  const missingSince = new Map<string, number>()
  const finished = new Map<string, string>()
  const stop = [
    nodes.onChange(change => {
      if (change.type !== 'deleted') return void missingSince.delete(change.key)
      for (const pod of pods.cache.byIndex(BY_NODE, change.key)) queue.add(keyOf(pod))
    }),
    pods.onChange(change => {
      if (change.type === 'deleted') {
        finished.delete(change.key)
        return
      }
      const pod = change.object
      if (isFinished(pod)) finished.set(change.key, pod.metadata.creationTimestamp)
      if (concerns(pod)) queue.add(change.key)
      if (options.terminatedThreshold > 0 && finished.size > options.terminatedThreshold) queue.add(oldest(finished))
    }),
  ]
  try {
    if (!(await allSynced(context, [nodes, pods]))) return
    await processQueue(context, { queue, concurrency: 4, work: check })
  } finally {
    for (const unsubscribe of stop) unsubscribe()
    queue.close()
  }

  function concerns(pod: Stored<Pod>): boolean {
    const node = pod.spec?.nodeName ?? ''
    return node === '' ? pod.metadata.deletionTimestamp !== undefined : nodes.cache.get(node) === undefined
  }

  async function check(key: string, signal: AbortSignal): Promise<void> {
    const pod = pods.cache.get(key)
    if (pod === undefined) return
    const excess = options.terminatedThreshold > 0 && finished.size > options.terminatedThreshold && finished.has(key)
    if (excess) return remove(pod, 'too many finished pods', signal)
    if (!concerns(pod)) return
    const node = pod.spec?.nodeName ?? ''
    if (node === '') return remove(pod, 'terminating without a node', signal)
    const since = missingSince.get(node) ?? clock.monotonicMs()
    missingSince.set(node, since)
    const restMs = since + options.quarantineMs - clock.monotonicMs()
    if (restMs > 0) return queue.addAfter(key, restMs)
    // The cache may lag: a node that has just registered is not gone.
    if (await exists(node, signal)) return void missingSince.delete(node)
    await remove(pod, 'its node is gone', signal)
  }

  async function exists(node: string, signal: AbortSignal): Promise<boolean> {
    try {
      await client.get(NODES, { name: node }, { signal })
      return true
    } catch (error) {
      if (isNotFound(error)) return false
      throw error
    }
  }

  async function remove(pod: Stored<Pod>, reason: string, signal: AbortSignal): Promise<void> {
    try {
      if (!isFinished(pod)) {
        await client.patch(PODS, pod.metadata, { type: 'merge', body: { metadata: { uid: pod.metadata.uid }, status: { phase: 'Failed' } } }, { signal, subresource: 'status' })
      }
      await client.delete(PODS, pod.metadata, { signal, gracePeriodSeconds: 0, preconditions: { uid: pod.metadata.uid } })
      log.info({ pod: keyOf(pod), node: pod.spec?.nodeName, reason }, 'removed a pod')
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) throw error
    }
  }
}

function oldest(finished: ReadonlyMap<string, string>): string {
  let found = ''
  let time = '￿'
  for (const [key, created] of finished) if (created < time) [found, time] = [key, created]
  return found
}
