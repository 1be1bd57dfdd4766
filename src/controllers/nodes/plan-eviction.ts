// How long a pod may stay on a node with these taints. Pure.

import type { Taint, Toleration } from 'kubernetes-types/core/v1.js'
import { toleratesTaint } from '../scheduler/plan-binding.ts'

/**
 * Milliseconds until the pod must go, 0 when at once, undefined when it may stay. Of several tolerations that a
 * taint is matched by, and of several taints, the shortest time counts (core/v1 Toleration.tolerationSeconds).
 */
export function planEviction(tolerations: readonly Toleration[], taints: readonly Taint[]): number | undefined {
  let shortest: number | undefined
  for (const taint of taints) {
    const matching = tolerations.filter(toleration => toleratesTaint([toleration], taint))
    if (matching.length === 0) return 0
    for (const { tolerationSeconds } of matching) {
      if (tolerationSeconds === undefined) continue
      const ms = Math.max(0, tolerationSeconds * 1_000)
      if (shortest === undefined || ms < shortest) shortest = ms
    }
  }
  return shortest
}
