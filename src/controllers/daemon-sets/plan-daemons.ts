// One pod of a template on every node that should have one (kube-controller-manager's daemonset-controller). Pure.

import type { DaemonSet, DaemonSetStatus } from 'kubernetes-types/apps/v1.js'
import type { Node, Pod, PodTemplateSpec, Toleration } from 'kubernetes-types/core/v1.js'
import { cloneJson } from '../../api/object.ts'
import type { Stored } from '../../client/objects.ts'
import { isFinished, isReady, isTerminating } from '../endpoint-slices/pods.ts'
import { isAvailable } from '../pod-availability.ts'
import { matchesNode, toleratesTaint } from '../scheduler/plan-binding.ts'

export const REVISION_HASH_LABEL = 'controller-revision-hash'

export type DaemonPlan = Readonly<{
  /** Nodes to make a pod for. */
  create: readonly string[]
  delete: readonly Stored<Pod>[]
  status: Omit<DaemonSetStatus, 'conditions'>
}>

export type DaemonInput = Readonly<{
  set: Stored<DaemonSet>
  nodes: readonly Stored<Node>[]
  /** Pods the set owns. */
  pods: readonly Stored<Pod>[]
  /** Hash of the current template. */
  hash: string
  /** Milliseconds since the epoch. */
  now: number
}>

/** What daemons tolerate whatever their template says: they are what brings a node up, and stay on one that is in trouble. */
function daemonTolerations(template: PodTemplateSpec): Toleration[] {
  const exists = (key: string, effect: Toleration['effect']): Toleration => ({ key, operator: 'Exists', ...(effect !== undefined && { effect }) })
  return [
    exists('node.kubernetes.io/not-ready', 'NoExecute'), exists('node.kubernetes.io/unreachable', 'NoExecute'),
    exists('node.kubernetes.io/disk-pressure', 'NoSchedule'), exists('node.kubernetes.io/memory-pressure', 'NoSchedule'),
    exists('node.kubernetes.io/pid-pressure', 'NoSchedule'), exists('node.kubernetes.io/unschedulable', 'NoSchedule'),
    ...(template.spec?.hostNetwork === true ? [exists('node.kubernetes.io/network-unavailable', 'NoSchedule')] : []),
  ]
}

/** The template of the pod for one node: the scheduler binds it there and nowhere else. */
export function daemonTemplate(template: PodTemplateSpec, node: string, hash: string): PodTemplateSpec {
  const copy = cloneJson(template)
  const spec = copy.spec ?? { containers: [] }
  const nodeSelectorTerms = [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: [node] }] }]
  const nodeAffinity = { ...spec.affinity?.nodeAffinity, requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } }
  return {
    metadata: { ...copy.metadata, labels: { ...copy.metadata?.labels, [REVISION_HASH_LABEL]: hash } },
    spec: { ...spec, tolerations: [...(spec.tolerations ?? []), ...daemonTolerations(template)], affinity: { ...spec.affinity, nodeAffinity } },
  }
}

/** The node a daemon's pod is on, or is meant for. */
export const targetNode = (pod: Pod): string =>
  pod.spec?.nodeName || pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms
    .flatMap(term => term.matchFields ?? []).find(field => field.key === 'metadata.name')?.values?.[0] || ''

type Fit = Readonly<{ run: boolean; stay: boolean }>

/** Whether a node should get the pod, and whether one that is there may stay. */
export function fitOf(set: DaemonSet, node: Node): Fit {
  const template = set.spec?.template ?? {}
  const pod = { spec: { ...template.spec!, tolerations: [...(template.spec?.tolerations ?? []), ...daemonTolerations(template)] } }
  const named = template.spec?.nodeName
  if ((named !== undefined && named !== '' && named !== node.metadata?.name) || !matchesNode(pod, node)) return { run: false, stay: false }
  const repelling = (node.spec?.taints ?? []).filter(taint => taint.effect !== 'PreferNoSchedule' && !toleratesTaint(pod.spec.tolerations, taint))
  return { run: repelling.length === 0, stay: !repelling.some(taint => taint.effect === 'NoExecute') }
}

