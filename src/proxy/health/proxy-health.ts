// Is the proxy keeping up? A family that has had something to do for too long without getting it done is unhealthy.

import type { Node } from 'kubernetes-types/core/v1.d.ts'
import type { Family } from '../../net/ip/address.ts'
import type { Clock } from '../../ops/clock.ts'

export type HealthAnswer = Readonly<{ status: 200 | 503; body: string }>

/** Set by the cluster autoscaler before it deletes a machine (KEP-3836): load balancers should let go of it. */
const DELETION_TAINT = 'ToBeDeletedByClusterAutoscaler'

type FamilyState = { syncedAtMs: number | undefined; oldestQueuedMs: number | undefined }

export class ProxyHealth {
  readonly #clock: Clock
  readonly #timeoutMs: number
  readonly #families: ReadonlyMap<Family, FamilyState>
  #nodeEligible = true

  /** `timeoutMs`: how long a change may stay undone (kube-proxy: twice the sync period). */
  constructor(options: Readonly<{ families: readonly Family[]; timeoutMs: number; clock: Clock }>) {
    this.#clock = options.clock
    this.#timeoutMs = options.timeoutMs
    this.#families = new Map(options.families.map(family => [family, { syncedAtMs: undefined, oldestQueuedMs: undefined }]))
  }

  /** Something is to be done. Later calls do not shorten the wait of the first. */
  queued(family: Family): void {
    const state = this.#families.get(family)
    if (state !== undefined) state.oldestQueuedMs ??= this.#clock.now()
  }

  /** All that was queued before `startedAtMs` is done; `stillQueued` says whether more came since. */
  synced(family: Family, options: Readonly<{ startedAtMs: number; stillQueued: boolean }>): void {
    const state = this.#families.get(family)
    if (state === undefined) return
    state.syncedAtMs = this.#clock.now()
    state.oldestQueuedMs = options.stillQueued ? options.startedAtMs : undefined
  }

  /** Undefined: the Node object does not exist (any more). */
  setNode(node: Node | undefined): void {
    this.#nodeEligible =
      node !== undefined &&
      node.metadata?.deletionTimestamp === undefined &&
      !(node.spec?.taints ?? []).some(taint => taint.key === DELETION_TAINT)
  }

  get healthy(): boolean {
    return [...this.#families.values()].every(state => this.#isHealthy(state))
  }

  #isHealthy(state: FamilyState): boolean {
    return state.oldestQueuedMs === undefined || this.#clock.now() - state.oldestQueuedMs < this.#timeoutMs
  }

  /** The answer of /healthz: also says whether load balancers should use this node. */
  healthz(): HealthAnswer {
    return this.#answer(this.healthy && this.#nodeEligible, { nodeEligible: this.#nodeEligible })
  }

  /** The answer of /livez: only the proxy itself counts. */
  livez(): HealthAnswer {
    return this.#answer(this.healthy, {})
  }

  #answer(ok: boolean, eligibility: object): HealthAnswer {
    const now = this.#clock.now()
    const newest = Math.max(0, ...[...this.#families.values()].map(state => state.syncedAtMs ?? 0))
    const status = Object.fromEntries(
      [...this.#families].map(([family, state]) => [`IPv${family}`, { lastUpdated: time(state.syncedAtMs ?? 0), healthy: this.#isHealthy(state) }]),
    )
    const body = { lastUpdated: time(ok ? now : newest), currentTime: time(now), ...eligibility, healthy: this.healthy, status }
    return { status: ok ? 200 : 503, body: JSON.stringify(body) }
  }
}

/** Go's zero time stands for "never". */
const time = (ms: number): string => (ms === 0 ? '0001-01-01T00:00:00Z' : new Date(ms).toISOString().replace('Z', '000000Z'))
