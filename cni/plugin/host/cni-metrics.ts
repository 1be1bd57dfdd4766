// The CNI server's metrics, made in one place.

import { Counter, Gauge, Histogram, type Registry } from '../../../src/ops/metrics.ts'
import type { AttachmentStore } from '../store/attachment-store.ts'
import type { Scheduler } from '../verbs/scheduler.ts'

export type CniMetrics = Readonly<{
  served: (served: Readonly<{ verb: string; number: number; seconds: number }>) => void
  collected: () => void
}>

export function cniMetrics(registry: Registry, observed: Readonly<{ scheduler: Scheduler; store: AttachmentStore }>): CniMetrics {
  const registers = [registry]
  const { scheduler, store } = observed
  const requests = new Counter({ name: 'weft_cni_requests_total', help: 'Requests by verb and answer; code 0 is success', labelNames: ['verb', 'code'], registers })
  const seconds = new Histogram({ name: 'weft_cni_request_seconds', help: 'Time from a whole request to its answer', labelNames: ['verb'], buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2, 10, 60], registers })
  const collected = new Counter({ name: 'weft_cni_collected_attachments_total', help: 'Attachments whose namespace died without a DEL', registers })
  const gauge = (name: string, help: string, read: () => number): Gauge => new Gauge({ name, help, registers, collect() { this.set(read()) } })
  gauge('weft_cni_requests_in_flight', 'Requests being carried out', () => scheduler.inFlight)
  gauge('weft_cni_requests_waiting', 'Requests waiting for their turn', () => scheduler.waiting)
  gauge('weft_cni_attachments', 'Attachments on record', () => store.list().length)
  return {
    served: ({ verb, number, seconds: taken }) => {
      requests.inc({ verb, code: String(number) })
      seconds.observe({ verb }, taken)
    },
    collected: () => collected.inc(),
  }
}
