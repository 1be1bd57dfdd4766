// What the node part needs of whoever runs pods. One implementation starts processes (process-runtime/); a CRI driver will
// be another. State is asked for, never remembered by the caller: a restarted node part finds what it left running.

import type { Pod } from 'kubernetes-types/core/v1.js'
import type { Stored } from '../client/objects.ts'

export type RuntimeSandbox = Readonly<{
  id: string
  createdAt: number
  /** Its namespaces stand and it has its addresses. A sandbox that is not ready can only be removed. */
  ready: boolean
  /** In the network's order; empty for a pod on the host's network. */
  addresses: readonly string[]
}>

export type ContainerState =
  | Readonly<{ kind: 'running'; startedAt: number }>
  | Readonly<{ kind: 'exited'; startedAt: number; finishedAt: number; exitCode: number; reason: 'Completed' | 'Error' | 'ContainerStatusUnknown' }>

export type RuntimeContainer = Readonly<{
  id: string
  name: string
  /** Counts up from 0 with every start of this container of the pod, over all sandboxes. */
  attempt: number
  sandboxId: string
  state: ContainerState
  /** When it was first asked to end (milliseconds since the epoch). */
  stopRequestedAt: number | undefined
}>

/** Everything the runtime has of one pod. Times are milliseconds since the epoch. */
export type RuntimePod = Readonly<{
  uid: string
  namespace: string
  name: string
  sandboxes: readonly RuntimeSandbox[]
  /** Running and past ones, oldest first. */
  containers: readonly RuntimeContainer[]
}>

export type ContainerStart = Readonly<{
  name: string
  attempt: number
  sandboxId: string
  /** Program and arguments, resolved: nothing is left to expand. */
  command: readonly string[]
  env: Readonly<Record<string, string>>
  workingFolder: string
}>

type Cancel = Readonly<{ signal: AbortSignal }>

export interface PodRuntime {
  /** Uids of all pods of which anything is left. */
  list(options: Cancel): Promise<readonly string[]>
  /** Not to be called while something else is done about the same pod. */
  inspect(uid: string, options: Cancel): Promise<RuntimePod | undefined>
  /** Makes namespaces and connects them. Rejects when that fails; what was made by then shows as a sandbox that is not ready. */
  createSandbox(pod: Stored<Pod>, options: Cancel): Promise<void>
  /** Ends whatever still runs in it, disconnects and removes it. Removing twice is success. */
  removeSandbox(uid: string, sandboxId: string, options: Cancel): Promise<void>
  /** Rejects with StartError when this container cannot be started as it is described. */
  startContainer(uid: string, start: ContainerStart, options: Cancel): Promise<void>
  signalContainer(uid: string, containerId: string, signal: 'SIGTERM' | 'SIGKILL', options: Cancel): Promise<void>
  /** Runs a command inside a running container. `exitCode` is undefined when it had to be killed at its deadline. */
  exec(uid: string, containerId: string, command: readonly string[], options: Cancel & Readonly<{ timeoutMs: number }>): Promise<Readonly<{ exitCode: number | undefined; output: string }>>
  /** Forgets a pod without sandboxes: its records and logs. */
  removePod(uid: string, options: Cancel): Promise<void>
}

/** Why a container waits instead of running: the reasons that kubectl shows. */
export type StartReason = 'ErrImagePull' | 'CreateContainerConfigError' | 'CreateContainerError'
