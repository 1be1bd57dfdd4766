// The agent's metrics, all made in one place so that names and labels stay alike.

import { Counter, Gauge, Histogram, type Registry } from '../../ops/metrics.ts'

export type AgentMetrics = Readonly<{
  repairs: Counter<'object'>
  failures: Counter
  passSeconds: Histogram
  peers: Gauge
  problems: Gauge
  ready: Gauge
}>

export function agentMetrics(registry: Registry): AgentMetrics {
  const registers = [registry]
  return {
    repairs: new Counter({ name: 'weft_agent_repairs_total', help: 'Kernel objects and rules put right after someone else changed or removed them', labelNames: ['object'], registers }),
    failures: new Counter({ name: 'weft_agent_failed_steps_total', help: 'Changes that the kernel refused; each is tried again', registers }),
    passSeconds: new Histogram({ name: 'weft_agent_pass_seconds', help: 'Time of one comparison of the kernel with the leases, changes included', buckets: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10], registers }),
    peers: new Gauge({ name: 'weft_agent_peers', help: 'Hosts whose subnets this host reaches', registers }),
    problems: new Gauge({ name: 'weft_agent_problems', help: 'Leases that cannot be served, and overlaps', registers }),
    ready: new Gauge({ name: 'weft_agent_ready', help: '1 when /readyz answers 200', registers }),
  }
}
