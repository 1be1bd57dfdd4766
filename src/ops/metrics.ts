// Metrics of one process: a registry that is passed down, never a global one.

import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'

export { Counter, Gauge, Histogram, Registry }

/** An empty registry with the process's own figures (memory, CPU, open descriptors, event loop). */
export function openMetrics(): Registry {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  return registry
}
