// What the agent asks of a store of leases, whichever it is.

import type { Address } from '../../net/ip/address.ts'
import type { Lease, LeaseAttributes } from './lease.ts'
import type { PerFamily } from './per-family.ts'

/** What the store knows about this host before it has a lease. */
export type HostHints = Readonly<{
  /** Published by the former run, of Weft or flannel: keeps MAC and interface. */
  former: LeaseAttributes | undefined
  /** Public addresses that the operator set in the store; they count as --public-ip. */
  publicIps: PerFamily<Address>
  /** Addresses of the store itself and of other hosts, nearest to the truth first. */
  landmarks: readonly Address[]
}>

/** One lease that cannot be read; the last good one of the same owner stays in force. */
export type LeaseProblem = Readonly<{ owner: string; message: string }>

/** The whole store as seen at one moment. */
export type LeaseSnapshot = Readonly<{
  /** This host's lease; undefined while the store has none. */
  own: Lease | undefined
  /** Everyone's, this host's too. */
  leases: readonly Lease[]
  problems: readonly LeaseProblem[]
}>

export interface LeaseManager extends AsyncDisposable {
  hints(options: { signal: AbortSignal }): Promise<HostHints>
  /**
   * Gets this host's subnets and publishes `attributes`. Waits as long as it takes for what passes by
   * itself, telling `onWait` why (at most once a minute); throws what a person must put right.
   */
  acquire(attributes: LeaseAttributes, options: { onWait: (reason: string) => void; signal: AbortSignal }): Promise<Lease>
  /** Tells the current snapshot at once and every later one. Returns when `signal` aborts. */
  watch(listener: (snapshot: LeaseSnapshot) => void, options: { signal: AbortSignal }): Promise<void>
  /** Replaces what `acquire` published, and keeps it published until `watch` ends. */
  publish(attributes: LeaseAttributes): void
  /** Tells the store that the host's pod network works (Kubernetes: condition NetworkUnavailable False). */
  announceReady(): void
  /** Why the store is behind what this host wants published; undefined when it is not. */
  readonly trouble: string | undefined
  /** Gives the lease up, for --cleanup. Absent is success. */
  release(options: { signal: AbortSignal }): Promise<void>
}
