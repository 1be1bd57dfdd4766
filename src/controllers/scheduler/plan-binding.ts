// Which node a pod goes to: those it may run on, then the one with the fewest pods. Pure.

import type { Node, NodeSelectorRequirement, NodeSelectorTerm, Pod, Taint, Toleration } from 'kubernetes-types/core/v1.js'
import type { Stored } from '../../client/objects.ts'
import { requestsOf, type Requests } from './resources.ts'

/** A node as the scheduler sees it, with what its pods ask for together. */
export type Candidate = Readonly<{ node: Stored<Node>; pods: number; requested: Requests; hostPorts: ReadonlySet<string> }>

export type BindingPlan =
  | Readonly<{ kind: 'bind'; node: string }>
  /** One sentence with a count per reason, in kube-scheduler's wording. */
  | Readonly<{ kind: 'unschedulable'; message: string }>

/** `random` in [0, 1) breaks ties, so that equal nodes share evenly. */
export function planBinding(pod: Pod, candidates: readonly Candidate[], random: number): BindingPlan {
  const reasons = new Map<string, number>()
  const fitting: Candidate[] = []
  for (const candidate of candidates) {
    const reason = whyNot(pod, candidate)
    if (reason === undefined) fitting.push(candidate)
    else reasons.set(reason, (reasons.get(reason) ?? 0) + 1)
  }
  if (fitting.length === 0) {
    const parts = [...reasons].map(([reason, count]) => `${count} ${reason}`).sort()
    return { kind: 'unschedulable', message: `0/${candidates.length} nodes are available${parts.length > 0 ? `: ${parts.join(', ')}` : ''}.` }
  }
  const penalty = ({ node, pods }: Candidate): number => pods + preferNoScheduleTaints(pod, node) * PREFER_NO_SCHEDULE_PENALTY
  const least = Math.min(...fitting.map(penalty))
  const best = fitting.filter(candidate => penalty(candidate) === least).sort((a, b) => (a.node.metadata.name < b.node.metadata.name ? -1 : 1))
  return { kind: 'bind', node: best[Math.floor(random * best.length)]!.node.metadata.name }
}

/** We chose: a node one should rather avoid is taken only when the others are this much fuller. */
const PREFER_NO_SCHEDULE_PENALTY = 100

function whyNot(pod: Pod, { node, pods, requested, hostPorts }: Candidate): string | undefined {
  if (node.metadata.deletionTimestamp !== undefined) return 'node(s) were being deleted'
  const tolerations = pod.spec?.tolerations ?? []
  if (node.spec?.unschedulable === true && !toleratesTaint(tolerations, UNSCHEDULABLE)) return 'node(s) were unschedulable'
  const taint = node.spec?.taints?.find(({ effect }, index, all) => effect !== 'PreferNoSchedule' && !toleratesTaint(tolerations, all[index]!))
  if (taint !== undefined) return `node(s) had untolerated taint {${taint.key}: ${taint.value ?? ''}}`
  const ready = node.status?.conditions?.find(condition => condition.type === 'Ready')
  if (ready?.status !== 'True' && !toleratesTaint(tolerations, NOT_READY)) return 'node(s) were not ready'
  if (!matchesNode(pod, node)) return "node(s) didn't match Pod's node affinity/selector"
  if (hostPortsOf(pod).some(port => hostPorts.has(port))) return "node(s) didn't have free ports for the requested pod ports"
  return lackingResource(pod, node, pods, requested)
}

