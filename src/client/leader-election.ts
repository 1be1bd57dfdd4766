// One active instance by a Lease (coordination.k8s.io/v1), as client-go's leaderelection does it, so that
// Weft's controllers and upstream's can stand by for each other.

import type { Lease } from 'kubernetes-types/coordination/v1.js'
import type { Clock } from '../ops/clock.ts'
import type { Logger } from '../ops/log.ts'
import type { ApiClient } from './api-client.ts'
import { isAlreadyExists, isConflict, isNotFound } from './errors.ts'
import type { ObjectRef, Stored } from './objects.ts'
import { LEASES } from './resources.ts'

export type LeaderElectionOptions = Readonly<{
  client: ApiClient
  lease: ObjectRef
  /** Unique per process: host name and a random part. */
  identity: string
  /** Others may take over this long after the last renewal they saw. */
  leaseDurationMs: number
  /** The leader steps down when it could not renew for this long; less than the lease's duration. */
  renewDeadlineMs: number
  retryPeriodMs: number
  log: Logger
  clock: Clock
  random: () => number
  signal: AbortSignal
}>

/** kube-controller-manager's defaults. */
export const DEFAULT_ELECTION = { leaseDurationMs: 15_000, renewDeadlineMs: 10_000, retryPeriodMs: 2_000 } as const

/**
 * Waits for the lease, then runs `lead` until the signal aborts or the lease is lost; `lead`'s own signal aborts in
 * both cases. Gives the lease back on an orderly end, so that the next one need not wait. Resolves to whether it was lost.
 */
export async function runWhileLeading(options: LeaderElectionOptions, lead: (signal: AbortSignal) => Promise<void>): Promise<'ended' | 'lost'> {
  const candidate = new Candidate(options)
  if (!(await candidate.acquire())) return 'ended'
  const term = new AbortController()
  const endTerm = (): void => term.abort(options.signal.reason)
  options.signal.addEventListener('abort', endTerm, { once: true })
  try {
    const leading = lead(term.signal)
    const renewing = candidate.renewUntilLost(term.signal).then(lost => {
      if (lost) term.abort(new DOMException('the leader lease was lost', 'AbortError'))
      return lost
    })
    try {
      await leading
    } catch (error) {
      if (!term.signal.aborted) throw error
    } finally {
      term.abort(new DOMException('leading has ended', 'AbortError'))
    }
    if (await renewing) return 'lost'
    await candidate.release()
    return 'ended'
  } finally {
    options.signal.removeEventListener('abort', endTerm)
  }
}

/** We chose: how long giving the lease back may delay the end of the process. */
const RELEASE_TIMEOUT_MS = 3_000
const JITTER = 1.2

class Candidate {
  readonly #options: LeaderElectionOptions
  /** The lease as last read, and when it was last seen to change. Clocks of other machines are not compared. */
  #seen: { lease: Stored<Lease>; changedAt: number } | undefined

  constructor(options: LeaderElectionOptions) {
    this.#options = options
  }

  /** True once the lease is ours; false when the signal aborted first. */
  async acquire(): Promise<boolean> {
    const { log, lease, identity, signal } = this.#options
    let waitingFor: string | undefined
    while (!signal.aborted) {
      const holder = await this.#attempt('wait for the leader lease')
      if (holder === identity) {
        log.info({ lease: lease.name, identity }, 'became leader')
        return true
      }
      if (holder !== undefined && holder !== waitingFor) log.info({ lease: lease.name, holder }, 'waiting for the leader')
      waitingFor = holder ?? waitingFor
      await this.#pause(signal)
    }
    return false
  }

  /** Renews until the signal aborts (false), or until renewing has failed for too long or another holds it (true). */
  async renewUntilLost(signal: AbortSignal): Promise<boolean> {
    const { clock, renewDeadlineMs, identity, log, lease } = this.#options
    let renewedAt = clock.monotonicMs()
    while (!signal.aborted) {
      await this.#pause(signal)
      if (signal.aborted) return false
      const holder = await this.#attempt('renew the leader lease', Math.max(1, renewedAt + renewDeadlineMs - clock.monotonicMs()))
      if (signal.aborted) return false
      if (holder === identity) renewedAt = clock.monotonicMs()
      else if (holder !== undefined || clock.monotonicMs() - renewedAt >= renewDeadlineMs) {
        log.warn({ lease: lease.name, holder }, 'lost the leader lease')
        return true
      }
    }
    return false
  }

