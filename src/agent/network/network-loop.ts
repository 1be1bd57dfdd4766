// The reconciler: each pass looks at the whole host, works out what it should be from the lease set, and takes
// the steps between. Notifications from the kernel and changes of the lease set only ring its bell.

import type { Prefix } from '../../net/ip/prefix.ts'
import { backoffMs, type Backoff } from '../../ops/backoff.ts'
import type { Clock } from '../../ops/clock.ts'
import type { Logger } from '../../ops/log.ts'
import { isAbort } from '../../ops/errors.ts'
import { Doorbell, reconcileLoop } from '../../ops/wake.ts'
import type { BackendPlan, PeerProblem } from '../backends/backend.ts'
import type { Carrier } from '../backends/carrier.ts'
import { ownLinkNames, planBackend } from '../backends/index.ts'
import { networksOf, type NetworkConfig } from '../config/network-config.ts'
import { afterSteps } from '../dataplane/after-steps.ts'
import { applySteps, type FailedStep } from '../dataplane/apply.ts'
import type { DesiredState } from '../dataplane/desired.ts'
import { establishedBy, repairsAmong, type Established } from '../dataplane/established.ts'
import type { KernelDataplane } from '../dataplane/kernel.ts'
import type { ObservedState } from '../dataplane/observed.ts'
import { planBlackholes } from '../dataplane/blackhole-plan.ts'
import { establishedAfter, planPeerChange } from '../dataplane/peer-change-plan.ts'
import { planDataplane } from '../dataplane/plan.ts'
import { objectKind, type Step } from '../dataplane/step.ts'
import { formatSubnets, sameAttributes, sameSubnets, type Lease, type LeaseAttributes } from '../leases/lease.ts'
import type { LeaseSnapshot } from '../leases/lease-manager.ts'
import { entriesOf, type PerFamily } from '../leases/per-family.ts'
import { settleLeases, type Conflict } from '../leases/settle.ts'
import type { DataplaneOptions } from '../options.ts'
import { findOverlaps, type Overlap } from '../underlay/check-overlap.ts'
import { followInterface } from '../underlay/follow-interface.ts'
import { inventoryOf, strangersOf } from '../underlay/inventory.ts'
import type { Inventory } from '../underlay/choose-interface.ts'
import type { Underlay } from '../underlay/underlay.ts'
import { attributesFor, type HostNetwork } from './bring-up.ts'
import { hostSysctls } from './host-sysctls.ts'
import type { WatchScope } from './kernel-watch.ts'
import type { AgentMetrics } from '../health/agent-metrics.ts'

export type NetworkLoopParts = Readonly<{
  config: NetworkConfig
  options: DataplaneOptions
  host: HostNetwork
  kernel: KernelDataplane
  /** Undefined for backends that are kernel state alone. */
  carrier: Carrier | undefined
  metrics: AgentMetrics
  log: Logger
  clock: Clock
  random: () => number
  /** Told whenever what peers should know about this host has changed. */
  publish: (attributes: LeaseAttributes) => void
  /** The size beyond which packets to a peer are known to vanish. */
  narrowedTo: (owner: string) => number | undefined
  /** Told after every pass. */
  onPass: () => void
}>

/** What a pass found, for health and status. */
export type NetworkState = Readonly<{
  underlay: Underlay
  own: Lease
  /** The own lease as the store has it; undefined when the store has lost it. */
  storedOwn: Lease | undefined
  /** False until the first snapshot and the first pass after it. */
  complete: boolean
  /** Why there is no usable interface now. */
  interfaceTrouble: string | undefined
  /** Peers that the backend cannot serve. */
  problems: readonly PeerProblem[]
  peers: readonly Lease[]
  conflicts: readonly Conflict[]
  overlaps: readonly Overlap[]
  failed: readonly FailedStep[]
  /** Why the backend's carrier does not carry. */
  carrierTrouble: string | undefined
  lastPassMs: number
}>

