// When did a proxy that was just started finish its first sync, and how long did a later one take? Both by the proxy's
// own word (kube-proxy's metric), which needs no polling that would disturb what is measured.

import { setTimeout as delay } from 'node:timers/promises'
import { eventually } from '../../../lab/eventually.ts'
import type { RunningProxy } from './cluster.ts'

const LAST_SYNC = 'kubeproxy_sync_proxy_rules_last_timestamp_seconds{ip_family="IPv4"}'

/** Wall clock of the last successful sync in milliseconds; 0 when there was none or the proxy does not answer. */
export const lastSyncMs = async ({ proxy }: RunningProxy): Promise<number> => ((await proxy.metric(LAST_SYNC).catch(() => 0)) || 0) * 1000

/** Milliseconds from the start of the process to the end of its first sync; undefined when that was not over after `limitMs`. */
export async function firstSync(running: RunningProxy, limitMs: number, signal: AbortSignal): Promise<number | undefined> {
  const done = eventually(async () => {
    signal.throwIfAborted()
    if (running.proxy.exited) throw new Error(`the proxy ended:\n${running.proxy.log.slice(-10).map(line => JSON.stringify(line)).join('\n')}`)
    return (await lastSyncMs(running)) > 0
  }, { timeoutMs: limitMs, intervalMs: 250 }).then(() => true, error => {
    signal.throwIfAborted()
    if (running.proxy.exited) throw error
    return false
  })
  return (await done) ? (await lastSyncMs(running)) - running.proxy.startedAtMs : undefined
}

/** Milliseconds from `sinceMs` (wall clock) to the end of the sync that follows; NaN when there was none within `limitMs`. */
export async function nextSync(running: RunningProxy, sinceMs: number, limitMs: number): Promise<number> {
  const end = sinceMs + limitMs
  for (;;) {
    await delay(400)
    const synced = await lastSyncMs(running)
    if (synced > sinceMs) return synced - sinceMs
    if (Date.now() > end) return Number.NaN
  }
}
