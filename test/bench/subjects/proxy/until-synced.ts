// When a proxy has everything in force.

import { eventually } from '../../../lab/eventually.ts'
import type { RunningProxy } from './cluster.ts'

const SYNCED = 'kubeproxy_sync_proxy_rules_last_timestamp_seconds{ip_family="IPv4"}'

/** Milliseconds from the start of the process to its first sync; undefined when it had not come after `patienceMs`. */
export async function untilSynced({ proxy, startedAt }: RunningProxy, { patienceMs, signal }: Readonly<{ patienceMs: number; signal: AbortSignal }>): Promise<number | undefined> {
  try {
    await eventually(async () => {
      signal.throwIfAborted()
      return (await proxy.metric(SYNCED).catch(() => 0)) > 0
    }, { timeoutMs: patienceMs, intervalMs: 20 })
    return performance.now() - startedAt
  } catch (error) {
    signal.throwIfAborted()
    if (proxy.exited) throw error
    return undefined
  }
}
