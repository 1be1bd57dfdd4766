// What to do next for one pod: wanted (the API's object) against found (the runtime's state). Pure; one step at a time, and
// the result of each step is looked at again before the next.

import type { Container, Pod } from 'kubernetes-types/core/v1.js'
import type { Stored } from '../../client/objects.ts'
import type { RuntimeContainer, RuntimePod, RuntimeSandbox } from '../pod-runtime.ts'
import { restartDelayMs, shouldRestart, type RestartPolicy } from './restart-plan.ts'

export type PodAction =
  | Readonly<{ kind: 'create-sandbox' }>
  | Readonly<{ kind: 'remove-sandbox'; sandboxId: string }>
  | Readonly<{ kind: 'start-container'; container: Container; attempt: number; sandboxId: string }>
  | Readonly<{ kind: 'signal-container'; containerId: string; name: string; signal: 'SIGTERM' | 'SIGKILL'; reason: string }>
  /** The object is to go: nothing of the pod is left on this node. */
  | Readonly<{ kind: 'delete-object' }>
  | Readonly<{ kind: 'forget-pod' }>

export type PodPlan = Readonly<{
  actions: readonly PodAction[]
  /** When to look again although nothing has happened by then (milliseconds from now). */
  againInMs: number | undefined
}>

export type PodPlanInput = Readonly<{
  /** Undefined when the API has no such pod any more (or another of the same name). */
  pod: Stored<Pod> | undefined
  found: RuntimePod | undefined
  /** Containers whose liveness or startup probe has given them up. */
  unhealthy: ReadonlySet<string>
  /** Containers that could not be started, and when they may be tried again. */
  startAfter: ReadonlyMap<string, number>
  /** Milliseconds since the epoch. */
  now: number
}>

const NOTHING: PodPlan = { actions: [], againInMs: undefined }

/** Kubernetes' default of terminationGracePeriodSeconds. */
const DEFAULT_GRACE_SECONDS = 30

/** SIGKILL is sent again this long after the last: a process that waits in the kernel takes its time. */
const KILL_AGAIN_MS = 1_000

export function planPod(input: PodPlanInput): PodPlan {
  const { pod, found, now } = input
  if (pod === undefined) return found === undefined ? NOTHING : planRemoval(found, now, now, [{ kind: 'forget-pod' }])
  const deletedAt = pod.metadata.deletionTimestamp
  // The timestamp of a graceful deletion is the moment at which the grace ends.
  if (deletedAt !== undefined) return planRemoval(found, Date.parse(deletedAt), now, [{ kind: 'delete-object' }])
  if (isTerminal(pod)) return planRemoval(found, now, now, [])
  return planRunning(pod, input)
}

/** The API says that the pod has ended, or its restart policy says so now. Both are final. */
export const isTerminal = (pod: Stored<Pod>): boolean => pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed'

function planRemoval(found: RuntimePod | undefined, deadline: number, now: number, last: readonly PodAction[]): PodPlan {
  if (found === undefined) return { actions: last.filter(action => action.kind !== 'forget-pod'), againInMs: undefined }
  const stop = planStop(found.containers, deadline, now, 'the pod is being removed')
  if (stop !== undefined) return stop
  if (found.sandboxes.length > 0) return { actions: found.sandboxes.map(({ id }) => ({ kind: 'remove-sandbox', sandboxId: id })), againInMs: undefined }
  return { actions: last, againInMs: undefined }
}

/** Asks running containers to end, and makes them at the deadline. Undefined when none runs. */
function planStop(containers: readonly RuntimeContainer[], deadline: number, now: number, reason: string): PodPlan | undefined {
  const running = containers.filter(container => container.state.kind === 'running')
  if (running.length === 0) return undefined
  const signal = now >= deadline ? 'SIGKILL' : 'SIGTERM'
  const told = signal === 'SIGKILL' ? running : running.filter(container => container.stopRequestedAt === undefined)
  return {
    actions: told.map(({ id, name }) => ({ kind: 'signal-container', containerId: id, name, signal, reason })),
    againInMs: signal === 'SIGKILL' ? KILL_AGAIN_MS : Math.max(1, deadline - now),
  }
}

