// Leases as Kubernetes Nodes: the subnet comes from spec.podCIDRs, what a host publishes goes into flannel's annotations.

import type { Node } from 'kubernetes-types/core/v1.js'
import type { ApiClient } from '../../../client/api-client.ts'
import { startInformer, type Informer } from '../../../client/informer/informer.ts'
import type { Stored } from '../../../client/objects.ts'
import { NODES } from '../../../client/resources.ts'
import { tryParseAddress, type Address } from '../../../net/ip/address.ts'
import { containsPrefix, formatPrefix, type Prefix } from '../../../net/ip/prefix.ts'
import { backoffMs, RECONNECT_BACKOFF } from '../../../ops/backoff.ts'
import type { Clock } from '../../../ops/clock.ts'
import type { Logger } from '../../../ops/log.ts'
import { Doorbell, reconcileLoop } from '../../../ops/wake.ts'
import type { Lease, LeaseAttributes } from '../lease.ts'
import type { HostHints, LeaseManager, LeaseSnapshot } from '../lease-manager.ts'
import { refuseDuplicate } from '../refuse-duplicate.ts'
import { EMPTY_TABLE, isMassRemoval, readLeases, sameTable, type LeaseTable } from '../lease-table.ts'
import { entriesOf, familiesOf, perFamily, type PerFamily } from '../per-family.ts'
import { annotationsOf, changedAnnotations, leaseOfNode, NodeLeaseError, podSubnets, publishedNames, type AnnotationNames } from './annotations.ts'

export type KubeLeaseOptions = Readonly<{
  /** Closed with the manager. */
  client: ApiClient
  nodeName: string
  names: AnnotationNames
  networks: PerFamily<Prefix>
  /** --set-node-network-unavailable */
  setCondition: boolean
  log: Logger
  clock: Clock
  random: () => number
  /** Ends the informer. */
  signal: AbortSignal
}>

/** flannel re-lists as often; here it only bounds how long a missed word could matter. */
const RESYNC_MS = 300_000
const CONFIRM_MASS_REMOVAL_MS = 5_000
const WAIT_LOG_MS = 60_000

export class KubeLeaseManager implements LeaseManager {
  readonly #options: KubeLeaseOptions
  readonly #nodes: Informer<Stored<Node>>
  readonly #changed = new Doorbell()
  readonly #publication = new Doorbell()
  /** An object of the cache never changes, so it is read once however often the table is made. */
  readonly #leases = new WeakMap<Stored<Node>, Lease | undefined>()
  #wanted: LeaseAttributes | undefined
  #ready = false
  #trouble: string | undefined

  private constructor(options: KubeLeaseOptions, nodes: Informer<Stored<Node>>) {
    this.#options = options
    this.#nodes = nodes
    nodes.onChange(change => {
      this.#changed.ring('node changed')
      if (change.key === options.nodeName) this.#publication.ring('own node changed')
    })
  }

  /** Resolves when the nodes are known. */
  static async open(options: KubeLeaseOptions): Promise<KubeLeaseManager> {
    const nodes = startInformer({ client: options.client, resource: NODES, log: options.log, clock: options.clock, signal: options.signal })
    await nodes.synced
    return new KubeLeaseManager(options, nodes)
  }

  get trouble(): string | undefined {
    return this.#trouble
  }

