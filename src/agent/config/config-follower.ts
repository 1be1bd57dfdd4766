// Follows the network configuration while the host runs: what can change under running pods is taken over, the rest is told,
// and a configuration that is wrong leaves the last good one in force.

import { backoffMs, type Backoff } from '../../ops/backoff.ts'
import type { Clock } from '../../ops/clock.ts'
import type { Logger } from '../../ops/log.ts'
import { reconcileLoop, type Doorbell } from '../../ops/wake.ts'
import type { NetworkConfig } from './network-config.ts'
import { planReload } from './reload-plan.ts'

export type ConfigFollowerParts = Readonly<{
  /** Reads and parses it once. Throws when it is away or wrong. */
  read: (call: { signal: AbortSignal }) => Promise<NetworkConfig>
  running: NetworkConfig
  /** Told of a configuration that can be in force at once. */
  take: (config: NetworkConfig) => void
  /** Rung to have it read now; with RELOAD by somebody who asked for a reload. */
  doorbell: Doorbell
  /** Told before and after a reload that somebody asked for. */
  onReload: (moment: 'begin' | 'end') => void
  log: Logger
  clock: Clock
  random: () => number
}>

export const RELOAD = 'reload'

/** Between two looks at a file or key that nobody announced a change of. */
const PERIOD_MS = 10_000
const RETRY: Backoff = { initialMs: 1_000, maxMs: 60_000, factor: 2, jitter: 0.2 }

export class ConfigFollower {
  readonly #parts: ConfigFollowerParts
  #running: NetworkConfig
  #waiting = ''
  #trouble: string | undefined

  constructor(parts: ConfigFollowerParts) {
    this.#parts = parts
    this.#running = parts.running
  }

  /** How the stored configuration differs from the one in force, in sentences. */
  get drift(): readonly string[] {
    return [
      ...(this.#trouble === undefined ? [] : [`the network configuration cannot be taken over, the former stays in force: ${this.#trouble}`]),
      ...(this.#waiting === '' ? [] : [`the network configuration was changed and takes effect at the next start: ${this.#waiting}`]),
    ]
  }

  async run({ signal }: { signal: AbortSignal }): Promise<void> {
    const { clock, log, random, doorbell, onReload } = this.#parts
    await reconcileLoop({
      doorbell, clock, signal,
      pass: async reasons => {
        const asked = reasons.includes(RELOAD)
        if (asked) onReload('begin')
        try {
          await this.#pass(signal)
        } finally {
          if (asked) onReload('end')
        }
      },
      onFailure: err => {
        const trouble = (err as Error).message
        if (trouble !== this.#trouble) log.error({ err }, 'the network configuration cannot be taken over; the former stays in force')
        this.#trouble = trouble
      },
      resyncIntervalMs: PERIOD_MS,
      retryMs: failures => backoffMs(RETRY, failures, random()),
    })
  }

  async #pass(signal: AbortSignal): Promise<void> {
    const { read, take, log } = this.#parts
    const reload = planReload(this.#running, await read({ signal }))
    if (this.#trouble !== undefined) log.info('the network configuration can be read again')
    this.#trouble = undefined
    if (reload.applied.length > 0) {
      log.info({ changes: reload.applied }, 'took over the changed network configuration')
      this.#running = reload.config
      take(reload.config)
    }
    const waiting = reload.waiting.join(', ')
    if (waiting !== this.#waiting && waiting !== '') log.warn({ changes: reload.waiting }, 'the network configuration was changed; this takes effect at the next start')
    this.#waiting = waiting
  }
}