function planRunning(pod: Stored<Pod>, input: PodPlanInput): PodPlan {
  const { found, now } = input
  const sandbox = found?.sandboxes.at(-1)
  const stale = found?.sandboxes.filter(other => other !== sandbox || !other.ready) ?? []
  if (stale.length > 0) {
    const lost = (found?.containers ?? []).filter(container => stale.some(({ id }) => id === container.sandboxId))
    return planStop(lost, now, now, 'its sandbox is gone') ?? { actions: stale.map(({ id }) => ({ kind: 'remove-sandbox', sandboxId: id })), againInMs: undefined }
  }
  const policy = restartPolicyOf(pod)
  if (found !== undefined && hasEnded(pod, found)) return planRemoval(found, now, now, [])
  if (sandbox === undefined) return { actions: [{ kind: 'create-sandbox' }], againInMs: undefined }
  const containers = found?.containers ?? []
  for (const init of pod.spec?.initContainers ?? []) {
    const runs = runsOf(containers, init.name)
    const last = runs.findLast(run => run.sandboxId === sandbox.id)
    if (last?.state.kind === 'exited' && last.state.exitCode === 0) continue
    return planContainer(init, runs, sandbox, policy === 'Never' ? 'Never' : 'OnFailure', pod, input, { fresh: last === undefined })
  }
  const plans = (pod.spec?.containers ?? []).map(container => planContainer(container, runsOf(containers, container.name), sandbox, policy, pod, input, { fresh: false }))
  const waits = plans.map(plan => plan.againInMs).filter(wait => wait !== undefined)
  return { actions: plans.flatMap(plan => plan.actions), againInMs: waits.length === 0 ? undefined : Math.min(...waits) }
}

/** `fresh`: it is due whatever earlier runs say (an init container in a new sandbox). */
function planContainer(container: Container, runs: readonly RuntimeContainer[], sandbox: RuntimeSandbox, policy: RestartPolicy, pod: Stored<Pod>, input: PodPlanInput, { fresh }: Readonly<{ fresh: boolean }>): PodPlan {
  const { now, startAfter, unhealthy } = input
  const last = runs.at(-1)
  if (last?.state.kind === 'running') {
    if (!unhealthy.has(last.id)) return NOTHING
    const graceMs = (pod.spec?.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS) * 1000
    return planStop([last], (last.stopRequestedAt ?? now) + graceMs, now, 'its probe failed') ?? NOTHING
  }
  if (last?.state.kind === 'exited' && !fresh) {
    if (!shouldRestart(policy, last.state.exitCode)) return NOTHING
    const due = last.state.finishedAt + restartDelayMs(runs)
    if (now < due) return { actions: [], againInMs: due - now }
  }
  const mayStart = startAfter.get(container.name) ?? 0
  if (now < mayStart) return { actions: [], againInMs: mayStart - now }
  return { actions: [{ kind: 'start-container', container, attempt: nextAttempt(pod, container.name, last), sandboxId: sandbox.id }], againInMs: undefined }
}

/** The records of a machine that was rebuilt are gone; the API still knows how often a container has started. */
function nextAttempt(pod: Stored<Pod>, name: string, last: RuntimeContainer | undefined): number {
  if (last !== undefined) return last.attempt + 1
  const statuses = [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])]
  const known = statuses.find(status => status.name === name && (status.containerID ?? '') !== '')
  return known === undefined ? 0 : known.restartCount + 1
}

export const restartPolicyOf = (pod: Stored<Pod>): RestartPolicy => (pod.spec?.restartPolicy as RestartPolicy | undefined) ?? 'Always'

/** One container's runs, oldest first. */
export const runsOf = (containers: readonly RuntimeContainer[], name: string): readonly RuntimeContainer[] => containers.filter(container => container.name === name)

/** Nothing will ever start again: every container has ended for good, or an init container has failed for good. */
export function hasEnded(pod: Stored<Pod>, found: RuntimePod): boolean {
  const policy = restartPolicyOf(pod)
  const endedForGood = (name: string): boolean => {
    const last = runsOf(found.containers, name).at(-1)
    return last?.state.kind === 'exited' && !shouldRestart(policy, last.state.exitCode)
  }
  if (policy === 'Never' && (pod.spec?.initContainers ?? []).some(({ name }) => endedForGood(name) && !succeeded(found, name))) return true
  return (pod.spec?.containers ?? []).every(({ name }) => endedForGood(name))
}

export function succeeded(found: RuntimePod, name: string): boolean {
  const last = runsOf(found.containers, name).at(-1)
  return last?.state.kind === 'exited' && last.state.exitCode === 0
}
