// Leases as etcd keys with a time to live, under flannel's names. Every write is a compare-and-swap on the revision we
// know; a lease that is somebody else's by now is never overwritten.

import { sameAddress, tryParseAddress, type Address } from '../../../net/ip/address.ts'
import type { Prefix } from '../../../net/ip/prefix.ts'
import { backoffMs, type Backoff } from '../../../ops/backoff.ts'
import type { Clock } from '../../../ops/clock.ts'
import { isAbort, WeftError } from '../../../ops/errors.ts'
import type { Logger } from '../../../ops/log.ts'
import { Doorbell, reconcileLoop } from '../../../ops/wake.ts'
import type { SubnetPool } from '../../config/network-config.ts'
import { formatSubnets, type Lease, type LeaseAttributes } from '../lease.ts'
import type { HostHints, LeaseManager, LeaseSnapshot } from '../lease-manager.ts'
import { entriesOf, type PerFamily } from '../per-family.ts'
import { planClaim, type StoredLease } from './claim.ts'
import type { EtcdEntry, EtcdRegistry } from './etcd-registry.ts'
import { isPowerOfTwo, LeaseFollower } from './lease-follower.ts'
import { formatLeaseKey } from './lease-key.ts'
import { storedLeases, type LeaseMap } from './lease-map.ts'
import { formatLeaseValue } from './lease-value.ts'

export type EtcdLeaseOptions = Readonly<{
  registry: EtcdRegistry
  pools: PerFamily<SubnetPool>
  nodeId: string
  previous: PerFamily<Prefix>
  /** Asked when it matters whether pods of this host still use the previous subnet. */
  previousInUse: (call: { signal: AbortSignal }) => Promise<boolean>
  /** Every address of this host: a lease that publishes one of them and our identity is our own. */
  localAddresses: (call: { signal: AbortSignal }) => Promise<readonly Address[]>
  /** Host names or addresses of the members, for the choice of the interface. */
  endpoints: readonly string[]
  ttlSeconds: number
  renewMarginSeconds: number
  takeOver: boolean
  allowRenumber: boolean
  onLost: 'exit' | 'keep'
  log: Logger
  clock: Clock
  random: () => number
}>

/** The own subnet belongs to another host. The command ends with an exit status of its own. */
export class LeaseLostError extends WeftError {
  constructor(message: string, subject: Readonly<Record<string, unknown>>) {
    super('LEASE_LOST', message, subject)
  }
}

type Held = Readonly<{ name: string; subnets: PerFamily<Prefix>; leaseId: string; modRevision: string; value: string; renewAtMs: number }>

const CREATE_ATTEMPTS = 10
/** A full pool or an absent server is asked again this often. */
const WAIT: Backoff = { initialMs: 1_000, maxMs: 5_000, factor: 2, jitter: 0.2 }
const RETRY: Backoff = { initialMs: 500, maxMs: 60_000, factor: 2, jitter: 0.3 }
const WAIT_LOG_MS = 60_000
const LOST_GRACE_MS = 30_000

export class EtcdLeaseManager implements LeaseManager {
  readonly #options: EtcdLeaseOptions
  readonly #follower: LeaseFollower
  readonly #keep = new Doorbell()
  #held: Held | undefined
  #wanted: LeaseAttributes | undefined
  #lostSinceMs: number | undefined
  #restores = 0
  #trouble: string | undefined

  constructor(options: EtcdLeaseOptions) {
    this.#options = options
    this.#follower = new LeaseFollower(options)
  }

