// Keeps the Node object and its Lease in the API: registers, renews, and says whether the node can run pods.

import type { Lease } from 'kubernetes-types/coordination/v1.js'
import type { Node } from 'kubernetes-types/core/v1.js'
import type { ApiClient } from '../../client/api-client.ts'
import { isAlreadyExists, isNotFound } from '../../client/errors.ts'
import type { Stored } from '../../client/objects.ts'
import { LEASES, NODES } from '../../client/resources.ts'
import type { Clock } from '../../ops/clock.ts'
import { differs, nodeLabels, planNode, planNodeStatus, type MachineFacts, type Problem } from './node-object-plan.ts'

export type RegistrationOptions = Readonly<{
  client: ApiClient
  facts: MachineFacts
  /** Asked before every report. */
  problem: () => Problem
  clock: Clock
}>

type Cancel = Readonly<{ signal: AbortSignal }>

/** kubelet's nodeLeaseDurationSeconds, and how often it writes a status in which only the time has changed. */
const LEASE_SECONDS = 40
const STATUS_REPORT_MS = 300_000
const LEASE_NAMESPACE = 'kube-node-lease'

/** How often the status is looked at and the lease renewed: kubelet's nodeStatusUpdateFrequency and a quarter of its lease. */
export const HEARTBEAT_MS = 10_000

export class Registration {
  readonly #options: RegistrationOptions
  #reportedAt = -Infinity

  constructor(options: RegistrationOptions) {
    this.#options = options
  }

  /** One pass: registers when the node is not there, corrects what differs, renews the lease. */
  async heartbeat(options: Cancel): Promise<void> {
    const node = await this.#ensureNode(options)
    await this.#report(node, options)
    await this.#renewLease(node, options)
  }

  async #ensureNode(options: Cancel): Promise<Stored<Node>> {
    const { client, facts, problem } = this.#options
    try {
      const node = await client.get(NODES, { name: facts.name }, options)
      const wanted = nodeLabels(facts)
      if (Object.entries(wanted).every(([name, value]) => node.metadata.labels?.[name] === value)) return node
      return await client.patch(NODES, { name: facts.name }, { type: 'merge', body: { metadata: { labels: wanted } } }, options)
    } catch (error) {
      if (!isNotFound(error)) throw error
    }
    try {
      return await client.create(NODES, planNode(facts, problem(), this.#now()), options)
    } catch (error) {
      if (!isAlreadyExists(error)) throw error
      return client.get(NODES, { name: facts.name }, options)
    }
  }

  async #report(node: Stored<Node>, options: Cancel): Promise<void> {
    const { client, facts, problem, clock } = this.#options
    const status = planNodeStatus(facts, node.status, problem(), this.#now())
    if (!differs(status, node.status ?? {}) && clock.monotonicMs() - this.#reportedAt < STATUS_REPORT_MS) return
    await client.patch(NODES, { name: facts.name }, { type: 'merge', body: { status } }, { ...options, subresource: 'status' })
    this.#reportedAt = clock.monotonicMs()
  }

  async #renewLease(node: Stored<Node>, options: Cancel): Promise<void> {
    const { client, facts } = this.#options
    // MicroTime: six digits behind the second.
    const renewTime = `${new Date(this.#options.clock.now()).toISOString().slice(0, -1)}000Z`
    const ref = { namespace: LEASE_NAMESPACE, name: facts.name }
    try {
      await client.patch(LEASES, ref, { type: 'merge', body: { spec: { holderIdentity: facts.name, leaseDurationSeconds: LEASE_SECONDS, renewTime } } }, options)
      return
    } catch (error) {
      if (!isNotFound(error)) throw error
    }
    const lease: Lease = {
      metadata: { ...ref, ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: node.metadata.name, uid: node.metadata.uid }] },
      spec: { holderIdentity: facts.name, leaseDurationSeconds: LEASE_SECONDS, renewTime },
    }
    try {
      await client.create(LEASES, lease, options)
    } catch (error) {
      if (!isAlreadyExists(error)) throw error
    }
  }

  #now(): string {
    return `${new Date(this.#options.clock.now()).toISOString().slice(0, 19)}Z`
  }
}
