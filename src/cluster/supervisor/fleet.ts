// All daemons of a cluster under one supervisor.

import { systemClock } from '../../ops/clock.ts'
import { WeftError } from '../../ops/errors.ts'
import { formatEventLine } from '../console/event-line.ts'
import type { DaemonEvent, DaemonPlan } from './daemon.ts'
import { runDaemon, type WeftProgram } from './run-daemon.ts'
import { supervise } from './supervise.ts'
import { MAX_LOG_BYTES, trimLog } from './trim-log.ts'

export type FleetEvent = Readonly<{ plan: DaemonPlan; event: DaemonEvent }>

/** A daemon that ends this often before it was ever ready will not become so by waiting. */
const HOPELESS_EXITS = 5
const TRIM_INTERVAL_MS = 60_000
/** How many of its last lines a daemon that does not become ready is quoted with. */
const QUOTED_LINES = 12

export class Fleet {
  readonly #program: WeftProgram
  readonly #onEvent: (event: FleetEvent) => void
  readonly #controller = new AbortController()
  readonly #running: Promise<void>[] = []
  readonly #logs: string[] = []

  constructor(options: Readonly<{ program: WeftProgram; onEvent: (event: FleetEvent) => void }>) {
    this.#program = options.program
    this.#onEvent = options.onEvent
    this.#running.push(this.#trimLogs(this.#controller.signal))
  }

  /** Starts the daemon and keeps it running until `stop`. `whenReady` may be called once or never. */
  start(plan: DaemonPlan): Readonly<{ whenReady: (options: Readonly<{ timeoutMs: number; signal: AbortSignal }>) => Promise<void> }> {
    const ready = Promise.withResolvers<void>()
    const lastLines: string[] = []
    let exits = 0
    const onEvent = (event: DaemonEvent): void => {
      if (event.kind === 'ready') ready.resolve()
      if (event.kind === 'exited' && ++exits === HOPELESS_EXITS) ready.reject(notReady(plan, `ended ${exits} times before it was ready`, lastLines))
      const line = formatEventLine(new Date(), plan, event)
      if (line !== undefined) lastLines.push(line)
      if (lastLines.length > QUOTED_LINES) lastLines.shift()
      this.#onEvent({ plan, event })
    }
    const run = (one: DaemonPlan) => runDaemon(one, this.#program)
    const life = supervise({ plan, run, onEvent, clock: systemClock, random: Math.random, signal: this.#controller.signal })
    this.#running.push(life)
    this.#logs.push(plan.logFile)
    // A daemon whose process cannot even be started ends the wait for it at once.
    life.catch((error: unknown) => ready.reject(error))
    ready.promise.catch(() => undefined)
    return { whenReady: options => within(ready.promise, options, () => notReady(plan, `was not ready within ${options.timeoutMs / 1000} s`, lastLines)) }
  }

  async #trimLogs(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      for (const file of this.#logs) await trimLog(file, MAX_LOG_BYTES)
      await systemClock.sleep(TRIM_INTERVAL_MS, { signal }).catch(() => undefined)
    }
  }

  /** Ends all daemons, and waits for them. */
  async stop(): Promise<void> {
    this.#controller.abort(new DOMException('the cluster is taken down', 'AbortError'))
    await Promise.allSettled(this.#running)
  }
}

async function within(promise: Promise<void>, options: Readonly<{ timeoutMs: number; signal: AbortSignal }>, late: () => Error): Promise<void> {
  const over = new AbortController()
  const deadline = systemClock.sleep(options.timeoutMs, { signal: AbortSignal.any([over.signal, options.signal]) })
  try {
    const result = await Promise.race([promise, deadline.then(() => 'late' as const)])
    if (result === 'late') throw late()
  } finally {
    over.abort()
    await deadline.catch(() => undefined)
  }
}

const notReady = (plan: DaemonPlan, problem: string, lastLines: readonly string[]): Error =>
  new WeftError(
    'DAEMON_NOT_READY',
    `weft ${plan.component} on ${plan.host} ${problem}; its last lines:\n${lastLines.map(line => `    ${line}`).join('')}`,
    { host: plan.host, component: plan.component },
  )
