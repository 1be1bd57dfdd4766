// Gives every Node its pod CIDRs (API server specification 9.4; kube-controller-manager's RangeAllocator). What is
// assigned lives in the Nodes and nowhere else, so a restart learns it from them.

import type { Node } from 'kubernetes-types/core/v1.js'
import { isNotFound } from '../../client/errors.ts'
import type { Change } from '../../client/informer/object-cache.ts'
import type { Stored } from '../../client/objects.ts'
import { NODES } from '../../client/resources.ts'
import { WorkQueue } from '../../client/work-queue.ts'
import { formatPrefix, parsePrefix, type Prefix } from '../../net/ip/prefix.ts'
import { allSynced, processQueue, type Controller, type ControllerContext } from '../controller.ts'
import { BlockSet } from './block-set.ts'

export type NodeIpamOptions = Readonly<{
  /** One or two, of different families; the first is the primary. */
  clusterCidrs: readonly Prefix[]
  maskSize: Readonly<{ 4: number; 6: number }>
  /** Never handed to a node when they overlap a cluster CIDR. */
  serviceCidrs: readonly Prefix[]
}>

/** kube-controller-manager's defaults. */
export const DEFAULT_MASK_SIZE = { 4: 24, 6: 64 } as const

export function nodeIpamController(options: NodeIpamOptions): Controller {
  // Made here, so that a mask that does not fit is refused before anything runs.
  const sets = options.clusterCidrs.map(cidr => new BlockSet(cidr, options.maskSize[cidr.family]))
  for (const set of sets) for (const service of options.serviceCidrs) set.occupy(service)
  return { name: 'node-ipam-controller', run: context => new NodeIpam(context, sets).run() }
}

class NodeIpam {
  readonly #context: ControllerContext
  readonly #sets: readonly BlockSet[]
  readonly #queue: WorkQueue
  readonly #nodes
  /** What each node holds, or will once its patch is through. By name and UID: a namesake starts anew. */
  readonly #held = new Map<string, Readonly<{ uid: string; prefixes: readonly Prefix[] }>>()

  constructor(context: ControllerContext, sets: readonly BlockSet[]) {
    this.#context = context
    this.#sets = sets
    this.#queue = new WorkQueue(context)
    this.#nodes = context.informers.of(NODES)
  }

  async run(): Promise<void> {
    const context = this.#context
    if (!(await allSynced(context, [this.#nodes]))) return
    // All that is assigned is marked before the first new assignment.
    const unsubscribe = this.#nodes.onChange(change => this.#changed(change))
    try {
      await processQueue(context, {
        queue: this.#queue, concurrency: 1,
        work: (name, signal) => this.#assign(name, signal),
        onFailure: (name, error) => {
          const node = this.#nodes.cache.get(name)
          if (node === undefined || error instanceof NoBlockLeft) return
          context.events.about(node, { type: 'Warning', reason: 'CIDRAssignmentFailed', message: `Node ${name} status is now: CIDRAssignmentFailed` })
        },
      })
    } finally {
      unsubscribe()
      this.#queue.close()
    }
  }

  #changed(change: Change<Stored<Node>>): void {
    if (change.type === 'deleted') {
      this.#release(change.key)
      return
    }
    const node = change.object
    const assigned = podCidrsOf(node)
    if (assigned.length === 0) {
      this.#queue.add(change.key)
      return
    }
    const held = this.#held.get(change.key)
    if (held?.uid === node.metadata.uid && held.prefixes.map(formatPrefix).join() === assigned.join()) return
    this.#release(change.key)
    this.#adopt(node, assigned)
  }

  /** Marks what a node holds already. A CIDR of another cluster's range is left to who assigned it. */
  #adopt(node: Stored<Node>, assigned: readonly string[]): void {
    const prefixes: Prefix[] = []
    for (const text of assigned) {
      try {
        const prefix = parsePrefix(text, 'spec.podCIDRs')
        prefixes.push(prefix)
        if (!this.#sets.map(set => set.occupy(prefix)).includes(true)) this.#context.log.warn({ node: node.metadata.name, subnet: text }, 'pod cidr lies outside the cluster cidr')
      } catch (err) {
        this.#context.log.warn({ err, node: node.metadata.name }, 'pod cidr cannot be read')
      }
    }
    this.#held.set(node.metadata.name, { uid: node.metadata.uid, prefixes })
  }

  async #assign(name: string, signal: AbortSignal): Promise<void> {
    const { client, log } = this.#context
    const node = this.#nodes.cache.get(name)
    if (node === undefined || podCidrsOf(node).length > 0) return
    const prefixes = this.#reserve(node)
    const podCIDRs = prefixes.map(formatPrefix)
    try {
      // The UID makes sure that the node is still the one the blocks were taken for.
      await client.patch(NODES, { name }, { type: 'merge', body: { metadata: { uid: node.metadata.uid }, spec: { podCIDR: podCIDRs[0], podCIDRs } } }, { signal })
    } catch (error) {
      if (!isNotFound(error)) throw error
      this.#release(name)
      return
    }
    log.info({ node: name, subnet: podCIDRs }, 'assigned pod cidrs')
  }

  /** Blocks for the node, from every cluster CIDR or from none. Those of a patch that failed are offered again. */
  #reserve(node: Stored<Node>): readonly Prefix[] {
    const { name, uid } = node.metadata
    const held = this.#held.get(name)
    if (held?.uid === uid) return held.prefixes
    this.#release(name)
    const prefixes: Prefix[] = []
    for (const set of this.#sets) {
      const block = set.take()
      if (block === undefined) {
        prefixes.forEach((prefix, index) => this.#sets[index]!.release(prefix))
        this.#context.events.about(node, { type: 'Normal', reason: 'CIDRNotAvailable', message: `Node ${name} status is now: CIDRNotAvailable` })
        throw new NoBlockLeft(`no free pod cidr is left in ${formatPrefix(set.cluster)}: widen --cluster-cidr or remove nodes`)
      }
      prefixes.push(block)
    }
    this.#held.set(name, { uid, prefixes })
    return prefixes
  }

  #release(name: string): void {
    const held = this.#held.get(name)
    if (held === undefined) return
    this.#held.delete(name)
    for (const prefix of held.prefixes) for (const set of this.#sets) set.release(prefix)
  }
}

class NoBlockLeft extends Error {}

const podCidrsOf = (node: Node): readonly string[] =>
  node.spec?.podCIDRs !== undefined && node.spec.podCIDRs.length > 0 ? node.spec.podCIDRs : node.spec?.podCIDR ? [node.spec.podCIDR] : []
