// Keeps the masquerade and forward rules as they should be, on a period and whenever asked.

import { backoffMs, type Backoff } from '../../ops/backoff.ts'
import type { Clock } from '../../ops/clock.ts'
import type { Logger } from '../../ops/log.ts'
import { Doorbell, reconcileLoop } from '../../ops/wake.ts'
import type { AgentMetrics } from '../health/agent-metrics.ts'
import type { RulesInput } from './iptables-plan.ts'
import type { RuleEngine } from './rule-engine.ts'

export type RulesLoopParts = Readonly<{
  engine: RuleEngine
  /** The rules wanted now. */
  want: () => RulesInput
  resyncMs: number
  metrics: AgentMetrics
  log: Logger
  clock: Clock
  random: () => number
  onPass: () => void
}>

export type RulesState = Readonly<{
  /** Monotonic time of the last pass that found or made everything right; undefined before the first. */
  verifiedMs: number | undefined
  trouble: string | undefined
  /** What of others keeps the rules from having their effect. */
  hindrances: readonly string[]
}>

const SETTLE_MS = 50

/** The xtables lock may be held for long by others (flannel #933): after a few failures ask once a minute. */
const RETRY: Backoff = { initialMs: 1_000, maxMs: 60_000, factor: 2, jitter: 0.2 }

export class RulesLoop {
  readonly doorbell = new Doorbell()
  readonly #parts: RulesLoopParts
  #state: RulesState = { verifiedMs: undefined, trouble: undefined, hindrances: [] }
  #lastWanted = ''

  constructor(parts: RulesLoopParts) {
    this.#parts = parts
  }

  get state(): RulesState {
    return this.#state
  }

  async run({ signal }: { signal: AbortSignal }): Promise<void> {
    const { clock, random, log, resyncMs } = this.#parts
    await reconcileLoop({
      doorbell: this.doorbell,
      pass: async reasons => {
        // Whoever rewrites rules sends many messages; one look after the burst is enough.
        if (reasons.length === 1 && reasons[0] === 'rules changed') await clock.sleep(SETTLE_MS, { signal })
        await this.#pass(signal)
      },
      onFailure: (err, failures) => {
        this.#state = { ...this.#state, trouble: (err as Error).message }
        log.error({ err, failures }, 'cannot keep the traffic rules')
        this.#parts.onPass()
      },
      resyncIntervalMs: resyncMs,
      retryMs: failures => backoffMs(RETRY, failures, random()),
      clock, signal,
    })
  }

  async #pass(signal: AbortSignal): Promise<void> {
    const { engine, want, clock, log, metrics } = this.#parts
    const input = want()
    const written = await engine.ensure(input, { signal })
    const wanted = JSON.stringify(input, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value))
    if (written.length > 0 && wanted === this.#lastWanted) {
      metrics.repairs.inc({ object: 'rules' }, written.length)
      log.warn({ engine: engine.name, chains: written }, 'repaired traffic rules')
    } else if (written.length > 0) {
      log.info({ engine: engine.name, chains: written }, 'wrote traffic rules')
    }
    this.#lastWanted = wanted
    const hindrances = await engine.hindrances(input, { signal })
    for (const reason of hindrances) if (!this.#state.hindrances.includes(reason)) log.warn({ reason }, 'something else hinders the traffic rules')
    this.#state = { verifiedMs: clock.monotonicMs(), trouble: undefined, hindrances }
    this.#parts.onPass()
  }
}
