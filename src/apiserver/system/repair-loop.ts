// Repairs allocations once before the server is ready, then every three minutes, and tells what was found as events.

import { randomBytes } from 'node:crypto'
import { formatTime, type Draft } from '../../api/object.ts'
import { backoffMs, RECONNECT_BACKOFF } from '../../ops/backoff.ts'
import type { Clock } from '../../ops/clock.ts'
import type { Logger } from '../../ops/log.ts'
import { Doorbell, reconcileLoop } from '../../ops/wake.ts'
import type { Catalog } from '../catalog.ts'
import type { InternalClient } from '../internal-client.ts'
import type { Finding, ServiceRepair } from './service-repair.ts'

/** kube-apiserver's --service-cluster-ip repair interval (3 min). */
const INTERVAL_MS = 180_000

type Options = Readonly<{ repair: ServiceRepair; client: InternalClient; catalog: Catalog; clock: Clock; log: Logger; signal: AbortSignal }>

/** `first` resolves after the first pass that succeeded, `ended` after the abort. */
export function keepAllocationsRepaired({ repair, client, catalog, clock, log, signal }: Options): { first: Promise<void>; ended: Promise<void> } {
  const first = Promise.withResolvers<void>()
  const ended = reconcileLoop({
    doorbell: new Doorbell(), clock, signal, resyncIntervalMs: INTERVAL_MS,
    pass: async () => {
      for (const finding of await repair.pass(signal)) {
        const { service: { metadata }, reason, message } = finding
        log.warn({ service: `${metadata.namespace}/${metadata.name}`, reason, problem: message }, 'allocation of a service was not as recorded')
        await client.create(catalog.builtin('', 'events'), eventOf(finding, clock.now()), signal)
      }
      first.resolve()
    },
    retryMs: failures => backoffMs(RECONNECT_BACKOFF, failures, Math.random()),
    onFailure: (err, failures) => log.warn({ err, failures }, 'allocations could not be repaired'),
  })
  return { first: first.promise, ended }
}

function eventOf({ service: { metadata }, reason, message }: Finding, nowMs: number): Draft {
  const time = formatTime(nowMs)
  return {
    apiVersion: 'v1', kind: 'Event', metadata: { namespace: metadata.namespace!, name: `${metadata.name}.${randomBytes(8).toString('hex')}` },
    involvedObject: { apiVersion: 'v1', kind: 'Service', namespace: metadata.namespace, name: metadata.name, uid: metadata.uid, resourceVersion: metadata.resourceVersion },
    type: 'Warning', reason, message, source: { component: 'ipallocator-repair-controller' }, firstTimestamp: time, lastTimestamp: time, count: 1,
  }
}
