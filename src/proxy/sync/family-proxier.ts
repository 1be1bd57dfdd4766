// The engine of one address family: events go into the tracker, syncs bring the kernel in line, and what hangs on a
// sync (conntrack, health checks, metrics) follows it.

import type { Clock } from '../../ops/clock.ts'
import type { Logger } from '../../ops/log.ts'
import type { Family } from '../../net/ip/address.ts'
import { IptablesError } from '../../net/iptables/iptables-error.ts'
import type { StaleFlowCleaner } from '../conntrack/stale-flow-cleaner.ts'
import type { HealthCheckServers } from '../health/health-check-servers.ts'
import type { ProxyHealth } from '../health/proxy-health.ts'
import { releaseMemory } from '../release-memory.ts'
import type { NodeFacts, ServiceEntry } from '../service-table/entry.ts'
import { ServiceTable, type EntryChange } from '../service-table/service-table.ts'
import type { Problem } from '../tracker/read-service.ts'
import { Tracker, type TrackerOptions } from '../tracker/tracker.ts'
import type { Backend, SyncReport } from './backend.ts'
import { HealthChecks } from './health-checks.ts'
import { LocalPolicyCount } from './local-policy-count.ts'
import { familyLabel, type IptablesMetrics, type ProxyMetrics } from './proxy-metrics.ts'
import { runSyncs, SyncBell } from './sync-bell.ts'

export type FamilyProxierOptions = Readonly<{
  tracker: TrackerOptions
  node: NodeFacts
  backend: Backend
  cleaner: StaleFlowCleaner
  health: ProxyHealth
  /** Undefined: nobody asks health check node ports in this family. */
  healthChecks: HealthCheckServers | undefined
  metrics: ProxyMetrics
  iptablesMetrics: IptablesMetrics | undefined
  minSyncMs: number
  syncPeriodMs: number
  clock: Clock
  log: Logger
}>

/** kube-proxy's fullSyncPeriod. */
const IDLE_MS = 3_600_000
const FIRST_RETRY_MS = 1_000
/** A sync of this many changes leaves some ten megabytes of garbage behind. */
const MANY_CHANGES = 1_000
/** Until then, what ran in the sync still holds on to it. */
const SETTLED_MS = 2_000

type Apply = (tracker: Tracker) => void | readonly Problem[]

export class FamilyProxier {
  readonly family: Family
  readonly #options: FamilyProxierOptions
  readonly #log: Logger
  readonly #tracker: Tracker
  readonly #table: ServiceTable
  readonly #bell = new SyncBell()
  readonly #localPolicy = new LocalPolicyCount()
  readonly #checks = new HealthChecks()
  readonly #firstSync = Promise.withResolvers<void>()
  /** Changes of the table that were not given to the backend yet. */
  #unsynced: EntryChange[] = []
  /** UDP entries whose flows have to be looked at. */
  #flowsToCheck = new Map<string, ServiceEntry>()
  #needsFull = true
  #started = false
  #syncing = false
  #settled: (() => void)[] = []

  constructor(options: FamilyProxierOptions) {
    this.#options = options
    this.family = options.tracker.family
    this.#log = options.log.child({ component: 'proxy', family: this.family })
    this.#tracker = new Tracker(options.tracker)
    this.#table = new ServiceTable(options.node)
  }

  /** Resolves after the first successful sync. */
  get synced(): Promise<void> {
    return this.#firstSync.promise
  }

  /** Resolves when everything told so far is in force and followed up. */
  async settled(): Promise<void> {
    if (!this.#isIdle) await new Promise<void>(resolve => this.#settled.push(resolve))
  }

  get #isIdle(): boolean {
    return !this.#syncing && !this.#bell.isRung && !this.#tracker.hasChanges && this.#unsynced.length === 0 && !this.#needsFull
  }

  get table(): ServiceTable {
    return this.#table
  }

