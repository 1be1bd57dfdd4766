// What the agent hands to the CNI server, and what it gets back.

import type { Prefix } from '../../src/net/ip/prefix.ts'
import type { Logger } from '../../src/ops/log.ts'
import type { Registry } from '../../src/ops/metrics.ts'
import type { FaultPoint } from './host/cni-host.ts'

/** What this host leased for its pods. Whole, never a delta: `setLease` replaces the former one. */
export type PodLease = Readonly<{
  /** One subnet per family at most, in the order in which pods get their addresses. */
  subnets: readonly Prefix[]
  /** MTU of a pod's link: the uplink's less the backend's overhead. */
  mtu: number
  /** The whole pod network, one prefix per family at most: routed to by way of the bridge when given. */
  clusterCidrs: readonly Prefix[]
}>

export type CniServerOptions = Readonly<{
  /** Unix socket of the shim; undefined: `/run/weft/ns/<inode of this process's network namespace>.sock`. */
  socketPath?: string
  /** Attachments, boot-scoped: a folder on tmpfs such as `/run/weft/cni`, one per host. */
  stateDir: string
  /** Deletions the shim accepted while nobody listened; undefined: `/var/lib/weft/cni/queue`. */
  queueDir?: string
  /** Where `publish` puts the configuration list, such as `/etc/cni/net.d`. */
  confDir: string
  /** Where `publish` puts the shim, such as `/opt/cni/bin`. */
  binDir: string
  /** Name of the network in the configuration list. */
  networkName?: string
  /** The caller's, with its component already named. */
  log: Logger
  /** Where requests, times and attachments are counted; undefined: nowhere. */
  registry?: Registry
  /** Called between the steps of ADD and DEL: tests end the process there. */
  onStep?: (step: FaultPoint) => void
  /** Ends the server: it stops accepting, lets running requests finish, and releases everything. */
  signal: AbortSignal
}>

/**
 * The CNI server in the agent's process. Made by `openCniServer(options)` in `server.ts`, which resolves
 * once the socket accepts (STATUS answers 50 until a lease is set). Disposing it stops serving and leaves
 * links, addresses and rules of running pods in place.
 */
export interface CniServer extends AsyncDisposable {
  /** Where the shim reaches it. */
  readonly socketPath: string
  /** Tells what pods get from now on; also repairs the bridge. */
  setLease(lease: PodLease): void
  /** Installs the shim, then the configuration list: call it when the network is ready. Idempotent. */
  publish(): Promise<void>
}
