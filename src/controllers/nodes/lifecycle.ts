// Watches over nodes' heartbeats and turns their state into conditions and taints
// (API server specification 9.5; kube-controller-manager's node-lifecycle-controller).

import type { Lease } from 'kubernetes-types/coordination/v1.js'
import type { Node, Pod } from 'kubernetes-types/core/v1.js'
import { formatTime } from '../../api/object.ts'
import { isNotFound } from '../../client/errors.ts'
import type { Change } from '../../client/informer/object-cache.ts'
import { startInformer } from '../../client/informer/informer.ts'
import type { Stored } from '../../client/objects.ts'
import { LEASES, NODES, PODS } from '../../client/resources.ts'
import { WorkQueue } from '../../client/work-queue.ts'
import { isReady } from '../endpoint-slices/pods.ts'
import { allSynced, processQueue, type Controller, type ControllerContext } from '../controller.ts'
import { BY_NODE } from '../shared-informers.ts'
import { hasEvictionTaint, planSilence, planTaints, planTwinLabels, readinessOf } from './plan-node-health.ts'

export type NodeLifecycleOptions = Readonly<{
  /** A node that has not been heard from for this long is unreachable. */
  monitorGraceMs: number
  /** The same for a node that has never been heard from. */
  startupGraceMs: number
  /** Nodes per second that may newly be given the taint that evicts. */
  evictionRate: number
}>

/** kube-controller-manager's defaults since 1.32. */
export const DEFAULT_NODE_LIFECYCLE: NodeLifecycleOptions = { monitorGraceMs: 50_000, startupGraceMs: 60_000, evictionRate: 0.1 }

const LEASE_NAMESPACE = 'kube-node-lease'

export const nodeLifecycleController = (options: NodeLifecycleOptions = DEFAULT_NODE_LIFECYCLE): Controller => ({
  name: 'node-lifecycle-controller',
  run: context => new NodeLifecycle(context, options).run(),
})

/** When a node was last heard from, by our own clock: those of hosts are not compared. */
type Heard = { token: string; at: number }

class NodeLifecycle {
  readonly #context: ControllerContext
  readonly #options: NodeLifecycleOptions
  readonly #queue: WorkQueue
  readonly #nodes
  readonly #pods
  readonly #leases
  readonly #heard = new Map<string, Heard>()
  #lastEvictionAt = -Infinity

  constructor(context: ControllerContext, options: NodeLifecycleOptions) {
    const { client, log, clock, signal } = context
    this.#context = context
    this.#options = options
    this.#queue = new WorkQueue(context)
    this.#nodes = context.informers.of(NODES)
    this.#pods = context.informers.of(PODS)
    this.#leases = startInformer({ client, resource: LEASES, namespace: LEASE_NAMESPACE, log, clock, signal })
  }

