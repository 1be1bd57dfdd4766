// When a pod counts as available: ready, and for long enough. Pure; shared by all that run pods.

import type { Pod } from 'kubernetes-types/core/v1.js'
import { isReady, readyTransitionOf } from './endpoint-slices/pods.ts'

/** True once the pod has been ready for `minReadySeconds`. `now` in milliseconds since the epoch. */
export function isAvailable(pod: Pod, minReadySeconds: number, now: number): boolean {
  return isReady(pod) && untilAvailable(pod, minReadySeconds, now) === 0
}

/** Milliseconds until a ready pod becomes available; 0 when it is, undefined when it is not even ready. */
export function untilAvailable(pod: Pod, minReadySeconds: number, now: number): number | undefined {
  if (!isReady(pod)) return undefined
  if (minReadySeconds === 0) return 0
  const since = Date.parse(readyTransitionOf(pod) ?? '')
  return Number.isNaN(since) ? undefined : Math.max(0, since + minReadySeconds * 1_000 - now)
}
