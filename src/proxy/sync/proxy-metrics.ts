// kube-proxy's metrics, by its names (k8s.io/kubernetes/pkg/proxy/metrics/metrics.go).

import { Counter, Gauge, Histogram, type Registry } from '../../ops/metrics.ts'
import type { Family } from '../../net/ip/address.ts'
import { INVALID_COUNTER, LOCALHOST_COUNTER } from '../iptables/options.ts'

export type ProxyMetrics = ReturnType<typeof openProxyMetrics>

export const familyLabel = (family: Family): { ip_family: string } => ({ ip_family: `IPv${family}` })

const exponential = (start: number, factor: number, count: number): number[] => Array.from({ length: count }, (_, i) => start * factor ** i)
const linear = (start: number, width: number, count: number): number[] => Array.from({ length: count }, (_, i) => start + i * width)

/** Buckets of the network programming latency: .25, .5, then seconds, five seconds and half minutes. */
const PROGRAMMING_BUCKETS = [0.25, 0.5, ...linear(1, 1, 59), ...linear(60, 5, 12), ...linear(120, 30, 7)]

export function openProxyMetrics(registry: Registry) {
  const registers = [registry]
  const perFamily = ['ip_family'] as const
  const histogram = (name: string, help: string, buckets = exponential(0.001, 2, 15)) =>
    new Histogram({ name: `kubeproxy_${name}`, help, buckets, labelNames: perFamily, registers })
  const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[]) => new Gauge<L>({ name: `kubeproxy_${name}`, help, labelNames, registers })
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[]) => new Counter<L>({ name: `kubeproxy_${name}`, help, labelNames, registers })
  return {
    syncSeconds: histogram('sync_proxy_rules_duration_seconds', 'duration of a sync'),
    fullSyncSeconds: histogram('sync_full_proxy_rules_duration_seconds', 'duration of a sync that compared everything'),
    partialSyncSeconds: histogram('sync_partial_proxy_rules_duration_seconds', 'duration of a sync of changes'),
    lastSyncTimestamp: gauge('sync_proxy_rules_last_timestamp_seconds', 'when rules were last synced', perFamily),
    lastQueuedTimestamp: gauge('sync_proxy_rules_last_queued_timestamp_seconds', 'when a sync was last asked for', perFamily),
    programmingSeconds: histogram('network_programming_duration_seconds', 'time from the cause of a change to its being in force', PROGRAMMING_BUCKETS),
    endpointChangesPending: gauge('sync_proxy_rules_endpoint_changes_pending', 'endpoint changes that wait for a sync', []),
    endpointChangesTotal: counter('sync_proxy_rules_endpoint_changes_total', 'endpoint changes', []),
    serviceChangesPending: gauge('sync_proxy_rules_service_changes_pending', 'service changes that wait for a sync', []),
    serviceChangesTotal: counter('sync_proxy_rules_service_changes_total', 'service changes', []),
    noLocalEndpoints: gauge('sync_proxy_rules_no_local_endpoints_total', 'service ports with a Local policy and no local endpoints', ['ip_family', 'traffic_policy']),
    conntrackSeconds: histogram('conntrack_reconciler_sync_duration_seconds', 'duration of a look for stale conntrack entries'),
    conntrackDeleted: counter('conntrack_reconciler_deleted_entries_total', 'conntrack entries deleted', perFamily),
    healthzTotal: counter('proxy_healthz_total', 'answers of /healthz', ['code']),
    livezTotal: counter('proxy_livez_total', 'answers of /livez', ['code']),
  }
}

/** The metrics of iptables mode only. */
export function openIptablesMetrics(registry: Registry) {
  const registers = [registry]
  const gauge = (name: string, help: string) => new Gauge({ name: `kubeproxy_${name}`, help, labelNames: ['ip_family', 'table'] as const, registers })
  const counter = (name: string, help: string) => new Counter({ name: `kubeproxy_${name}`, help, labelNames: ['ip_family'] as const, registers })
  return {
    rules: gauge('sync_proxy_rules_iptables_total', 'rules owned'),
    lastWritten: gauge('sync_proxy_rules_iptables_last', 'rules written by the last sync'),
    restoreFailures: counter('sync_proxy_rules_iptables_restore_failures_total', 'restores that failed'),
    partialRestoreFailures: counter('sync_proxy_rules_iptables_partial_restore_failures_total', 'restores of changes that failed'),
  }
}
export type IptablesMetrics = ReturnType<typeof openIptablesMetrics>

/** Packets that the kernel counted for us; `read` answers undefined when a counter is gone. */
export function openPacketMetrics(registry: Registry, read: (counter: string) => Promise<bigint | undefined>): void {
  const counted = (name: string, help: string, counter: string): Counter =>
    new Counter({
      name: `kubeproxy_${name}`, help, registers: [registry],
      async collect() {
        const packets = await read(counter)
        if (packets === undefined) return
        this.reset()
        this.inc(Number(packets))
      },
    })
  counted('iptables_ct_state_invalid_dropped_packets_total', 'packets outside any connection that were dropped', INVALID_COUNTER)
  counted('iptables_localhost_nodeports_accepted_packets_total', 'new connections to node ports on the loopback net', LOCALHOST_COUNTER)
}
