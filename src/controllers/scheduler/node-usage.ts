// What is taken on every node, kept up to date pod by pod: placing one costs by nodes, not by all pods there are.

import type { Pod } from 'kubernetes-types/core/v1.js'
import { hostPortsOf, podRequests } from './plan-binding.ts'
import type { Requests } from './resources.ts'

export type Usage = Readonly<{ pods: number; requested: Requests; hostPorts: ReadonlySet<string> }>

type Taken = { pods: number; requested: Record<string, number>; hostPorts: Map<string, number> }
type Placed = Readonly<{ node: string; requests: Requests; hostPorts: readonly string[] }>

const NOTHING: Usage = { pods: 0, requested: {}, hostPorts: new Set() }

export class NodeUsage {
  readonly #nodes = new Map<string, Taken>()
  readonly #placed = new Map<string, Placed>()

  of(node: string): Usage {
    const taken = this.#nodes.get(node)
    return taken === undefined ? NOTHING : { pods: taken.pods, requested: taken.requested, hostPorts: new Set(taken.hostPorts.keys()) }
  }

  /** The pod is on the node, or is about to be; what was known of it before is forgotten. */
  place(key: string, node: string, pod: Pod): void {
    const known = this.#placed.get(key)
    const placed = { node, requests: podRequests(pod), hostPorts: hostPortsOf(pod) }
    if (known !== undefined) this.remove(key)
    this.#placed.set(key, placed)
    const taken = this.#nodes.get(node) ?? { pods: 0, requested: {}, hostPorts: new Map<string, number>() }
    this.#nodes.set(node, taken)
    this.#add(taken, placed, 1)
  }

  remove(key: string): void {
    const placed = this.#placed.get(key)
    if (placed === undefined) return
    this.#placed.delete(key)
    const taken = this.#nodes.get(placed.node)!
    this.#add(taken, placed, -1)
    // An empty node starts from zero again: sums of fractions leave crumbs.
    if (taken.pods === 0) this.#nodes.delete(placed.node)
  }

  has(key: string): boolean {
    return this.#placed.has(key)
  }

  #add(taken: Taken, { requests, hostPorts }: Placed, sign: 1 | -1): void {
    taken.pods += sign
    for (const [resource, amount] of Object.entries(requests)) taken.requested[resource] = (taken.requested[resource] ?? 0) + sign * amount
    for (const port of hostPorts) {
      const count = (taken.hostPorts.get(port) ?? 0) + sign
      if (count > 0) taken.hostPorts.set(port, count)
      else taken.hostPorts.delete(port)
    }
  }
}