/** The slow timer: a change that no notification told of is found within this time. */
const RESYNC_MS = 10_000
const RETRY: Backoff = { initialMs: 250, maxMs: 10_000, factor: 2, jitter: 0.2 }
const NOTHING: Established = new Map()
const LEASES_CHANGED = 'leases changed'

/** The host was as desired after the last pass, and nobody is known to have changed it: then only what peers need can differ. */
type Calm = Readonly<{ peers: readonly Lease[]; own: PerFamily<Prefix>; strangers: Inventory; known: ObservedState | undefined }>

/** Repairs named one by one in the log; more are only counted. */
const REPAIRS_TOLD = 10

export class NetworkLoop {
  readonly doorbell = new Doorbell()
  readonly #parts: NetworkLoopParts
  readonly #territory: readonly Prefix[]
  #config: NetworkConfig
  #state: NetworkState
  /** The latest word of the store, and the one that the running pass works with. */
  #latest: LeaseSnapshot | undefined
  #snapshot: LeaseSnapshot | undefined
  #desired: DesiredState | undefined
  #established: Established | undefined
  #calm: Calm | undefined
  #txChecksum: 'on' | 'off' | undefined
  #published: LeaseAttributes
  #failuresInRow = 0
  #toldProblems = ''

  constructor(parts: NetworkLoopParts) {
    this.#parts = parts
    this.#config = parts.config
    this.#territory = entriesOf(networksOf(parts.config)).map(([, network]) => network)
    this.#published = parts.host.own.attributes
    this.#state = {
      underlay: parts.host.underlay, own: parts.host.own, storedOwn: parts.host.own, complete: false, interfaceTrouble: undefined,
      problems: [], peers: [], conflicts: [], overlaps: [], failed: [], carrierTrouble: undefined, lastPassMs: -Infinity,
    }
  }

  get #linkNames(): readonly string[] {
    const carried = this.#parts.carrier?.linkName
    return [...ownLinkNames(this.#config.backend), ...(carried === undefined ? [] : [carried])]
  }

  get state(): NetworkState {
    return this.#state
  }

  /** What the last look at the whole wanted the kernel to hold; undefined before the first. */
  get desired(): DesiredState | undefined {
    return this.#desired
  }

  /** What the kernel's notifications must concern to need a pass. */
  get watchScope(): WatchScope {
    return {
      ownLinks: this.#linkNames, underlay: this.#state.underlay.link, territory: this.#territory,
      established: this.#established ?? NOTHING, nameOf: index => this.#parts.kernel.nameOf(index),
    }
  }

  /** Takes over a configuration that differs from the running one only in what can change under running pods. */
  setConfig(config: NetworkConfig): void {
    this.#config = config
    this.doorbell.ring('configuration changed')
  }

  /** Sets the tunnel device's checksum offload, in place of what "auto" makes of it. */
  overrideTxChecksum(value: 'on' | 'off'): void {
    this.#txChecksum = value
    this.doorbell.ring('checksum offload')
  }

  /** Takes the whole lease set as it is now. */
  setLeases(snapshot: LeaseSnapshot): void {
    this.#latest = snapshot
    this.doorbell.ring(LEASES_CHANGED)
  }

  async run({ signal }: { signal: AbortSignal }): Promise<void> {
    const { clock, log, random } = this.#parts
    await reconcileLoop({
      doorbell: this.doorbell,
      pass: reasons => this.#pass(reasons, signal),
      onFailure: (err, failures) => log.error({ err, failures }, 'cannot read or repair the pod network'),
      resyncIntervalMs: RESYNC_MS,
      retryMs: failures => backoffMs(RETRY, failures, random()),
      clock, signal,
    })
  }

  async #pass(reasons: readonly string[], signal: AbortSignal): Promise<void> {
    const { clock, metrics, log } = this.#parts
    const startMs = clock.monotonicMs()
    this.#snapshot = this.#latest
    const calm = reasons.every(reason => reason === LEASES_CHANGED) ? this.#calm : undefined
    this.#calm = undefined
    this.#adoptOwnLease()
    const steps = (calm === undefined ? undefined : await this.#passPeers(calm, signal)) ?? (await this.#passWhole(calm?.known, signal))
    if (steps !== undefined) {
      const { failed, carrierTrouble } = this.#state
      this.#retryLater(failed.length + (carrierTrouble === undefined ? 0 : 1), signal)
      const took = clock.monotonicMs() - startMs
      metrics.passSeconds.observe(took / 1000)
      log.debug({ reasons, steps, durationMs: Math.round(took) }, 'pass')
    }
    this.#state = { ...this.#state, lastPassMs: clock.monotonicMs() }
    metrics.peers.set(this.#state.peers.length)
    this.#parts.onPass()
  }

  /** Looks at the whole host and takes the steps to what it should be. Answers their number, or undefined without an interface. */
  async #passWhole(known: ObservedState | undefined, signal: AbortSignal): Promise<number | undefined> {
    const { kernel } = this.#parts
    let observed = known ?? (await kernel.observe({ ownLinkNames: this.#linkNames }, { signal }))
    if (!this.#followUnderlay(observed)) return undefined
    const strangers = strangersOf(observed, this.#linkNames)
    this.#settle(strangers)
    if (await this.#carry(signal)) observed = await kernel.observe({ ownLinkNames: this.#linkNames }, { signal })
    const desired = this.#desire(observed)
    this.#desired = desired
    const steps = planDataplane(desired, { ...observed, sysctls: kernel.readSysctls(desired.sysctls) })
    const [before, now] = [this.#established, establishedBy(desired)]
    await this.#apply(steps, { established: now, repairs: repairsAmong(steps, before, now) }, signal)
    this.#restWhenDone(strangers, this.#config.backend.kind === 'wireguard' ? afterSteps(observed, steps) : undefined)
    return steps.length
  }

  /** The same for a change of the leases alone, at a cost of what changed. Undefined when only the whole can tell. */
  async #passPeers(calm: Calm, signal: AbortSignal): Promise<number | undefined> {
    const { own } = this.#state
    // A prefix that goes from one WireGuard peer to another concerns both: those are compared as a whole.
    if (this.#config.backend.kind === 'wireguard' || !sameSubnets(own.subnets, calm.own)) return undefined
    this.#settle(calm.strangers)
    if (await this.#carry(signal)) return undefined
    const { peers } = this.#state
    const [former, current] = [new Set(calm.peers), new Set(peers)]
    const [gone, come] = [calm.peers.filter(peer => !current.has(peer)), peers.filter(peer => !former.has(peer))]
    const now = this.#plan(come)
    const change = { before: this.#plan(gone), now, ifindexOf: (link: string) => this.#parts.kernel.indexOf(link) }
    const steps = planPeerChange(change)
    if (steps === undefined) return undefined
    const touched = new Set([...gone, ...come].map(({ owner }) => owner))
    this.#state = { ...this.#state, problems: [...this.#state.problems.filter(({ owner }) => !touched.has(owner)), ...now.problems] }
    this.#tellProblems()
    await this.#apply(steps, { established: establishedAfter(this.#established!, change), repairs: [] }, signal)
    this.#restWhenDone(calm.strangers, undefined)
    return steps.length
  }

  async #apply(steps: readonly Step[], { established, repairs }: Readonly<{ established: Established; repairs: readonly Step[] }>, signal: AbortSignal): Promise<void> {
    // From here on the kernel's notifications of these changes are our own.
    this.#established = established
    const failed = await applySteps(this.#parts.kernel, steps, { signal })
    this.#report(steps, failed, repairs)
    this.#state = { ...this.#state, failed, complete: this.#snapshot !== undefined }
  }

  #restWhenDone(strangers: Inventory, known: ObservedState | undefined): void {
    const { failed, complete, peers, own } = this.#state
    this.#calm = failed.length === 0 && complete ? { peers, own: own.subnets, strangers, known } : undefined
  }

  /** A host whose subnet was changed in the store follows it: the peers do, so the old one is dead either way. */
  #adoptOwnLease(): void {
    if (this.#snapshot === undefined) return
    const stored = this.#snapshot.own
    if (stored !== undefined && !sameSubnets(stored.subnets, this.#state.own.subnets)) {
      const subnets = perConfigured(stored.subnets, networksOf(this.#config))
      if (subnets !== undefined && !sameSubnets(subnets, this.#state.own.subnets)) {
        this.#parts.log.error({ subnet: formatSubnets(subnets), former: formatSubnets(this.#state.own.subnets) }, 'the pod subnet of this host was changed in the store; pods with former addresses are cut off')
        this.#state = { ...this.#state, own: { ...this.#state.own, subnets } }
      }
    }
    this.#state = { ...this.#state, storedOwn: stored }
  }

  /** Answers whether there is an interface to work with. */
  #followUnderlay(observed: ObservedState): boolean {
    const { log, host } = this.#parts
    const inventory = inventoryOf(observed, { linkNames: this.#linkNames, territory: this.#territory })
    const followed = followInterface(inventory, this.#state.underlay, host.publicIps)
    if ('trouble' in followed) {
      if (this.#state.interfaceTrouble !== followed.trouble) log.error({ reason: followed.trouble }, 'the interface between hosts cannot be used')
      this.#state = { ...this.#state, interfaceTrouble: followed.trouble }
      return false
    }
    if (this.#state.interfaceTrouble !== undefined) log.info({ link: followed.underlay.link }, 'the interface between hosts is back')
    if (followed.changes.length > 0) log.warn({ link: followed.underlay.link, changes: followed.changes }, 'the interface between hosts changed')
    this.#state = { ...this.#state, underlay: followed.underlay, interfaceTrouble: undefined }
    const attributes = attributesFor({ config: this.#config, mtuCompat: this.#parts.options.mtuCompat }, { underlay: followed.underlay, identity: host.identity })
    if (!sameAttributes(attributes, this.#published)) {
      this.#published = attributes
      this.#parts.publish(attributes)
    }
    return true
  }

  #settle(strangers: Inventory): void {
    const { own, underlay } = this.#state
    const networks = networksOf(this.#config)
    const { peers, conflicts } = settleLeases({ leases: this.#snapshot?.leases ?? [], own: { ...own, attributes: this.#published }, networks })
    const overlaps = findOverlaps({ networks, subnets: own.subnets, underlay, peers, inventory: strangers })
    this.#state = { ...this.#state, peers, conflicts, overlaps }
  }

  /** Answers whether the carrier made a link that was not there when the kernel was looked at. */
  async #carry(signal: AbortSignal): Promise<boolean> {
    const { carrier, log } = this.#parts
    if (carrier === undefined || this.#snapshot === undefined) return false
    const before = carrier.linkName
    try {
      await carrier.ensure(this.#state.underlay, this.#state.peers, { signal })
      this.#state = { ...this.#state, carrierTrouble: undefined }
    } catch (err) {
      if (isAbort(err, signal)) throw err
      const trouble = (err as Error).message
      if (this.#state.carrierTrouble !== trouble) log.error({ err }, 'the backend cannot carry packets')
      this.#state = { ...this.#state, carrierTrouble: trouble }
    }
    return carrier.linkName !== before
  }

  #plan(peers: readonly Lease[]): BackendPlan {
    const { host, carrier, narrowedTo } = this.#parts
    const config = this.#config
    const { own, underlay } = this.#state
    const backend = config.backend.kind === 'vxlan' && this.#txChecksum !== undefined ? { ...config.backend, txChecksumOffload: this.#txChecksum } : config.backend
    return planBackend(backend, { networks: networksOf(config), subnets: own.subnets, peers: peers.map(peer => narrowed(peer, narrowedTo(peer.owner))), underlay, identity: host.identity, carrierLink: carrier?.linkName })
  }

  #desire(observed: ObservedState): DesiredState {
    const { options } = this.#parts
    const config = this.#config
    const { own, underlay, peers } = this.#state
    const plan = this.#plan(peers)
    this.#state = { ...this.#state, problems: plan.problems }
    this.#tellProblems()
    return {
      ...plan,
      routes: [...plan.routes, ...(options.blackholeRoute ? planBlackholes(own.subnets, observed) : [])],
      sysctls: [...(options.sysctls ? hostSysctls(config) : []), ...plan.sysctls],
      ownLinkNames: this.#linkNames,
      territory: this.#territory,
      underlay: underlay.link,
      complete: this.#snapshot !== undefined,
    }
  }

  /** Each set of problems is told once, when it comes up or changes. */
  #tellProblems(): void {
    const { conflicts, problems: unserved, overlaps } = this.#state
    const problems = [
      ...conflicts.map(({ message }) => message),
      ...overlaps.map(({ message }) => message),
      ...unserved.map(({ owner, message }) => `${owner}: ${message}`),
      ...(this.#snapshot?.problems ?? []).map(({ owner, message }) => `${owner}: ${message}`),
    ]
    this.#parts.metrics.problems.set(problems.length)
    const text = problems.toSorted().join('\n')
    if (text === this.#toldProblems) return
    this.#toldProblems = text
    if (problems.length > 0) this.#parts.log.warn({ problems: problems.slice(0, REPAIRS_TOLD), count: problems.length }, 'some leases cannot be served')
    else this.#parts.log.info('all leases can be served')
  }

  #report(steps: readonly Step[], failed: readonly FailedStep[], undoing: readonly Step[]): void {
    const { log, metrics } = this.#parts
    const lost = new Set(failed.map(({ step }) => step))
    const repairs = undoing.filter(step => !lost.has(step))
    for (const step of repairs) metrics.repairs.inc({ object: objectKind(step) })
    for (const step of repairs.slice(0, REPAIRS_TOLD)) log.warn({ object: step.key, reason: step.reason, step: step.action.op }, 'repaired')
    if (repairs.length > REPAIRS_TOLD) log.warn({ count: repairs.length }, 'repaired more')
    const changes = steps.length - repairs.length - failed.length
    if (changes > 0) log.info({ steps: changes, peers: this.#state.peers.length }, 'changed the pod network')
    for (const { step, error } of failed.slice(0, REPAIRS_TOLD)) log.error({ object: step.key, peer: step.peer, err: error }, 'a step failed and will be tried again')
    metrics.failures.inc(failed.length)
    if (failed.length === 0) return
    const failedKeys = new Set(failed.map(({ step }) => step.key))
    this.#established = new Map([...this.#established!].filter(([key]) => !failedKeys.has(key)))
  }

  /** Others are served meanwhile; the failed steps get a pass of their own, later and later. */
  #retryLater(failed: number, signal: AbortSignal): void {
    this.#failuresInRow = failed === 0 ? 0 : this.#failuresInRow + 1
    if (failed === 0) return
    const { clock, random } = this.#parts
    clock.sleep(backoffMs(RETRY, this.#failuresInRow, random()), { signal }).then(() => this.doorbell.ring('failed steps'), () => {})
  }
}

/** A peer behind a path that carries less than its pods: senders are told by the route, where the network between keeps silent. */
const narrowed = (peer: Lease, bytes: number | undefined): Lease =>
  bytes === undefined || (peer.attributes.podMtu ?? Infinity) <= bytes ? peer : { ...peer, attributes: { ...peer.attributes, podMtu: bytes } }

/** The stored subnets of the families in use, or undefined when one is missing. */
function perConfigured(stored: PerFamily<Prefix>, networks: PerFamily<Prefix>): PerFamily<Prefix> | undefined {
  const wanted = entriesOf(networks).map(([family]) => family)
  if (wanted.some(family => stored[family] === undefined)) return undefined
  return Object.fromEntries(wanted.map(family => [family, stored[family]]))
}
