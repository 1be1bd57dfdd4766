// Brings one pod in line: look, plan, act, look again, report. The same whatever woke it.

import type { Pod } from 'kubernetes-types/core/v1.js'
import type { ApiClient } from '../../client/api-client.ts'
import { isConflict, isNotFound } from '../../client/errors.ts'
import type { EventRecorder } from '../../client/event-recorder.ts'
import type { Stored } from '../../client/objects.ts'
import { PODS } from '../../client/resources.ts'
import { backoffMs, type Backoff } from '../../ops/backoff.ts'
import type { Clock } from '../../ops/clock.ts'
import type { Logger } from '../../ops/log.ts'
import { commandOf, type ImagePrograms } from '../container/command.ts'
import { environmentOf, type ConfigSource } from '../container/environment.ts'
import type { PodRuntime, RuntimePod } from '../pod-runtime.ts'
import { StartError } from '../start-error.ts'
import { planPod, type PodAction } from './pod-plan.ts'
import { PodProbes } from './pod-probes.ts'
import type { Waiting } from './pod-status-plan.ts'

export type PodSyncOptions = Readonly<{
  client: ApiClient
  runtime: PodRuntime
  /** The pod with that uid as the API has it now. */
  podOf: (uid: string) => Stored<Pod> | undefined
  nodeName: string
  hostIPs: readonly string[]
  programs: ImagePrograms
  configSource: ConfigSource
  events: EventRecorder
  /** Asks for the pod to be looked at, now or after a while. */
  again: (uid: string, afterMs: number) => void
  /** Asks for the pod's status to be written. Apart from the work itself, so that pods go on while the API is away. */
  report: (uid: string) => void
  /** Writes it now. */
  reportNow: (uid: string) => Promise<void>
  clock: Clock
  log: Logger
  signal: AbortSignal
}>

/** A plan that has not come to rest after this many steps is given to the queue again. */
const MAX_STEPS = 32

/** kubelet's back-off for images and container creation. */
const START_BACKOFF: Backoff = { initialMs: 10_000, maxMs: 300_000, factor: 2, jitter: 0 }

type StartFailure = Waiting & { count: number; retryAt: number }

export class PodSync {
  readonly #options: PodSyncOptions
  readonly #probes: PodProbes
  /** Containers that could not be started: pod uid, then name. */
  readonly #failures = new Map<string, Map<string, StartFailure>>()
  readonly #found = new Map<string, RuntimePod>()

  constructor(options: PodSyncOptions) {
    this.#options = options
    this.#probes = new PodProbes(options)
  }

