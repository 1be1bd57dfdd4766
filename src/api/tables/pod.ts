// `kubectl get pods`: the status word is the outcome of a walk over conditions and containers
// (printPod in pkg/printers/internalversion).

import type { Container, ContainerStatus, Pod } from 'kubernetes-types/core/v1.d.ts'
import { columns, type TableLayout } from '../registry/table.ts'
import { formatDuration } from './age.ts'
import { ageOf, nameOf, NONE } from './cells.ts'

export const POD_TABLE: TableLayout = {
  columns: columns('Name', 'Ready', 'Status', 'Restarts', 'Age', '+IP', '+Node', '+Nominated Node', '+Readiness Gates'),
  row: (object, nowMs) => {
    const pod = object as unknown as Pod
    const summary = summarize(pod)
    const phase = pod.status?.phase
    const cells = [
      nameOf(object), `${summary.ready}/${summary.total}`, summary.reason, formatRestarts(summary, nowMs), ageOf(object, nowMs),
      pod.status?.podIPs?.[0]?.ip ?? pod.status?.podIP ?? NONE, pod.spec?.nodeName || NONE, pod.status?.nominatedNodeName || NONE, readinessGates(pod),
    ]
    if (phase !== 'Succeeded' && phase !== 'Failed') return { cells }
    const message = phase === 'Succeeded' ? 'The pod has completed successfully.' : 'The pod failed.'
    return { cells, conditions: [{ type: 'Completed', status: 'True', reason: phase, message }] }
  },
}

type Summary = { reason: string; ready: number; total: number; restarts: number; lastRestartMs: number | undefined }

function summarize(pod: Pod): Summary {
  const status = pod.status ?? {}
  const restartable = new Set((pod.spec?.initContainers ?? []).filter(isRestartable).map(({ name }) => name))
  const summary: Summary = {
    reason: (status.reason ?? '') !== '' ? status.reason! : status.phase ?? '',
    ready: 0, total: (pod.spec?.containers?.length ?? 0) + restartable.size, restarts: 0, lastRestartMs: undefined,
  }
  const condition = (type: string): string | undefined => status.conditions?.find(item => item.type === type)?.status
  if (status.conditions?.some(({ type, reason }) => type === 'PodScheduled' && reason === 'SchedulingGated')) summary.reason = 'SchedulingGated'
  const initializing = walkInit(pod, summary, restartable)
  if (!initializing || condition('Initialized') === 'True') walkContainers(pod, summary, condition('Ready') === 'True')
  if (pod.metadata?.deletionTimestamp !== undefined) {
    if (status.reason === 'NodeLost') summary.reason = 'Unknown'
    else if (status.phase !== 'Succeeded' && status.phase !== 'Failed') summary.reason = 'Terminating'
  }
  return summary
}

const isRestartable = (container: Container): boolean => container.restartPolicy === 'Always'

/** True when the pod is still at an init container. */
function walkInit(pod: Pod, summary: Summary, restartable: ReadonlySet<string>): boolean {
  const total = pod.spec?.initContainers?.length ?? 0
  let restarts = 0
  for (const [index, container] of (pod.status?.initContainerStatuses ?? []).entries()) {
    restarts += container.restartCount
    noteRestart(summary, container)
    const { terminated, waiting } = container.state ?? {}
    if (terminated !== undefined && terminated.exitCode === 0) continue
    if (restartable.has(container.name) && container.started === true) {
      if (container.ready) summary.ready += 1
      continue
    }
    if (terminated !== undefined) summary.reason = `Init:${terminationWord(terminated)}`
    else if (waiting !== undefined && (waiting.reason ?? '') !== '' && waiting.reason !== 'PodInitializing') summary.reason = `Init:${waiting.reason}`
    else summary.reason = `Init:${index}/${total}`
    summary.restarts = restarts
    return true
  }
  return false
}

function walkContainers(pod: Pod, summary: Summary, podReady: boolean): void {
  const statuses = pod.status?.containerStatuses ?? []
  summary.lastRestartMs = undefined
  summary.restarts = (pod.status?.initContainerStatuses ?? []).filter(({ name }) =>
    pod.spec?.initContainers?.some(container => container.name === name && isRestartable(container))).reduce((sum, { restartCount }) => sum + restartCount, 0)
  let running = false
  let failure: string | undefined
  for (const container of [...statuses].reverse()) {
    summary.restarts += container.restartCount
    noteRestart(summary, container)
    const { waiting, terminated } = container.state ?? {}
    if (waiting !== undefined && (waiting.reason ?? '') !== '') summary.reason = waiting.reason!
    else if (terminated !== undefined) {
      summary.reason = terminationWord(terminated)
      if (terminated.exitCode !== 0 && failure === undefined) failure = summary.reason
    } else if (container.ready && container.state?.running !== undefined) {
      running = true
      summary.ready += 1
    }
  }
  if (summary.reason === 'Completed' && running) summary.reason = podReady ? 'Running' : failure ?? 'NotReady'
}

function terminationWord({ reason = '', signal = 0, exitCode }: { reason?: string; signal?: number; exitCode: number }): string {
  if (reason !== '') return reason
  return signal === 0 ? `ExitCode:${exitCode}` : `Signal:${signal}`
}

function noteRestart(summary: Summary, container: ContainerStatus): void {
  const finished = Date.parse(container.lastState?.terminated?.finishedAt ?? '')
  if (!Number.isNaN(finished) && finished > (summary.lastRestartMs ?? 0)) summary.lastRestartMs = finished
}

const formatRestarts = ({ restarts, lastRestartMs }: Summary, nowMs: number): string =>
  restarts === 0 || lastRestartMs === undefined ? String(restarts) : `${restarts} (${formatDuration(nowMs - lastRestartMs)} ago)`

function readinessGates(pod: Pod): string {
  const gates = pod.spec?.readinessGates ?? []
  if (gates.length === 0) return NONE
  const held = gates.filter(gate => pod.status?.conditions?.some(({ type, status }) => type === gate.conditionType && status === 'True'))
  return `${held.length}/${gates.length}`
}
