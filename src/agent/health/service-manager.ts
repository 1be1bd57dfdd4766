// What systemd wants to know of a service with Type=notify (or notify-reload) and WatchdogSec (sd_notify(3), sd_watchdog_enabled(3)).

import { notifySystemd } from '../../net/systemd/notify.ts'
import type { Clock } from '../../ops/clock.ts'
import type { Logger } from '../../ops/log.ts'

export type ServiceManagerParts = Readonly<{
  env: Readonly<Record<string, string | undefined>>
  pid: number
  /** False when the process should be taken for stuck: then the watchdog hears nothing and systemd acts. */
  alive: () => boolean
  log: Logger
  clock: Clock
}>

export class ServiceManager {
  readonly #parts: ServiceManagerParts

  constructor(parts: ServiceManagerParts) {
    this.#parts = parts
  }

  ready(status: string): void {
    this.#tell(`READY=1\nSTATUS=${status}`)
  }

  reloading(): void {
    // CLOCK_MONOTONIC since boot, which systemd compares with its own; the clock of the loops begins at the process's start.
    this.#tell(`RELOADING=1\nMONOTONIC_USEC=${process.hrtime.bigint() / 1_000n}`)
  }

  stopping(): void {
    this.#tell('STOPPING=1')
  }

  /** Half the time systemd allows, as it advises; undefined when it watches nobody, or another process. */
  get #watchdogMs(): number | undefined {
    const { env, pid } = this.#parts
    const microseconds = Number(env['WATCHDOG_USEC'] ?? Number.NaN)
    if (!(microseconds > 0) || (env['WATCHDOG_PID'] !== undefined && Number(env['WATCHDOG_PID']) !== pid)) return undefined
    return microseconds / 2_000
  }

  async run({ signal }: { signal: AbortSignal }): Promise<void> {
    const periodMs = this.#watchdogMs
    if (periodMs === undefined) return
    while (!signal.aborted) {
      if (this.#parts.alive()) this.#tell('WATCHDOG=1')
      await this.#parts.clock.sleep(periodMs, { signal }).catch(() => {})
    }
  }

  #tell(state: string): void {
    const path = this.#parts.env['NOTIFY_SOCKET']
    if (path === undefined || path === '') return
    try {
      notifySystemd(path, state)
    } catch (err) {
      this.#parts.log.warn({ err, state: state.split('\n')[0] }, 'cannot tell systemd')
    }
  }
}
