// All leases of a store as an administrator sees them: listed, and released when the host is gone for good.

import { WeftError } from '../../ops/errors.ts'

export type LeaseEntry = Readonly<{
  /** What `release` takes: the subnet's key, or the Node's name. */
  name: string
  subnets: string
  publicIps: string
  backend: string
  /** Which host wrote it, as far as it says. */
  host: string
  expires: string
  /** Why it cannot be read as a lease. */
  problem: string | undefined
}>

export interface LeaseRegistry extends AsyncDisposable {
  list(call: { signal: AbortSignal }): Promise<readonly LeaseEntry[]>
  /** Throws LEASE_ABSENT when there is none of that name. */
  release(name: string, call: { signal: AbortSignal }): Promise<void>
}

export const leaseAbsent = (name: string): WeftError => new WeftError('LEASE_ABSENT', `there is no lease ${name}; "weft leases list" shows those there are`, { lease: name })
