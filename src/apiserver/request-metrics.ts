// What /metrics says of requests, under kube-apiserver's names.

import { Counter, Gauge, Histogram, type Registry } from '../ops/metrics.ts'

const LABELS = ['verb', 'group', 'version', 'resource', 'subresource', 'scope'] as const

export type RequestLabels = Readonly<Record<(typeof LABELS)[number], string>>

export class RequestMetrics {
  readonly #total: Counter<(typeof LABELS)[number] | 'code'>
  readonly #duration: Histogram<(typeof LABELS)[number]>
  readonly #longRunning: Gauge<(typeof LABELS)[number]>

  constructor(registry: Registry) {
    this.#total = new Counter({ name: 'apiserver_request_total', help: 'Requests by verb, resource and HTTP response code.', labelNames: [...LABELS, 'code'], registers: [registry] })
    this.#duration = new Histogram({
      name: 'apiserver_request_duration_seconds', help: 'Response latency of requests that are not watches.', labelNames: [...LABELS], registers: [registry],
      buckets: [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
    })
    this.#longRunning = new Gauge({ name: 'apiserver_longrunning_requests', help: 'Open watches and connections to containers.', labelNames: [...LABELS], registers: [registry] })
  }

  finished(labels: RequestLabels, code: number, seconds: number): void {
    this.#total.inc({ ...labels, code: String(code) })
    if (labels.verb !== 'WATCH') this.#duration.observe(labels, seconds)
  }

  watchOpened(labels: RequestLabels): void {
    this.#longRunning.inc(labels)
  }

  watchClosed(labels: RequestLabels): void {
    this.#longRunning.dec(labels)
  }
}