  get #ownNode(): Stored<Node> | undefined {
    return this.#nodes.cache.get(this.#options.nodeName)
  }

  async hints(): Promise<HostHints> {
    const { names, nodeName, client } = this.#options
    const annotations = this.#ownNode?.metadata.annotations ?? {}
    const others = [...this.#nodes.cache.values()].filter(node => node.metadata.name !== nodeName)
    const addressesOf = (node: Stored<Node>): readonly Address[] => [
      ...familiesOf(names.publicIp).map(family => node.metadata.annotations?.[names.publicIp[family]]),
      ...(node.status?.addresses ?? []).filter(({ type }) => type === 'InternalIP').map(({ address }) => address),
    ].flatMap(text => tryParseAddress(text ?? '') ?? [])
    return {
      former: this.#formerAttributes(),
      publicIps: perFamily(family => tryParseAddress(annotations[names.nodePublicIp[family]] ?? '')),
      landmarks: [...[tryParseAddress(client.config.server.hostname.replace(/^\[|\]$/g, ''))].flatMap(address => address ?? []), ...others.flatMap(addressesOf)],
    }
  }

  /** Unreadable remains of a former run are as good as none. */
  #formerAttributes(): LeaseAttributes | undefined {
    try {
      return this.#ownNode === undefined ? undefined : leaseOfNode(this.#ownNode, this.#options.names)?.attributes
    } catch {
      return undefined
    }
  }

  async acquire(attributes: LeaseAttributes, { onWait, signal }: { onWait: (reason: string) => void; signal: AbortSignal }): Promise<Lease> {
    const { clock, networks, nodeName } = this.#options
    let lastToldMs = -Infinity
    for (;;) {
      const node = this.#ownNode
      const subnets = node === undefined ? {} : podSubnets(node)
      const missing = familiesOf(networks).filter(family => subnets[family] === undefined)
      if (node !== undefined && missing.length === 0) {
        const own = perFamily(family => (networks[family] === undefined ? undefined : subnets[family]))
        this.#refuseOutside(own)
        const lease = { owner: nodeName, subnets: own, attributes, age: Date.parse(node.metadata.creationTimestamp) || 0 }
        refuseDuplicate(lease, [...this.#read(EMPTY_TABLE).leases.values()])
        this.publish(attributes)
        return lease
      }
      if (clock.monotonicMs() - lastToldMs >= WAIT_LOG_MS) {
        lastToldMs = clock.monotonicMs()
        onWait(node === undefined ? `node ${nodeName} does not exist yet` : `node ${nodeName} has no IPv${missing.join(' and IPv')} pod CIDR yet; kube-controller-manager assigns it with --allocate-node-cidrs`)
      }
      this.#changed.take()
      await this.#changed.wait({ timeoutMs: WAIT_LOG_MS, clock, signal })
    }
  }

  #refuseOutside(subnets: PerFamily<Prefix>): void {
    const { networks, nodeName } = this.#options
    for (const [family, subnet] of entriesOf(subnets)) {
      if (!containsPrefix(networks[family]!, subnet)) {
        throw new NodeLeaseError(nodeName, 'spec.podCIDRs', formatPrefix(subnet), `is outside the network ${formatPrefix(networks[family]!)} of net-conf.json; make both agree`)
      }
    }
  }

  publish(attributes: LeaseAttributes): void {
    this.#wanted = attributes
    this.#publication.ring('attributes changed')
  }

  announceReady(): void {
    if (this.#ready) return
    this.#ready = true
    this.#publication.ring('network ready')
  }

  async watch(listener: (snapshot: LeaseSnapshot) => void, { signal }: { signal: AbortSignal }): Promise<void> {
    const { clock, random, log } = this.#options
    const retryMs = (failures: number): number => backoffMs(RECONNECT_BACKOFF, failures, random())
    let table: LeaseTable | undefined
    const watching = reconcileLoop({
      doorbell: this.#changed,
      pass: async () => {
        const next = await this.#confirmed(table ?? EMPTY_TABLE, signal)
        // Every node reports its health several times a minute, which changes no lease.
        if (table !== undefined && sameTable(table, next)) return
        table = next
        listener(this.#snapshot(table))
      },
      onFailure: (err, failures) => log.warn({ err, failures }, 'cannot read the leases'),
      resyncIntervalMs: RESYNC_MS, retryMs, clock, signal,
    })
    const publishing = reconcileLoop({
      doorbell: this.#publication,
      pass: async () => {
        await this.#publishOnce(signal)
        this.#trouble = undefined
      },
      onFailure: (err, failures) => {
        this.#trouble = (err as Error).message
        log.warn({ err, failures, node: this.#options.nodeName }, 'cannot publish this host')
      },
      resyncIntervalMs: RESYNC_MS, retryMs, clock, signal,
    })
    await Promise.all([watching, publishing])
  }

  #read(previous: LeaseTable): LeaseTable {
    const { names } = this.#options
    return readLeases(previous, [...this.#nodes.cache.values()].map(node => ({
      owner: node.metadata.name,
      read: () => {
        if (!this.#leases.has(node)) this.#leases.set(node, leaseOfNode(node, names))
        return this.#leases.get(node)
      },
    })))
  }

  /** A snapshot that drops most peers counts only if it still does so a little later. */
  async #confirmed(previous: LeaseTable, signal: AbortSignal): Promise<LeaseTable> {
    const table = this.#read(previous)
    if (!isMassRemoval(previous, table)) return table
    this.#options.log.warn({ peers: previous.leases.size, left: table.leases.size }, 'most peers vanished at once; waiting for a second look')
    await this.#options.clock.sleep(CONFIRM_MASS_REMOVAL_MS, { signal })
    return this.#read(previous)
  }

  #snapshot(table: LeaseTable): LeaseSnapshot {
    return { own: table.leases.get(this.#options.nodeName), leases: [...table.leases.values()], problems: table.problems }
  }

  /** Writes only what differs, so that a settled cluster is silent and lost annotations come back. */
  async #publishOnce(signal: AbortSignal): Promise<void> {
    const { client, nodeName, names, networks, log } = this.#options
    const node = this.#ownNode
    if (this.#wanted === undefined || node === undefined) return
    const current = node.metadata.annotations ?? {}
    const changed = changedAnnotations(annotationsOf(this.#wanted, { names, families: familiesOf(networks), current }), current)
    const body = {
      ...(Object.keys(changed).length > 0 && { metadata: { annotations: changed } }),
      ...(this.#conditionMissing(node) && { status: { conditions: [this.#condition('False')] } }),
    }
    if (Object.keys(body).length === 0) return
    await client.patch(NODES, { name: nodeName }, { type: 'strategic', body }, { subresource: 'status', signal })
    log.info({ node: nodeName, annotations: Object.keys(changed) }, 'published this host')
  }

  #conditionMissing(node: Node): boolean {
    if (!this.#options.setCondition || !this.#ready) return false
    return node.status?.conditions?.find(({ type }) => type === 'NetworkUnavailable')?.status !== 'False'
  }

  #condition(status: 'True' | 'False') {
    const now = new Date(this.#options.clock.now()).toISOString().replace(/\.\d+Z$/, 'Z')
    const [reason, message] = status === 'False' ? ['FlannelIsUp', 'Flannel is running on this node'] : ['WeftNotReady', 'the pod network was removed from this node']
    return { type: 'NetworkUnavailable', status, reason, message, lastHeartbeatTime: now, lastTransitionTime: now }
  }

  async release({ signal }: { signal: AbortSignal }): Promise<void> {
    const { client, nodeName, names } = this.#options
    this.#wanted = undefined
    const node = this.#ownNode
    if (node === undefined) return
    const annotations = Object.fromEntries(publishedNames(names).filter(name => node.metadata.annotations?.[name] !== undefined).map(name => [name, null]))
    const body = { metadata: { annotations }, ...(this.#options.setCondition && { status: { conditions: [this.#condition('True')] } }) }
    await client.patch(NODES, { name: nodeName }, { type: 'strategic', body }, { subresource: 'status', signal })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#nodes.stopped
    await this.#options.client[Symbol.asyncDispose]()
  }
}