  get #map(): LeaseMap {
    return this.#follower.map
  }

  get trouble(): string | undefined {
    return this.#trouble ?? this.#follower.trouble
  }

  async hints({ signal }: { signal: AbortSignal }): Promise<HostHints> {
    const listing = await this.#untilAnswered('list leases', signal, () => this.#options.registry.list({ signal }))
    const stored = storedLeases(listing.entries)
    const local = await this.#options.localAddresses({ signal })
    const isHere = ({ value }: StoredLease): boolean => entriesOf(value?.attributes.publicIps ?? {}).some(([, address]) => local.some(own => sameAddress(own, address)))
    const mine = stored.find(lease => lease.value?.nodeId === this.#options.nodeId && isHere(lease)) ?? stored.find(lease => formatSubnets(lease.subnets) === formatSubnets(this.#options.previous))
    return {
      former: mine?.value?.attributes,
      publicIps: {},
      landmarks: [
        ...this.#options.endpoints.flatMap(endpoint => hostAddress(endpoint) ?? []),
        ...stored.filter(lease => lease !== mine).flatMap(lease => entriesOf(lease.value?.attributes.publicIps ?? {}).map(([, address]) => address)),
      ],
    }
  }

  async acquire(attributes: LeaseAttributes, { onWait, signal }: { onWait: (reason: string) => void; signal: AbortSignal }): Promise<Lease> {
    this.#wanted = attributes
    const value = formatLeaseValue(attributes, this.#options.nodeId)
    let lost = 0
    for (let round = 1; ; round += 1) {
      const listing = await this.#untilAnswered('list leases', signal, () => this.#options.registry.list({ signal }), onWait)
      const claim = planClaim({
        ...this.#options, stored: storedLeases(listing.entries), publicIp: attributes.publicIps[4]!,
        shown: entriesOf(attributes.backendData).map(([, data]) => data), previousInUse: await this.#options.previousInUse({ signal }),
      })
      switch (claim.kind) {
        case 'duplicate': throw duplicateError(claim.lease, attributes)
        case 'stranded': throw strandedError(claim.lease, this.#options.previous)
        case 'drop':
          this.#options.log.warn({ subnet: claim.lease.name }, 'the lease of this host does not fit the network any more; dropping it')
          await this.#untilAnswered('drop a lease', signal, () => this.#options.registry.remove({ name: claim.lease.name, expected: claim.lease.modRevision }, { signal }))
          continue
        case 'full':
          onWait('all subnets of the network are leased; remove leases of hosts that are gone, or widen the network')
          await this.#options.clock.sleep(backoffMs(WAIT, round, this.#options.random()), { signal })
          continue
        case 'renew':
        case 'create': {
          const name = claim.kind === 'create' ? formatLeaseKey(claim.subnets) : claim.lease.name
          const [subnets, expected, reserved] = claim.kind === 'create' ? [claim.subnets, '0', false] as const : [claim.lease.subnets, claim.lease.modRevision, claim.lease.leaseId === '0'] as const
          const held = await this.#untilAnswered('write the lease', signal, () => this.#write({ name, subnets, value, expected, reserved }, signal), onWait)
          if (held !== undefined) return { owner: name, subnets, attributes, age: Number(held.modRevision) }
          lost += 1
          if (lost >= CREATE_ATTEMPTS) throw new WeftError('LEASE_CONTENDED', `lost the race for a subnet ${lost} times; start the agent again`, { subnet: name }, { retryable: true })
          await this.#options.clock.sleep(50 + 450 * this.#options.random(), { signal })
          continue
        }
        default: return claim satisfies never
      }
    }
  }

  publish(attributes: LeaseAttributes): void {
    this.#wanted = attributes
    this.#keep.ring('attributes changed')
  }

  announceReady(): void {
    // etcd holds no state of hosts beside their leases.
  }

  async watch(listener: (snapshot: LeaseSnapshot) => void, { signal }: { signal: AbortSignal }): Promise<void> {
    await Promise.all([this.#follower.run(() => this.#tell(listener), { signal }), this.#keepLease(signal)])
  }

  #tell(listener: (snapshot: LeaseSnapshot) => void): void {
    const { table } = this.#map
    this.#keep.ring('leases changed')
    const entry = this.#held === undefined ? undefined : this.#map.entry(this.#held.name)
    const own = entry !== undefined && this.#isOwn(entry) ? table.leases.get(entry.name) : undefined
    listener({ own, leases: [...table.leases.values()], problems: table.problems })
  }

  async #keepLease(signal: AbortSignal): Promise<void> {
    const { clock, random, log } = this.#options
    let fatal: unknown
    const stop = new AbortController()
    await reconcileLoop({
      doorbell: this.#keep,
      pass: async () => {
        await this.#keepOnce(signal)
        this.#trouble = undefined
      },
      onFailure: (err, failures) => {
        this.#trouble = (err as Error).message
        if (err instanceof LeaseLostError && this.#mustExit()) {
          fatal = err
          stop.abort()
        } else if (isPowerOfTwo(failures)) log.error({ err, failures }, 'cannot keep the lease')
      },
      resyncIntervalMs: Math.min(60_000, Math.max(500, ((this.#options.ttlSeconds - this.#options.renewMarginSeconds) * 1000) / 4)),
      retryMs: failures => backoffMs(RETRY, failures, random()),
      clock,
      signal: AbortSignal.any([signal, stop.signal]),
    })
    if (fatal !== undefined) throw fatal
  }

  /** Written by us, or by a flannel that took this host over for a while under the same address. */
  #isOwn(entry: EtcdEntry): boolean {
    const [stored] = storedLeases([entry])
    if (stored?.value === undefined) return false
    return stored.value.nodeId === undefined ? samePublicIp(stored, this.#wanted!) : stored.value.nodeId === this.#options.nodeId
  }

  #mustExit(): boolean {
    this.#lostSinceMs ??= this.#options.clock.monotonicMs()
    return this.#options.onLost === 'exit' && this.#options.clock.monotonicMs() - this.#lostSinceMs >= LOST_GRACE_MS
  }

  /** Brings the key to what this host wants published, if the key is still ours. */
  async #keepOnce(signal: AbortSignal): Promise<void> {
    if (this.#held === undefined || this.#map.revision === '0') return
    const { clock, log, nodeId } = this.#options
    if (this.#map.restores !== this.#restores) {
      log.warn({ revision: this.#map.revision, former: this.#held.modRevision }, 'etcd has gone back to an earlier state; what it forgot of this host is written again')
      this.#restores = this.#map.restores
      // What we wrote counts for nothing there.
      this.#held = { ...this.#held, modRevision: '0' }
    }
    const held = this.#held
    const value = formatLeaseValue(this.#wanted!, nodeId)
    const entry = this.#map.entry(held.name)
    // The map may be older than our own last write.
    if (BigInt(this.#map.revision) < BigInt(held.modRevision)) return
    if (entry === undefined) {
      log.warn({ subnet: held.name }, 'the lease of this host is gone from etcd; writing it again')
      await clock.sleep(1_000 + 2_000 * this.#options.random(), { signal })
      return this.#rewrite({ ...held, value, expected: '0', reserved: false }, signal)
    }
    if (!this.#isOwn(entry)) {
      throw new LeaseLostError(`the subnet ${held.name} of this host was leased by another: ${entry.value.slice(0, 300)}; its pods are unreachable from other hosts`, { subnet: held.name })
    }
    this.#lostSinceMs = undefined
    const reserved = entry.leaseId === '0'
    const due = !reserved && clock.monotonicMs() >= held.renewAtMs
    if (entry.value === value && !due && (reserved || entry.leaseId === held.leaseId)) {
      if (entry.modRevision !== held.modRevision) this.#held = { ...held, modRevision: entry.modRevision, leaseId: entry.leaseId }
      return
    }
    await this.#rewrite({ ...held, value, expected: entry.modRevision, reserved }, signal)
    log.info({ subnet: held.name, reason: due ? 'time to live' : 'changed' }, 'renewed the lease')
  }

  async #rewrite(want: Readonly<{ name: string; subnets: PerFamily<Prefix>; value: string; expected: string; reserved: boolean }>, signal: AbortSignal): Promise<void> {
    const held = await this.#write(want, signal)
    if (held === undefined) throw new WeftError('LEASE_CONTENDED', `the lease ${want.name} was changed by another at the same moment`, { subnet: want.name }, { retryable: true })
  }

  /** Undefined when the key is not as expected. A lease that ends up unused is given back. */
  async #write(want: Readonly<{ name: string; subnets: PerFamily<Prefix>; value: string; expected: string; reserved: boolean }>, signal: AbortSignal): Promise<Held | undefined> {
    const { registry, ttlSeconds, renewMarginSeconds, clock } = this.#options
    const { name, subnets, value, expected, reserved } = want
    const leaseId = reserved ? '0' : await registry.grant(ttlSeconds, { signal })
    const modRevision = await registry.put({ name, value, leaseId, expected }, { signal })
    if (modRevision === undefined) {
      if (!reserved) await registry.revoke(leaseId, { signal })
      return undefined
    }
    const lifetimeMs = Math.max(ttlSeconds - renewMarginSeconds, ttlSeconds / 2) * 1000
    this.#held = { name, subnets, leaseId, modRevision, value, renewAtMs: clock.monotonicMs() + lifetimeMs }
    return this.#held
  }

  async #untilAnswered<T>(what: string, signal: AbortSignal, work: () => Promise<T>, onWait?: (reason: string) => void): Promise<T> {
    const { clock, random, log } = this.#options
    let toldMs = -Infinity
    for (let failures = 1; ; failures += 1) {
      try {
        return await work()
      } catch (err) {
        if (isAbort(err, signal) || signal.aborted) throw signal.reason
        if (clock.monotonicMs() - toldMs >= WAIT_LOG_MS) {
          toldMs = clock.monotonicMs()
          log.warn({ err, failures }, `cannot ${what} in etcd; trying on`)
          onWait?.((err as Error).message)
        }
        await clock.sleep(backoffMs(WAIT, failures, random()), { signal })
      }
    }
  }

  async release({ signal }: { signal: AbortSignal }): Promise<void> {
    const { registry, nodeId } = this.#options
    const { entries } = await registry.list({ signal })
    const mine = storedLeases(entries).find(lease => lease.value?.nodeId === nodeId)
    this.#held = undefined
    if (mine !== undefined) await registry.remove({ name: mine.name, expected: mine.modRevision }, { signal })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#options.registry[Symbol.asyncDispose]()
  }
}

const samePublicIp = (stored: StoredLease, wanted: LeaseAttributes): boolean => stored.value?.attributes.publicIps[4]?.bits === wanted.publicIps[4]?.bits

function duplicateError(lease: StoredLease, attributes: LeaseAttributes): WeftError {
  const nodeId = lease.value?.nodeId
  return new WeftError(
    'DUPLICATE_PUBLIC_IP',
    `${lease.name} is leased by ${nodeId === undefined ? 'another host (a flannel)' : `the host with identity ${nodeId}`} with this host's own public IP; give one of them another address with --iface or --public-ip, or start with --take-over-lease if this host is its successor`,
    { subnet: lease.name, publicIp: attributes.publicIps[4] === undefined ? undefined : String(attributes.publicIps[4].bits) },
  )
}

const strandedError = (lease: StoredLease, previous: PerFamily<Prefix>): WeftError =>
  new LeaseLostError(`pods of this host use ${formatSubnets(previous)}, which ${lease.name} has leased meanwhile; end the pods, or start with --allow-renumber`, { subnet: formatSubnets(previous), other: lease.name })

/** The address in an endpoint's URL, when it is one. */
function hostAddress(endpoint: string): Address | undefined {
  const host = /^(?:https?:\/\/)?(?:\[([^\]]+)\]|([^:/]+))/.exec(endpoint)
  return tryParseAddress(host?.[1] ?? host?.[2] ?? '')
}