const UNSCHEDULABLE: Taint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' }
const NOT_READY: Taint = { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' }

const preferNoScheduleTaints = (pod: Pod, node: Node): number =>
  (node.spec?.taints ?? []).filter(taint => taint.effect === 'PreferNoSchedule' && !toleratesTaint(pod.spec?.tolerations ?? [], taint)).length

/** Toleration matching (core/v1 Toleration): an empty key with Exists tolerates all, an empty effect every effect. */
export const toleratesTaint = (tolerations: readonly Toleration[], taint: Taint): boolean =>
  tolerations.some(toleration => {
    if (toleration.effect && toleration.effect !== taint.effect) return false
    if (toleration.key && toleration.key !== taint.key) return false
    if ((toleration.operator ?? 'Equal') === 'Exists') return true
    return Boolean(toleration.key) && (toleration.value ?? '') === (taint.value ?? '')
  })

/** nodeSelector and the required node affinity. */
export function matchesNode(pod: Pod, node: Node): boolean {
  const labels = node.metadata?.labels ?? {}
  if (!Object.entries(pod.spec?.nodeSelector ?? {}).every(([key, value]) => labels[key] === value)) return false
  const terms = pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms
  return terms === undefined || terms.some(term => matchesTerm(term, node))
}

/** A term without any requirement matches nothing (core/v1 NodeSelectorTerm). */
function matchesTerm(term: NodeSelectorTerm, node: Node): boolean {
  const expressions = term.matchExpressions ?? []
  const fields = term.matchFields ?? []
  if (expressions.length + fields.length === 0) return false
  return (
    expressions.every(requirement => matchesRequirement(requirement, node.metadata?.labels?.[requirement.key])) &&
    fields.every(requirement => matchesRequirement(requirement, requirement.key === 'metadata.name' ? node.metadata?.name : undefined))
  )
}

function matchesRequirement({ operator, values = [] }: NodeSelectorRequirement, value: string | undefined): boolean {
  switch (operator) {
    case 'In': return value !== undefined && values.includes(value)
    case 'NotIn': return value === undefined || !values.includes(value)
    case 'Exists': return value !== undefined
    case 'DoesNotExist': return value === undefined
    case 'Gt': return value !== undefined && Number(value) > Number(values[0])
    case 'Lt': return value !== undefined && Number(value) < Number(values[0])
    default: return false
  }
}

function lackingResource(pod: Pod, node: Node, pods: number, requested: Requests): string | undefined {
  const allocatable = requestsOf(node.status?.allocatable)
  if (allocatable['pods'] !== undefined && pods + 1 > allocatable['pods']) return 'Too many pods'
  for (const [resource, amount] of Object.entries(podRequests(pod))) {
    // A node that does not say how much it has is not asked: small clusters rarely do.
    const limit = allocatable[resource]
    if (amount > 0 && limit !== undefined && (requested[resource] ?? 0) + amount > limit + ROUNDING) return `Insufficient ${resource}`
    if (amount > 0 && limit === undefined && resource.includes('/')) return `Insufficient ${resource}`
  }
  return undefined
}

/** Sums of 0.1 CPU are not exact; a nano-unit is the smallest amount that can be asked for. */
const ROUNDING = 1e-9

/** What the pod asks for: the sum of its containers, or its largest init container, plus overhead. */
export function podRequests(pod: Pod): Requests {
  const total: Record<string, number> = {}
  for (const container of pod.spec?.containers ?? []) {
    for (const [resource, amount] of Object.entries(requestsOf(container.resources?.requests))) total[resource] = (total[resource] ?? 0) + amount
  }
  for (const container of pod.spec?.initContainers ?? []) {
    for (const [resource, amount] of Object.entries(requestsOf(container.resources?.requests))) total[resource] = Math.max(total[resource] ?? 0, amount)
  }
  for (const [resource, amount] of Object.entries(requestsOf(pod.spec?.overhead))) total[resource] = (total[resource] ?? 0) + amount
  return total
}

/** "protocol/port" of every host port. Host addresses are not told apart: a port taken on one address is taken. */
export const hostPortsOf = (pod: Pod): readonly string[] =>
  (pod.spec?.containers ?? []).flatMap(container => (container.ports ?? []).flatMap(port => (port.hostPort ? [`${port.protocol ?? 'TCP'}/${port.hostPort}`] : [])))
