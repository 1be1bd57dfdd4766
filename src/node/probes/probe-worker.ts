// The probes of one running container: asks in turn, counts, and tells when the verdict changes.

import type { Container, Probe } from 'kubernetes-types/core/v1.js'
import type { Clock } from '../../ops/clock.ts'
import type { ProbeResult } from './probe.ts'

export type ProbeKind = 'startup' | 'liveness' | 'readiness'

/** What the probes say of a container. Without a probe of a kind: started, alive, ready. */
export type Verdict = Readonly<{ started: boolean; alive: boolean; ready: boolean }>

export type ProbeWorkerOptions = Readonly<{
  container: Container
  /** When the container started (milliseconds since the epoch). */
  startedAt: number
  ask: (probe: Probe, options: Readonly<{ signal: AbortSignal }>) => Promise<ProbeResult>
  onChange: () => void
  onFailure: (kind: ProbeKind, message: string) => void
  clock: Clock
  signal: AbortSignal
}>

const PROBES = { startup: 'startupProbe', liveness: 'livenessProbe', readiness: 'readinessProbe' } as const satisfies Record<ProbeKind, keyof Container>

export class ProbeWorker {
  readonly #options: ProbeWorkerOptions
  readonly #stop = new AbortController()
  #verdict: Verdict

  constructor(options: ProbeWorkerOptions) {
    this.#options = options
    const { container } = options
    // Until they have spoken: not started, not ready, but alive.
    this.#verdict = { started: container.startupProbe === undefined, alive: true, ready: container.readinessProbe === undefined }
    for (const kind of Object.keys(PROBES) as ProbeKind[]) {
      const probe = container[PROBES[kind]]
      if (probe !== undefined) void this.#run(kind, probe)
    }
  }

  get verdict(): Verdict {
    return this.#verdict
  }

  stop(): void {
    this.#stop.abort()
  }

  async #run(kind: ProbeKind, probe: Probe): Promise<void> {
    const { clock, startedAt } = this.#options
    const signal = AbortSignal.any([this.#options.signal, this.#stop.signal])
    let successes = 0
    let failures = 0
    try {
      await clock.sleep(Math.max(0, startedAt + (probe.initialDelaySeconds ?? 0) * 1000 - clock.now()), { signal })
      for (;;) {
        // Liveness and readiness are asked only once the container counts as started.
        if (kind === 'startup' || this.#verdict.started) {
          const { ok, message } = await this.#options.ask(probe, { signal })
          successes = ok ? successes + 1 : 0
          failures = ok ? 0 : failures + 1
          if (!ok) this.#options.onFailure(kind, message)
          if (successes >= (probe.successThreshold ?? 1)) this.#conclude(kind, true)
          if (failures >= (probe.failureThreshold ?? 3)) this.#conclude(kind, false)
          if (kind === 'startup' && this.#verdict.started) return
        }
        // A young container is asked more often than its period says, until it is ready: traffic is to reach it soon.
        const young = kind === 'readiness' && !this.#verdict.ready && clock.now() - startedAt < YOUNG_MS
        const periodMs = (probe.periodSeconds ?? 10) * 1000
        await clock.sleep(young ? Math.min(YOUNG_PERIOD_MS, periodMs) : periodMs, { signal })
      }
    } catch (error) {
      if (!signal.aborted) throw error
    }
  }

  #conclude(kind: ProbeKind, ok: boolean): void {
    const { started, alive, ready } = this.#verdict
    const next: Verdict = {
      started: kind === 'startup' && ok ? true : started,
      // A startup probe that gives up ends the container as a liveness probe does.
      alive: kind !== 'readiness' && !ok ? false : alive,
      ready: kind === 'readiness' ? ok : ready,
    }
    if (next.started === started && next.alive === alive && next.ready === ready) return
    this.#verdict = next
    this.#options.onChange()
  }
}

/** We chose both; kubelet asks at once when the container has started and then by the period. */
const YOUNG_MS = 10_000
const YOUNG_PERIOD_MS = 100
