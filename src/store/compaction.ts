// Keeps the store's history short: what is older than five minutes goes, but never the newest thousand revisions.

import type { Clock } from '../ops/clock.ts'
import type { Logger } from '../ops/log.ts'
import type { Store } from './store.ts'

export type CompactionOptions = Readonly<{
  store: Store
  /** How old history may grow, and how often it is cut (etcd under kube-apiserver: five minutes). */
  intervalMs: number
  /** Revisions that stay however old they are. */
  keepRevisions: number
  clock: Clock
  log: Logger
  signal: AbortSignal
}>

export const KEEP_REVISIONS = 1_000

/** Cuts at what was the present one interval ago. Resolves after the abort; a failed cut is made up for by the next. */
export async function runCompaction({ store, intervalMs, keepRevisions, clock, log, signal }: CompactionOptions): Promise<void> {
  let previous: number | undefined
  while (!signal.aborted) {
    try {
      const current = await store.revision({ signal })
      const floor = Math.min(previous ?? 0, current - keepRevisions)
      if (floor > 0) {
        await store.compact(floor, { signal })
        log.debug({ revision: floor }, 'history compacted')
      }
      previous = current
    } catch (err) {
      if (signal.aborted) return
      log.warn({ err }, 'history could not be compacted')
    }
    await clock.sleep(intervalMs, { signal }).catch(() => undefined)
  }
}
