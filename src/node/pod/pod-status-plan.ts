// A pod's status as its containers make it (kubelet's rules; pure). What others have written into it stays.

import type { Container, ContainerState, ContainerStatus, Pod, PodCondition, PodStatus } from 'kubernetes-types/core/v1.js'
import type { Stored } from '../../client/objects.ts'
import type { RuntimeContainer, RuntimePod } from '../pod-runtime.ts'
import { hasEnded, restartPolicyOf, runsOf, succeeded } from './pod-plan.ts'
import { restartDelayMs, shouldRestart } from './restart-plan.ts'

export type Waiting = Readonly<{ reason: string; message: string }>

export type PodStatusInput = Readonly<{
  pod: Stored<Pod>
  found: RuntimePod | undefined
  /** Containers that could not be started, by name. */
  failures: ReadonlyMap<string, Waiting>
  /** Ids of running containers that have passed their startup probe (or have none). */
  started: ReadonlySet<string>
  /** Ids of running containers whose readiness probe says yes (or that have none). */
  ready: ReadonlySet<string>
  hostIPs: readonly string[]
  /** Milliseconds since the epoch. */
  now: number
}>

const time = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`

export function planPodStatus(input: PodStatusInput): PodStatus {
  const { pod, found, hostIPs, now } = input
  const previous = pod.status ?? {}
  const sandbox = found?.sandboxes.findLast(({ ready }) => ready)
  const initStatuses = (pod.spec?.initContainers ?? []).map(container => statusOf(container, input, { init: true }))
  const statuses = (pod.spec?.containers ?? []).map(container => statusOf(container, input, { init: false }))
  const phase = phaseOf(input, statuses)
  const podIPs = podIPsOf(input, sandbox?.addresses)
  const initialized = initStatuses.every(({ state }) => state?.terminated?.exitCode === 0)
  const ended = phase === 'Succeeded' || phase === 'Failed'
  const notReady = statuses.filter(status => !status.ready).map(({ name }) => name)
  const containersReady = condition(!ended && notReady.length === 0, ended ? 'PodCompleted' : 'ContainersNotReady', ended ? undefined : `containers with unready status: [${notReady.join(' ')}]`)
  const gate = (pod.spec?.readinessGates ?? []).find(({ conditionType }) => previous.conditions?.find(({ type }) => type === conditionType)?.status !== 'True')
  const ready = containersReady.status === 'True' && gate !== undefined
    ? condition(false, 'ReadinessGatesNotReady', `the condition ${gate.conditionType} is not True`)
    : containersReady
  return {
    ...previous,
    phase,
    ...(hostIPs.length > 0 && { hostIP: hostIPs[0]!, hostIPs: hostIPs.map(ip => ({ ip })) }),
    ...(podIPs.length > 0 && { podIP: podIPs[0]!, podIPs: podIPs.map(ip => ({ ip })) }),
    startTime: previous.startTime ?? time(now),
    conditions: conditions(previous.conditions ?? [], {
      PodReadyToStartContainers: condition(sandbox !== undefined, undefined),
      Initialized: initialized || ended ? condition(true, ended ? 'PodCompleted' : undefined) : condition(false, 'ContainersNotInitialized', 'init containers have not all ended well'),
      Ready: ready,
      ContainersReady: containersReady,
      PodScheduled: condition(true, undefined),
    }, now),
    ...(initStatuses.length > 0 && { initContainerStatuses: initStatuses }),
    containerStatuses: statuses,
  }
}

function phaseOf(input: PodStatusInput, statuses: readonly ContainerStatus[]): string {
  const { pod, found } = input
  const known = pod.status?.phase
  if (known === 'Succeeded' || known === 'Failed') return known
  const names = (pod.spec?.containers ?? []).map(({ name }) => name)
  if (found !== undefined && hasEnded(pod, found)) return names.every(name => succeeded(found, name)) ? 'Succeeded' : 'Failed'
  // A pod that is being removed and whose containers have all ended will not start any again.
  if (pod.metadata.deletionTimestamp !== undefined && statuses.length > 0 && statuses.every(({ state }) => state?.terminated !== undefined)) {
    return statuses.every(({ state }) => state?.terminated?.exitCode === 0) ? 'Succeeded' : 'Failed'
  }
  const begun = (name: string): boolean => found !== undefined && runsOf(found.containers, name).length > 0
  return known === 'Running' || (names.length > 0 && names.every(begun)) ? 'Running' : 'Pending'
}

/** Addresses stay with a pod that has ended, and while its sandbox is made anew. */
function podIPsOf({ pod, hostIPs }: PodStatusInput, addresses: readonly string[] | undefined): readonly string[] {
  if (pod.spec?.hostNetwork === true) return hostIPs
  if (addresses !== undefined) return onePerFamily(addresses)
  return (pod.status?.podIPs ?? []).flatMap(({ ip }) => ip ?? [])
}

/** The API takes one address of each family, the network's first choice first. */
const onePerFamily = (addresses: readonly string[]): readonly string[] =>
  addresses.filter((address, index) => addresses.findIndex(other => other.includes(':') === address.includes(':')) === index)

function statusOf(container: Container, input: PodStatusInput, { init }: Readonly<{ init: boolean }>): ContainerStatus {
  const { pod, found } = input
  const runs = runsOf(found?.containers ?? [], container.name)
  const last = runs.at(-1)
  const running = last?.state.kind === 'running'
  const policy = init && restartPolicyOf(pod) !== 'Never' ? 'OnFailure' : restartPolicyOf(pod)
  const restarts = last?.state.kind === 'exited' && shouldRestart(policy, last.state.exitCode) && pod.metadata.deletionTimestamp === undefined && !isFinal(pod)
  const state = last === undefined ? waitingState(container, input) : restarts ? restartState(container, runs, input) : stateOf(last)
  const before = restarts ? last : runs.at(-2)
  const known = (init ? pod.status?.initContainerStatuses : pod.status?.containerStatuses)?.find(({ name }) => name === container.name)
  // Without records of its own (a rebuilt machine) the API's count goes on.
  if (last === undefined && known !== undefined && isFinal(pod)) return known
  return {
    name: container.name,
    state,
    lastState: before === undefined ? {} : stateOf(before),
    ready: init ? last?.state.kind === 'exited' && last.state.exitCode === 0 : running && input.ready.has(last.id),
    started: init ? false : running && input.started.has(last.id),
    restartCount: last?.attempt ?? known?.restartCount ?? 0,
    image: container.image ?? '',
    imageID: '',
    ...(last !== undefined && { containerID: `weft://${last.id}` }),
  }
}

