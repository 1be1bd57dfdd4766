// /healthz, /readyz, /status and /metrics of the agent.

import type { EndpointAnswer } from '../../ops/http-endpoints.ts'
import type { Registry } from '../../ops/metrics.ts'

export type HealthSources = Readonly<{
  /** Monotonic time of the main loop's last sign of life. */
  lastTickMs: () => number
  nowMs: () => number
  notReady: () => readonly string[]
  /** What is wrong without making this host unready, such as a peer that cannot be reached. */
  warnings: () => readonly string[]
  status: () => unknown
  registry: Registry
}>

/** A main loop that was silent for this long is stuck; it never waits for the store. */
export const STUCK_MS = 30_000

export function healthEndpoints(sources: HealthSources): Readonly<Record<string, () => EndpointAnswer | Promise<EndpointAnswer>>> {
  return {
    '/healthz': () => {
      const silentMs = sources.nowMs() - sources.lastTickMs()
      if (silentMs <= STUCK_MS) return { status: 200, body: 'flanneld is running\n' }
      return { status: 503, body: `the main loop has been silent for ${Math.round(silentMs / 1000)} s\n` }
    },
    '/readyz': () => {
      const reasons = sources.notReady()
      const warnings = sources.warnings().map(warning => `warning: ${warning}`)
      if (reasons.length === 0) return { status: 200, body: ['flanneld is ready', ...warnings, ''].join('\n') }
      return { status: 503, body: ['flanneld is not ready yet', ...reasons, ...warnings, ''].join('\n') }
    },
    '/status': () => ({ status: 200, body: `${JSON.stringify(sources.status(), null, 2)}\n`, contentType: 'application/json' }),
    '/metrics': async () => ({ status: 200, body: await sources.registry.metrics(), contentType: sources.registry.contentType }),
  }
}
