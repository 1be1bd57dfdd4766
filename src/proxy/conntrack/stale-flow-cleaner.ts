// Deletes the UDP conntrack entries that lead to endpoints which no longer serve.

import type { Clock } from '../../ops/clock.ts'
import type { Logger } from '../../ops/log.ts'
import type { Address, Family } from '../../net/ip/address.ts'
import type { Flow } from '../../net/conntrack/flow.ts'
import type { Protocol } from '../../net/ip/port.ts'
import type { ServiceEntry } from '../service-table/entry.ts'
import { isTrackedEntry, planStaleFlows } from './plan-stale-flows.ts'

/** The part of conntrack that the cleaner needs. */
export interface FlowTable {
  list(want: Readonly<{ family: Family; protocol: Protocol }>, options: Readonly<{ signal: AbortSignal }>): Promise<readonly Flow[]>
  remove(flow: Flow, options: Readonly<{ signal: AbortSignal }>): Promise<'removed' | 'absent'>
}

export type StaleFlowCleanerOptions = Readonly<{
  family: Family
  flows: FlowTable
  /** Addresses of this node: what node ports are reached under. */
  nodeAddresses: (options: Readonly<{ signal: AbortSignal }>) => Promise<readonly Address[]>
  clock: Clock
  log: Logger
}>

export class StaleFlowCleaner {
  readonly #options: StaleFlowCleanerOptions

  constructor(options: StaleFlowCleanerOptions) {
    this.#options = options
  }

  /** Looks after the flows of these entries. Answers how many were deleted and how long it took. */
  async clean(entries: Iterable<ServiceEntry>, call: Readonly<{ signal: AbortSignal }>): Promise<Readonly<{ deleted: number; durationMs: number }> | undefined> {
    const { family, flows, nodeAddresses, clock, log } = this.#options
    const tracked = [...entries].filter(isTrackedEntry)
    if (tracked.length === 0) return undefined
    const startedAtMs = clock.monotonicMs()
    const own = new Set((await nodeAddresses(call)).map(address => address.bits))
    const stale = planStaleFlows(tracked, await flows.list({ family, protocol: 'UDP' }, call), address => own.has(address.bits))
    for (const flow of stale) await flows.remove(flow, call)
    const durationMs = clock.monotonicMs() - startedAtMs
    if (stale.length > 0) log.info({ family, deleted: stale.length, durationMs: Math.round(durationMs) }, 'stale flows cut')
    return { deleted: stale.length, durationMs }
  }
}