export function planDaemons(input: DaemonInput): DaemonPlan {
  const { set, nodes, pods, hash, now } = input
  const minReadySeconds = set.spec?.minReadySeconds ?? 0
  const byNode = Map.groupBy(pods, targetNode)
  const create: string[] = []
  const remove = new Set<Stored<Pod>>()
  const outdated: { node: string; old: Stored<Pod>; fresh: Stored<Pod> | undefined }[] = []
  const counts = { currentNumberScheduled: 0, numberMisscheduled: 0, desiredNumberScheduled: 0, numberReady: 0, updatedNumberScheduled: 0, numberAvailable: 0, numberUnavailable: 0 }
  const available = (pod: Stored<Pod> | undefined): boolean => pod !== undefined && isAvailable(pod, minReadySeconds, now)
  const bounds = updateBounds(set, nodes.filter(node => fitOf(set, node).run).length)
  const known = new Set<string>()
  for (const node of nodes) {
    const name = node.metadata.name
    known.add(name)
    const fit = fitOf(set, node)
    const here = byNode.get(name) ?? []
    for (const pod of here) if (isFinished(pod) && !isTerminating(pod)) remove.add(pod)
    const active = here.filter(pod => !isFinished(pod) && !isTerminating(pod)).sort(byMerit)
    const fresh = active.filter(pod => pod.metadata.labels?.[REVISION_HASH_LABEL] === hash)
    const old = active.filter(pod => pod.metadata.labels?.[REVISION_HASH_LABEL] !== hash)
    if (fit.run) {
      counts.desiredNumberScheduled += 1
      if (active.length > 0) counts.currentNumberScheduled += 1
      if (active.some(isReady)) counts.numberReady += 1
      if (active.some(available)) counts.numberAvailable += 1
      if (fresh.length > 0) counts.updatedNumberScheduled += 1
      if (active.length === 0 && !here.some(pod => isTerminating(pod) && !isFinished(pod))) create.push(name)
      // Of several of a kind the best one stays.
      for (const pod of [...fresh.slice(1), ...old.slice(1)]) remove.add(pod)
      if (old[0] !== undefined) outdated.push({ node: name, old: old[0], fresh: fresh[0] })
    } else {
      if (active.length > 0) counts.numberMisscheduled += 1
      if (!fit.stay) for (const pod of active) remove.add(pod)
    }
  }
  // Pods meant for nodes that are gone would wait for ever.
  for (const [name, meant] of byNode) if (!known.has(name)) for (const pod of meant) if (!isTerminating(pod)) remove.add(pod)
  counts.numberUnavailable = counts.desiredNumberScheduled - counts.numberAvailable
  if (set.spec?.updateStrategy?.type !== 'OnDelete') planUpdate({ outdated, bounds, available, unavailable: counts.numberUnavailable }, create, remove)
  else for (const { old, fresh } of outdated) if (fresh !== undefined) remove.add(old)
  return { create, delete: [...remove], status: { ...counts, observedGeneration: set.metadata.generation ?? 0 } }
}

/** Replaces outdated pods: in place within `unavailable`, or beside each other within `surge`. */
function planUpdate(
  { outdated, bounds, available, unavailable }: Readonly<{ outdated: readonly { node: string; old: Stored<Pod>; fresh: Stored<Pod> | undefined }[]; bounds: Readonly<{ surge: number; unavailable: number }>; available: (pod: Stored<Pod> | undefined) => boolean; unavailable: number }>,
  create: string[],
  remove: Set<Stored<Pod>>,
): void {
  let surging = outdated.filter(({ fresh }) => fresh !== undefined).length
  let room = bounds.unavailable - unavailable
  for (const { node, old, fresh } of outdated) {
    if (bounds.surge > 0) {
      if (fresh !== undefined) {
        if (available(fresh) || !available(old)) remove.add(old)
      } else if (!available(old) || surging < bounds.surge) {
        create.push(node)
        surging += 1
      }
    } else if (!available(old)) {
      remove.add(old)
    } else if (room > 0) {
      remove.add(old)
      room -= 1
    }
  }
}

function updateBounds(set: DaemonSet, desired: number): Readonly<{ surge: number; unavailable: number }> {
  const rolling = set.spec?.updateStrategy?.rollingUpdate
  const amount = (value: number | string | undefined, fallback: number): number =>
    value === undefined ? fallback : typeof value === 'number' ? value : Math.ceil((Number.parseInt(value, 10) * desired) / 100)
  const surge = amount(rolling?.maxSurge, 0)
  const unavailable = amount(rolling?.maxUnavailable, 1)
  return { surge, unavailable: surge === 0 ? Math.max(1, unavailable) : unavailable }
}

/** Ready before not ready, then older before newer. */
const byMerit = (a: Stored<Pod>, b: Stored<Pod>): number =>
  Number(isReady(b)) - Number(isReady(a)) || (a.metadata.creationTimestamp < b.metadata.creationTimestamp ? -1 : a.metadata.creationTimestamp > b.metadata.creationTimestamp ? 1 : a.metadata.name < b.metadata.name ? -1 : 1)