const isFinal = (pod: Stored<Pod>): boolean => pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed'

function stateOf({ state, id }: RuntimeContainer): ContainerState {
  if (state.kind === 'running') return { running: { startedAt: time(state.startedAt) } }
  const { exitCode, reason, startedAt, finishedAt } = state
  return { terminated: { exitCode, reason, startedAt: time(startedAt), finishedAt: time(finishedAt), containerID: `weft://${id}` } }
}

function waitingState(container: Container, { pod, found, failures }: PodStatusInput): ContainerState {
  const failure = failures.get(container.name)
  if (failure !== undefined) return { waiting: failure }
  const pendingInit = (pod.spec?.initContainers ?? []).some(({ name }) => found === undefined || !succeeded(found, name))
  return { waiting: { reason: pendingInit ? 'PodInitializing' : 'ContainerCreating' } }
}

/** The message has no clock in it: a status that changes by itself would be written for ever. */
function restartState(container: Container, runs: readonly RuntimeContainer[], { pod, failures }: PodStatusInput): ContainerState {
  const failure = failures.get(container.name)
  if (failure !== undefined) return { waiting: failure }
  const delayMs = restartDelayMs(runs)
  const last = runs.at(-1)!
  if (delayMs === 0) return stateOf(last)
  return { waiting: { reason: 'CrashLoopBackOff', message: `back-off ${delayMs / 1000}s restarting failed container=${container.name} pod=${pod.metadata.name}_${pod.metadata.namespace ?? ''}(${pod.metadata.uid})` } }
}

type Verdict = Pick<PodCondition, 'status' | 'reason' | 'message'>

const condition = (holds: boolean, reason: string | undefined, message?: string): Verdict => ({
  status: holds ? 'True' : 'False',
  ...(reason !== undefined && (!holds || reason === 'PodCompleted') && { reason }),
  ...(message !== undefined && !holds && { message }),
})

/** Ours in their order, others' behind; the time of the last transition moves only when the status does. */
function conditions(previous: readonly PodCondition[], ours: Readonly<Record<string, Verdict>>, now: number): PodCondition[] {
  const mine = Object.entries(ours).map(([type, verdict]): PodCondition => {
    const before = previous.find(other => other.type === type)
    const lastTransitionTime = before?.status === verdict.status && before.lastTransitionTime !== undefined ? before.lastTransitionTime : time(now)
    return { type, ...verdict, lastTransitionTime }
  })
  return [...mine, ...previous.filter(({ type }) => !Object.hasOwn(ours, type))]
}