  /** Lets go of the lease, with a deadline of its own. Failing only makes the next leader wait. */
  async release(): Promise<void> {
    const { client, log, lease: ref, identity } = this.#options
    const call = { signal: AbortSignal.timeout(RELEASE_TIMEOUT_MS) }
    try {
      let lease = this.#seen?.lease ?? (await client.get(LEASES, ref, call))
      for (;;) {
        if (lease.spec?.holderIdentity !== identity) return
        const spec = { ...lease.spec, holderIdentity: '', leaseDurationSeconds: 1, renewTime: this.#now() }
        try {
          await client.update(LEASES, { ...lease, spec }, call)
          return
        } catch (error) {
          // A renewal that was cut off in flight may have arrived all the same: what we remember is then out of date.
          if (!isConflict(error)) throw error
          lease = await client.get(LEASES, ref, call)
        }
      }
    } catch (err) {
      log.debug({ err }, 'the leader lease was not given back')
    }
  }

  /** One try to take or renew. Answers who holds the lease now; undefined when that could not be learnt. */
  async #attempt(subject: string, timeoutMs = this.#options.renewDeadlineMs): Promise<string | undefined> {
    const { client, signal } = this.#options
    try {
      const holder = await this.#takeOrRenew(timeoutMs)
      client.outages.succeeded(subject)
      return holder
    } catch (error) {
      if (signal.aborted) return undefined
      // Somebody else wrote between our read and our write: the next try reads what.
      if (isConflict(error) || isAlreadyExists(error)) this.#seen = undefined
      else client.outages.failed(subject, error)
      return undefined
    }
  }

  async #takeOrRenew(timeoutMs: number): Promise<string> {
    const { client, lease: ref, identity, leaseDurationMs, clock, signal } = this.#options
    const call = { signal, timeoutMs }
    const now = this.#now()
    const ours = { holderIdentity: identity, leaseDurationSeconds: Math.ceil(leaseDurationMs / 1000), renewTime: now }
    if (this.#seen?.lease.spec?.holderIdentity === identity) {
      this.#remember(await client.update(LEASES, { ...this.#seen.lease, spec: { ...this.#seen.lease.spec, ...ours } }, call))
      return identity
    }
    let current: Stored<Lease>
    try {
      current = await client.get(LEASES, ref, call)
    } catch (error) {
      if (!isNotFound(error)) throw error
      const spec = { ...ours, acquireTime: now, leaseTransitions: 0 }
      this.#remember(await client.create(LEASES, { metadata: { name: ref.name, namespace: ref.namespace! }, spec }, call))
      return identity
    }
    this.#remember(current)
    const holder = current.spec?.holderIdentity ?? ''
    if (holder !== '' && holder !== identity && clock.monotonicMs() - this.#seen!.changedAt < this.#theirDuration(current)) return holder
    const transitions = current.spec?.leaseTransitions ?? 0
    const spec = { ...current.spec, ...ours, ...(holder !== identity && { acquireTime: now, leaseTransitions: transitions + 1 }) }
    this.#remember(await client.update(LEASES, { ...current, spec }, call))
    return identity
  }

  #remember(lease: Stored<Lease>): void {
    const same = this.#seen?.lease.metadata.resourceVersion === lease.metadata.resourceVersion
    if (!same) this.#seen = { lease, changedAt: this.#options.clock.monotonicMs() }
  }

  #theirDuration(lease: Stored<Lease>): number {
    return (lease.spec?.leaseDurationSeconds ?? 0) * 1000 || this.#options.leaseDurationMs
  }

  /** MicroTime: RFC 3339 with six decimals. */
  #now(): string {
    return new Date(this.#options.clock.now()).toISOString().replace('Z', '000Z')
  }

  #pause(signal: AbortSignal): Promise<void> {
    const { clock, retryPeriodMs, random } = this.#options
    return clock.sleep(retryPeriodMs * (1 + (JITTER - 1) * random()), { signal }).catch(() => {})
  }
}