  async sync(uid: string): Promise<void> {
    const { runtime, podOf, report, clock, again, signal } = this.#options
    for (let step = 0; step < MAX_STEPS; step += 1) {
      signal.throwIfAborted()
      const pod = podOf(uid)
      const found = await runtime.inspect(uid, { signal })
      this.#remember(uid, found)
      this.#probes.follow(pod, found, uid)
      report(uid)
      const { actions, againInMs } = planPod({ pod, found, unhealthy: this.#probes.unhealthy(uid), startAfter: this.#startTimes(uid), now: clock.now() })
      if (actions.length === 0) {
        if (againInMs !== undefined) again(uid, againInMs)
        if (pod === undefined && found === undefined) this.#failures.delete(uid)
        return
      }
      let wait = againInMs
      for (const action of actions) if ((await this.#act(action, uid, pod, found)) === 'done') wait = undefined
      // Only signals were sent: what they cause is told by the runtime.
      if (actions.every(({ kind }) => kind === 'signal-container')) {
        again(uid, againInMs ?? 0)
        return
      }
      if (actions.some(({ kind }) => kind === 'delete-object')) return
      if (wait !== undefined) again(uid, wait)
    }
    again(uid, 0)
  }

  /** The runtime's state of the pod as it was last looked at. */
  found(uid: string): RuntimePod | undefined {
    return this.#found.get(uid)
  }

  /** Containers of the pod that could not be started, by name. */
  failures(uid: string): ReadonlyMap<string, Waiting> {
    return new Map([...(this.#failures.get(uid) ?? [])].map(([name, { reason, message }]) => [name, { reason, message }]))
  }

  /** Ids of the pod's running containers that count as started, and as ready. */
  verdicts(uid: string): ReturnType<PodProbes['verdicts']> {
    return this.#probes.verdicts(uid)
  }

  /** Ends the probes; the pods go on. */
  stop(): void {
    this.#probes.stop()
  }

  #remember(uid: string, found: RuntimePod | undefined): void {
    if (found === undefined) this.#found.delete(uid)
    else this.#found.set(uid, found)
  }

  async #act(action: PodAction, uid: string, pod: Stored<Pod> | undefined, found: RuntimePod | undefined): Promise<'done' | 'later'> {
    const { runtime, events, log, signal } = this.#options
    const subject = { pod: `${found?.namespace ?? pod?.metadata.namespace}/${found?.name ?? pod?.metadata.name}`, uid }
    switch (action.kind) {
      case 'create-sandbox':
        await this.#createSandbox(pod!)
        log.info(subject, 'sandbox made')
        return 'done'
      case 'remove-sandbox':
        await runtime.removeSandbox(uid, action.sandboxId, { signal })
        log.info({ ...subject, sandbox: action.sandboxId }, 'sandbox removed')
        return 'done'
      case 'start-container':
        return this.#start(action, pod!, found!)
      case 'signal-container':
        await runtime.signalContainer(uid, action.containerId, action.signal, { signal })
        log.info({ ...subject, container: action.containerId, signal: action.signal, reason: action.reason }, 'container told to end')
        if (pod !== undefined && action.signal === 'SIGTERM') events.about(pod, { type: 'Normal', reason: 'Killing', message: `Stopping container ${action.name}: ${action.reason}` })
        return 'done'
      case 'delete-object':
        await this.#deleteObject(pod!)
        return 'done'
      case 'forget-pod':
        await runtime.removePod(uid, { signal })
        return 'done'
    }
  }

  async #createSandbox(pod: Stored<Pod>): Promise<void> {
    const { runtime, events, signal } = this.#options
    try {
      await runtime.createSandbox(pod, { signal })
    } catch (error) {
      signal.throwIfAborted()
      events.about(pod, { type: 'Warning', reason: 'FailedCreatePodSandBox', message: `Failed to create pod sandbox: ${(error as Error).message}` })
      throw error
    }
  }

  async #start({ container, attempt, sandboxId }: Extract<PodAction, { kind: 'start-container' }>, pod: Stored<Pod>, found: RuntimePod): Promise<'done' | 'later'> {
    const { runtime, events, log, nodeName, hostIPs, programs, configSource, signal } = this.#options
    const { uid } = pod.metadata
    const podIPs = pod.spec?.hostNetwork === true ? hostIPs : (found.sandboxes.find(({ id }) => id === sandboxId)?.addresses ?? [])
    try {
      const env = await environmentOf(pod, container, { nodeName, podIPs, hostIPs }, configSource)
      const command = commandOf(container, env, programs)
      await runtime.startContainer(uid, { name: container.name, attempt, sandboxId, command, env, workingFolder: container.workingDir || '/' }, { signal })
      this.#failures.get(uid)?.delete(container.name)
      events.about(pod, { type: 'Normal', reason: 'Started', message: `Started container ${container.name}` })
      log.info({ pod: `${pod.metadata.namespace}/${pod.metadata.name}`, uid, container: container.name, attempt }, 'container started')
      return 'done'
    } catch (error) {
      if (!(error instanceof StartError)) throw error
      this.#recordFailure(uid, container.name, error)
      events.about(pod, { type: 'Warning', reason: 'Failed', message: error.message })
      return 'later'
    }
  }

  #recordFailure(uid: string, name: string, { reason, message }: StartError): void {
    const failures = this.#failures.get(uid) ?? new Map<string, StartFailure>()
    const count = (failures.get(name)?.count ?? 0) + 1
    failures.set(name, { reason, message, count, retryAt: this.#options.clock.now() + backoffMs(START_BACKOFF, count, 0) })
    this.#failures.set(uid, failures)
  }

  #startTimes(uid: string): ReadonlyMap<string, number> {
    return new Map([...(this.#failures.get(uid) ?? [])].map(([name, { retryAt }]) => [name, retryAt]))
  }

  /** What its containers ended with is the last word about the pod, for those who watch it. */
  async #deleteObject({ metadata: { namespace, name, uid } }: Stored<Pod>): Promise<void> {
    try {
      await this.#options.reportNow(uid)
      await this.#options.client.delete(PODS, { namespace, name }, { gracePeriodSeconds: 0, preconditions: { uid }, signal: this.#options.signal })
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) throw error
    }
  }
}
