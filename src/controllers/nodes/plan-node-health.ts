// What a node's conditions and heartbeats mean for its status and taints (API server specification 9.5). Pure.

import type { Node, NodeCondition, Taint } from 'kubernetes-types/core/v1.js'
import { equalJson } from '../../api/object.ts'

export const NOT_READY_TAINT = 'node.kubernetes.io/not-ready'
export const UNREACHABLE_TAINT = 'node.kubernetes.io/unreachable'

/** Conditions whose being True keeps new pods away. */
const CONDITION_TAINTS: Readonly<Record<string, string>> = {
  MemoryPressure: 'node.kubernetes.io/memory-pressure',
  DiskPressure: 'node.kubernetes.io/disk-pressure',
  PIDPressure: 'node.kubernetes.io/pid-pressure',
  NetworkUnavailable: 'node.kubernetes.io/network-unavailable',
}
const UNSCHEDULABLE_TAINT = 'node.kubernetes.io/unschedulable'

/** Taints that this controller owns, and nobody else's. */
const OWNED: ReadonlySet<string> = new Set([NOT_READY_TAINT, UNREACHABLE_TAINT, UNSCHEDULABLE_TAINT, ...Object.values(CONDITION_TAINTS)])

/** The conditions that become Unknown when a node falls silent. */
const HEARTBEAT_CONDITIONS = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'] as const

export type Readiness = 'ready' | 'not ready' | 'unreachable' | 'never posted'

export function readinessOf(node: Node): Readiness {
  const status = node.status?.conditions?.find(condition => condition.type === 'Ready')?.status
  if (status === undefined) return 'never posted'
  return status === 'True' ? 'ready' : status === 'False' ? 'not ready' : 'unreachable'
}

/** The conditions a silent node should have, or undefined when it has them already. `now` is RFC 3339. */
export function planSilence(node: Node, now: string): NodeCondition[] | undefined {
  const changed = HEARTBEAT_CONDITIONS.flatMap((type): NodeCondition[] => {
    const known = node.status?.conditions?.find(condition => condition.type === type)
    if (known?.status === 'Unknown') return []
    return [known === undefined
      ? { type, status: 'Unknown', reason: 'NodeStatusNeverUpdated', message: 'Kubelet never posted node status.', lastTransitionTime: now }
      : { ...known, status: 'Unknown', reason: 'NodeStatusUnknown', message: 'Kubelet stopped posting node status.', lastTransitionTime: now }]
  })
  return changed.length > 0 ? changed : undefined
}

/**
 * The taints the node should have, or undefined when nothing changes. `evict` says whether a node that is not ready
 * may also be given the NoExecute taint; one that it has stays until the node is ready, and follows its state.
 */
export function planTaints(node: Node, options: Readonly<{ evict: boolean; now: string }>): Taint[] | undefined {
  const current = node.spec?.taints ?? []
  const readiness = readinessOf(node)
  const wanted: Taint[] = []
  const want = (key: string, effect: Taint['effect']): void => {
    const known = current.find(taint => taint.key === key && taint.effect === effect)
    wanted.push(known ?? { key, effect, timeAdded: options.now })
  }
  const state = readiness === 'ready' ? undefined : readiness === 'unreachable' ? UNREACHABLE_TAINT : NOT_READY_TAINT
  if (state !== undefined) {
    want(state, 'NoSchedule')
    if (readiness !== 'never posted' && (options.evict || hasEvictionTaint(node))) want(state, 'NoExecute')
  }
  if (node.spec?.unschedulable === true) want(UNSCHEDULABLE_TAINT, 'NoSchedule')
  for (const condition of node.status?.conditions ?? []) {
    const key = CONDITION_TAINTS[condition.type]
    if (key !== undefined && condition.status === 'True') want(key, 'NoSchedule')
  }
  const others = current.filter(taint => !OWNED.has(taint.key))
  const next = [...others, ...wanted]
  const identity = (taints: readonly Taint[]): string[] => taints.map(taint => `${taint.key}:${taint.effect}`).sort()
  return equalJson(identity(current), identity(next)) ? undefined : next
}

export const hasEvictionTaint = (node: Node): boolean =>
  (node.spec?.taints ?? []).some(taint => taint.effect === 'NoExecute' && (taint.key === NOT_READY_TAINT || taint.key === UNREACHABLE_TAINT))

/** `kubernetes.io/os` and `/arch` and their old names, which selectors still use (upstream reconciles them, too). */
const TWIN_LABELS = [['kubernetes.io/os', 'beta.kubernetes.io/os'], ['kubernetes.io/arch', 'beta.kubernetes.io/arch']] as const

/** Old labels to set, or undefined when they follow already. */
export function planTwinLabels(node: Node): Record<string, string> | undefined {
  const labels = node.metadata?.labels ?? {}
  const missing = TWIN_LABELS.flatMap(([name, twin]) => (labels[name] !== undefined && labels[twin] !== labels[name] ? [[twin, labels[name]]] : []))
  return missing.length > 0 ? (Object.fromEntries(missing) as Record<string, string>) : undefined
}