  /** What this family needs of an object. */
  read<R>(read: (tracker: Tracker) => R): R {
    return read(this.#tracker)
  }

  /** Tells the tracker of an object and asks for a sync if that changed anything. */
  tell(apply: Apply): void {
    const before = this.#tracker.pending
    for (const problem of apply(this.#tracker) ?? []) this.#log.warn(problem, 'part of an object is ignored')
    const { serviceEvents, endpointEvents } = this.#tracker.pending
    const { metrics } = this.#options
    metrics.serviceChangesTotal.inc(serviceEvents - before.serviceEvents)
    metrics.endpointChangesTotal.inc(endpointEvents - before.endpointEvents)
    metrics.serviceChangesPending.set(serviceEvents)
    metrics.endpointChangesPending.set(endpointEvents)
    if (this.#started && this.#tracker.hasChanges) this.#ring('objects changed')
  }

  /** Takes other facts about this node into force. */
  setNode(node: NodeFacts): void {
    this.#absorb(this.#table.setNode(node))
    if (this.#started && this.#unsynced.length > 0) this.#ring('node changed')
  }

  /** Asks for a sync that looks at what does not come from objects (addresses of this host). */
  refresh(reason: string): void {
    if (this.#started) this.#ring(reason)
  }

  #ring(reason: string, options?: Readonly<{ urgent: boolean }>): void {
    const { health, metrics, clock } = this.#options
    health.queued(this.family)
    metrics.lastQueuedTimestamp.set(familyLabel(this.family), clock.now() / 1000)
    this.#bell.ring(reason, options)
  }

  /** Syncs until `signal` aborts. Start it when all objects that exist were told. */
  async run({ signal }: Readonly<{ signal: AbortSignal }>): Promise<void> {
    const { backend, clock, minSyncMs, syncPeriodMs } = this.#options
    this.#started = true
    backend.watch(program => {
      this.#needsFull = true
      this.#log.debug({ program }, 'rules may have been changed by somebody else')
      this.#ring('rules changed', { urgent: true })
    }, { signal })
    this.#ring('start')
    await runSyncs({
      bell: this.#bell,
      sync: async reasons => {
        this.#syncing = true
        try {
          await this.#sync(reasons, { signal })
        } finally {
          this.#syncing = false
        }
        if (this.#isIdle) for (const resolve of this.#settled.splice(0)) resolve()
      },
      onFailure: (err, failures) => this.#log.error({ err, failures }, 'sync failed'),
      minIntervalMs: minSyncMs,
      idleMs: IDLE_MS,
      retryMs: failures => Math.min(syncPeriodMs, FIRST_RETRY_MS * 2 ** Math.min(failures - 1, 10)),
      clock,
      signal,
    })
  }

  async #sync(reasons: readonly string[], call: Readonly<{ signal: AbortSignal }>): Promise<void> {
    const { backend, metrics, clock, health } = this.#options
    const startedAtMs = clock.now()
    const started = clock.monotonicMs()
    const { ports, triggerTimesMs } = this.#tracker.takeChanges()
    metrics.serviceChangesPending.set(0)
    metrics.endpointChangesPending.set(0)
    this.#absorb(this.#table.apply(ports))
    this.#reportConflicts(ports.map(change => change.key))
    const changes = this.#unsynced
    const full = this.#needsFull || reasons.includes('idle')
    this.#unsynced = []
    this.#needsFull = false
    try {
      const report = await backend.sync({ table: this.#table, changes, full }, call)
      this.#report(report, reasons, changes.length, clock.monotonicMs() - started)
    } catch (error) {
      this.#needsFull = true
      if (error instanceof IptablesError) this.#options.iptablesMetrics?.restoreFailures.inc(familyLabel(this.family))
      throw error
    }
    health.synced(this.family, { startedAtMs, stillQueued: this.#tracker.hasChanges || this.#needsFull })
    for (const time of triggerTimesMs) metrics.programmingSeconds.observe(familyLabel(this.family), Math.max(0, clock.now() - time) / 1000)
    this.#firstSync.resolve()
    await this.#followUp(call)
    if (changes.length >= MANY_CHANGES) clock.sleep(SETTLED_MS, call).then(releaseMemory, () => undefined)
  }

  /** Remembers what changed until the backend and those who follow it have dealt with it. */
  #absorb(changes: readonly EntryChange[]): void {
    this.#unsynced.push(...changes)
    this.#localPolicy.apply(changes)
    this.#checks.apply(changes)
    for (const { key, after } of changes) {
      if (after?.port.protocol === 'UDP') this.#flowsToCheck.set(key, after)
      else this.#flowsToCheck.delete(key)
    }
  }

  async #followUp(call: Readonly<{ signal: AbortSignal }>): Promise<void> {
    const { healthChecks, cleaner, metrics } = this.#options
    const flows = this.#flowsToCheck
    this.#flowsToCheck = new Map()
    try {
      const cleaned = await cleaner.clean(flows.values(), call)
      if (cleaned === undefined) return
      metrics.conntrackSeconds.observe(familyLabel(this.family), cleaned.durationMs / 1000)
      metrics.conntrackDeleted.inc(familyLabel(this.family), cleaned.deleted)
    } catch (err) {
      if (call.signal.aborted) throw err
      // Rules are in force; flows that could not be looked at are looked at again with the next change.
      for (const [key, entry] of flows) if (!this.#flowsToCheck.has(key)) this.#flowsToCheck.set(key, entry)
      this.#log.warn({ err }, 'stale flows could not be cut')
    } finally {
      if (healthChecks !== undefined) await healthChecks.update(this.#checks.list())
    }
  }

  #reportConflicts(keys: readonly Parameters<ServiceTable['conflictsOf']>[0][]): void {
    for (const key of keys) {
      for (const { frontend, holder, claimant } of this.#table.conflictsOf(key)) {
        this.#log.warn({ service: claimant, holder, kind: frontend.kind, port: frontend.port }, 'an address is claimed by two services, the older one keeps it')
      }
    }
  }

  #report(report: SyncReport, reasons: readonly string[], changes: number, durationMs: number): void {
    const { metrics, iptablesMetrics, backend, clock } = this.#options
    const label = familyLabel(this.family)
    metrics.syncSeconds.observe(label, durationMs / 1000)
    ;(report.kind === 'full' ? metrics.fullSyncSeconds : metrics.partialSyncSeconds).observe(label, durationMs / 1000)
    metrics.lastSyncTimestamp.set(label, clock.now() / 1000)
    metrics.noLocalEndpoints.set({ ...label, traffic_policy: 'internal' }, this.#localPolicy.internal)
    metrics.noLocalEndpoints.set({ ...label, traffic_policy: 'external' }, this.#localPolicy.external)
    if (iptablesMetrics !== undefined) {
      for (const [table, rules] of Object.entries(backend.counts())) iptablesMetrics.rules.set({ ...label, table }, rules)
      for (const [table, rules] of Object.entries(report.written)) iptablesMetrics.lastWritten.set({ ...label, table }, rules)
      if (report.fellBack) {
        iptablesMetrics.restoreFailures.inc(label)
        iptablesMetrics.partialRestoreFailures.inc(label)
      }
    }
    const fields = { reason: reasons.join(', '), changes, written: report.written, durationMs: Math.round(durationMs) }
    if (reasons.includes('rules changed') && report.repaired.length > 0) {
      this.#log.warn({ ...fields, repaired: report.repaired.length, chains: report.repaired.slice(0, 10) }, 'rules changed by somebody else were repaired')
    } else {
      this.#log.debug(fields, 'synced')
    }
  }
}
