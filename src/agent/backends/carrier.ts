// The part of a backend that is more than kernel state: a thread that moves packets, commands of the operator.

import type { Lease } from '../leases/lease.ts'
import type { Underlay } from '../underlay/underlay.ts'

export interface Carrier extends AsyncDisposable {
  /** The link that it holds open now, if it holds one. */
  readonly linkName: string | undefined
  /** Brings it in line with the underlay and the peers. A rejection is tried again with the next pass. */
  ensure(underlay: Underlay, peers: readonly Lease[], call: { signal: AbortSignal }): Promise<void>
}