  async run(): Promise<void> {
    const stop = [
      this.#nodes.onChange(change => this.#nodeChanged(change)),
      this.#leases.onChange(change => this.#leaseChanged(change)),
      this.#pods.onChange(change => {
        // A pod that arrives on a silent node must not count as ready.
        if (change.type === 'added' && change.object.spec?.nodeName) this.#queue.add(change.object.spec.nodeName)
      }),
    ]
    try {
      if (!(await allSynced(this.#context, [this.#nodes, this.#leases, this.#pods]))) return
      await processQueue(this.#context, { queue: this.#queue, concurrency: 4, work: (name, signal) => this.#check(name, signal) })
    } finally {
      for (const unsubscribe of stop) unsubscribe()
      this.#queue.close()
      await this.#leases.stopped
    }
  }

  #nodeChanged(change: Change<Stored<Node>>): void {
    if (change.type === 'deleted') this.#heard.delete(change.key)
    else this.#hear(change.key)
    this.#queue.add(change.key)
  }

  /** Nodes renew every ten seconds: nothing but the time is noted, unless the node was thought lost. */
  #leaseChanged(change: Change<Stored<Lease>>): void {
    const { name } = change.object.metadata
    if (!this.#nodes.cache.get(name)) return
    this.#hear(name)
  }

  #hear(name: string): void {
    const node = this.#nodes.cache.get(name)
    const heartbeat = node?.status?.conditions?.find(condition => condition.type === 'Ready')?.lastHeartbeatTime ?? ''
    const token = `${node?.metadata.uid} ${heartbeat} ${this.#leases.cache.get(`${LEASE_NAMESPACE}/${name}`)?.spec?.renewTime ?? ''}`
    const known = this.#heard.get(name)
    if (known?.token !== token) this.#heard.set(name, { token, at: this.#context.clock.monotonicMs() })
  }

  async #check(name: string, signal: AbortSignal): Promise<void> {
    const { client, clock, log, events } = this.#context
    const node = this.#nodes.cache.get(name)
    if (node === undefined) return
    this.#hear(name)
    const now = formatTime(clock.now())
    const silentMs = clock.monotonicMs() - this.#heard.get(name)!.at
    const graceMs = readinessOf(node) === 'never posted' ? this.#options.startupGraceMs : this.#options.monitorGraceMs
    const silence = silentMs >= graceMs ? planSilence(node, now) : undefined
    if (silence !== undefined) {
      log.warn({ node: name, durationMs: Math.round(silentMs) }, 'node has fallen silent')
      events.about(node, { type: 'Normal', reason: 'NodeNotReady', message: `Node ${name} status is now: NodeNotReady` })
      await client.patch(NODES, { name }, { type: 'strategic', body: { metadata: { uid: node.metadata.uid }, status: { conditions: silence } } }, { signal, subresource: 'status' })
      // The change comes back through the watch, and the taints follow from it.
      return
    }
    if (readinessOf(node) === 'unreachable') await this.#markPods(name, now, signal)
    await this.#follow(node, now, signal)
    // A node that is known to be silent changes nothing until it is heard from, and that is an event.
    if (silentMs < graceMs) this.#queue.addAfter(name, graceMs - silentMs + 1)
  }

  /** Brings taints and labels in line with the conditions. */
  async #follow(node: Stored<Node>, now: string, signal: AbortSignal): Promise<void> {
    const { name, resourceVersion } = node.metadata
    const evict = this.#mayEvict(node)
    const taints = planTaints(node, { evict, now })
    const labels = planTwinLabels(node)
    if (taints !== undefined || labels !== undefined) {
      if (evict && !hasEvictionTaint(node)) this.#lastEvictionAt = this.#context.clock.monotonicMs()
      // The resource version: lists are replaced whole, and somebody else's taint must not be lost.
      const body = { metadata: { resourceVersion, ...(labels && { labels }) }, ...(taints && { spec: { taints } }) }
      try {
        await this.#context.client.patch(NODES, { name }, { type: 'merge', body }, { signal })
      } catch (error) {
        if (!isNotFound(error)) throw error
      }
    }
    const waiting = !evict && !hasEvictionTaint(node) && readinessOf(node) !== 'ready'
    if (waiting) this.#queue.addAfter(name, 1_000 / this.#options.evictionRate)
  }

  /**
   * Whether pods may be driven off the node. One node at a time, and none while no node at all is well:
   * then it is the control plane that is cut off, and moving pods would help nobody.
   */
  #mayEvict(node: Node): boolean {
    const readiness = readinessOf(node)
    if (readiness === 'ready' || readiness === 'never posted') return false
    if (hasEvictionTaint(node)) return true
    if (![...this.#nodes.cache.values()].some(other => readinessOf(other) === 'ready')) return false
    return this.#context.clock.monotonicMs() - this.#lastEvictionAt >= 1_000 / this.#options.evictionRate
  }

  /** Pods on a node that is not heard from are not ready: Services must not send to them. */
  async #markPods(node: string, now: string, signal: AbortSignal): Promise<void> {
    for (const pod of this.#pods.cache.byIndex(BY_NODE, node)) {
      if (!isReady(pod)) continue
      await this.#markPod(pod, now, signal)
    }
  }

  async #markPod(pod: Stored<Pod>, now: string, signal: AbortSignal): Promise<void> {
    const known = pod.status?.conditions?.find(condition => condition.type === 'Ready')
    const condition = { ...known, type: 'Ready', status: 'False', reason: 'NodeNotReady', lastTransitionTime: now }
    try {
      await this.#context.client.patch(PODS, pod.metadata, { type: 'strategic', body: { metadata: { uid: pod.metadata.uid }, status: { conditions: [condition] } } }, { signal, subresource: 'status' })
    } catch (error) {
      if (!isNotFound(error)) throw error
    }
  }
}
