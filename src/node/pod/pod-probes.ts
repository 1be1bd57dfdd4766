// The probe workers of all pods: one per running container, started and stopped as containers come and go.

import type { Container, Pod } from 'kubernetes-types/core/v1.js'
import type { EventRecorder } from '../../client/event-recorder.ts'
import type { Stored } from '../../client/objects.ts'
import type { Clock } from '../../ops/clock.ts'
import type { PodRuntime, RuntimePod } from '../pod-runtime.ts'
import { ProbeWorker } from '../probes/probe-worker.ts'
import { runProbe } from '../probes/probe.ts'

export type PodProbesOptions = Readonly<{
  runtime: PodRuntime
  hostIPs: readonly string[]
  events: EventRecorder
  again: (uid: string, afterMs: number) => void
  clock: Clock
  signal: AbortSignal
}>

const NAMES = { startup: 'Startup', liveness: 'Liveness', readiness: 'Readiness' } as const

export class PodProbes {
  readonly #options: PodProbesOptions
  /** Pod uid, then container id. */
  readonly #workers = new Map<string, Map<string, ProbeWorker>>()

  constructor(options: PodProbesOptions) {
    this.#options = options
  }

  /** Starts workers for containers that run and stops those of others. */
  follow(pod: Stored<Pod> | undefined, found: RuntimePod | undefined, uid: string): void {
    const workers = this.#workers.get(uid) ?? new Map<string, ProbeWorker>()
    const running = new Set<string>()
    for (const { id, name, state, sandboxId } of found?.containers ?? []) {
      const container = pod?.spec?.containers?.find(other => other.name === name)
      if (pod === undefined || container === undefined || state.kind !== 'running') continue
      running.add(id)
      if (workers.has(id)) continue
      const podIP = pod.spec?.hostNetwork === true ? this.#options.hostIPs[0] : found?.sandboxes.find(sandbox => sandbox.id === sandboxId)?.addresses[0]
      workers.set(id, this.#startWorker(pod, container, id, podIP ?? '', state.startedAt))
    }
    for (const [id, worker] of workers) {
      if (running.has(id)) continue
      worker.stop()
      workers.delete(id)
    }
    if (workers.size === 0) this.#workers.delete(uid)
    else this.#workers.set(uid, workers)
  }

  unhealthy(uid: string): ReadonlySet<string> {
    return this.#where(uid, worker => !worker.verdict.alive)
  }

  verdicts(uid: string): Readonly<{ started: ReadonlySet<string>; ready: ReadonlySet<string> }> {
    return { started: this.#where(uid, worker => worker.verdict.started), ready: this.#where(uid, worker => worker.verdict.started && worker.verdict.ready) }
  }

  stop(): void {
    for (const workers of this.#workers.values()) for (const worker of workers.values()) worker.stop()
    this.#workers.clear()
  }

  #startWorker(pod: Stored<Pod>, container: Container, id: string, podIP: string, startedAt: number): ProbeWorker {
    const { runtime, events, again, clock, signal } = this.#options
    const { uid } = pod.metadata
    return new ProbeWorker({
      container, startedAt, clock, signal,
      ask: (probe, options) => runProbe(probe, { container, podIP, exec: (command, timeoutMs) => runtime.exec(uid, id, command, { timeoutMs, ...options }) }, options),
      onChange: () => again(uid, 0),
      onFailure: (kind, message) => events.about(pod, { type: 'Warning', reason: 'Unhealthy', message: `${NAMES[kind]} probe of container ${container.name} failed: ${message}` }),
    })
  }

  #where(uid: string, holds: (worker: ProbeWorker) => boolean): ReadonlySet<string> {
    return new Set([...(this.#workers.get(uid) ?? [])].filter(([, worker]) => holds(worker)).map(([id]) => id))
  }
}
