// What every verb works with: the host's kernel, its attachments, and the lease.

import type { Clock } from '../../../src/ops/clock.ts'
import type { Logger } from '../../../src/ops/log.ts'
import type { Bridges } from '../link/bridges.ts'
import type { HostNetwork } from '../link/host-network.ts'
import type { LinkReaper } from '../link/link-reaper.ts'
import type { PodLease } from '../options.ts'
import type { PodRules } from '../rules/pod-rules.ts'
import type { AttachmentStore } from '../store/attachment-store.ts'

export type CniHost = Readonly<{
  network: HostNetwork
  bridges: Bridges
  reaper: LinkReaper
  store: AttachmentStore
  rules: PodRules
  clock: Clock
  log: Logger
  /** What new pods get; undefined until the agent has a lease. */
  lease: () => PodLease | undefined
  /** Called between the steps of ADD and DEL, for tests that end the process there. */
  reached: (step: FaultPoint) => void
}>

/** Every place at which a crash leaves something different behind. */
export const FAULT_POINTS = [
  'add:reserved', 'add:bridge', 'add:pair', 'add:pod', 'add:forwarding', 'add:rules', 'add:active',
  'del:marked', 'del:rules', 'del:condemned', 'del:removed', 'del:released',
] as const
export type FaultPoint = (typeof FAULT_POINTS)[number]
