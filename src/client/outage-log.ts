// One outage, one line: many informers and loops lose the same API server at once and try it for hours.

import type { Clock } from '../ops/clock.ts'
import type { Logger } from '../ops/log.ts'
import { ApiError } from './errors.ts'

/** We chose: how often a lasting failure is mentioned again. */
const REMINDER_MS = 10 * 60_000

type Trouble = { since: number; failures: number; remindedAt: number; message: string }

export type OutageState = Readonly<{ subject: string; message: string; failures: number; durationMs: number }>

/** Told of every failure and success of everything that talks to one server; logs changes only. */
export class OutageLog {
  readonly #log: Logger
  readonly #clock: Clock
  readonly #server: string
  readonly #refused = new Map<string, Trouble>()
  #unreachable: Trouble | undefined

  constructor(options: Readonly<{ log: Logger; clock: Clock; server: string }>) {
    this.#log = options.log
    this.#clock = options.clock
    this.#server = options.server
  }

  /** `subject` names what was attempted ("watch pods"). */
  failed(subject: string, error: unknown): void {
    const message = error instanceof Error ? error.message : String(error)
    if (error instanceof ApiError) {
      // The same answer to many subjects is one trouble: it is told with the first and the last of them.
      const known = this.#refused.get(subject)
      const told = known === undefined && [...this.#refused.values()].some(trouble => trouble.message === message)
      this.#refused.set(subject, told ? this.#silent(message) : this.#count(known, message, { subject, status: error.status, reason: error.reason }, 'api server refuses a request'))
    } else {
      this.#unreachable = this.#count(this.#unreachable, message, { subject, server: this.#server }, 'api server unreachable')
    }
  }

  /** Any answer at all ends the outage of the server; the subject's own trouble ends with its own success. */
  succeeded(subject: string): void {
    this.answered()
    const trouble = this.#refused.get(subject)
    if (trouble === undefined) return
    this.#refused.delete(subject)
    if ([...this.#refused.values()].some(other => other.message === trouble.message)) return
    this.#log.info({ subject, failures: trouble.failures, durationMs: this.#age(trouble) }, 'api server accepts the request again')
  }

  /** The server was heard from, whatever it said. */
  answered(): void {
    const trouble = this.#unreachable
    if (trouble === undefined) return
    this.#unreachable = undefined
    this.#log.info({ server: this.#server, failures: trouble.failures, durationMs: this.#age(trouble) }, 'api server reachable again')
  }

  /** What is wrong at the moment, for health pages; empty when all is well. */
  current(): readonly OutageState[] {
    const all: [string, Trouble][] = [...this.#refused]
    if (this.#unreachable !== undefined) all.unshift([this.#server, this.#unreachable])
    return all.map(([subject, trouble]) => ({ subject, message: trouble.message, failures: trouble.failures, durationMs: this.#age(trouble) }))
  }

  #count(known: Trouble | undefined, message: string, fields: object, text: string): Trouble {
    const now = this.#clock.monotonicMs()
    if (known === undefined) {
      this.#log.warn({ ...fields, reason: message }, text)
      return { since: now, failures: 1, remindedAt: now, message }
    }
    known.failures += 1
    known.message = message
    if (now - known.remindedAt >= REMINDER_MS) {
      known.remindedAt = now
      this.#log.warn({ ...fields, reason: message, failures: known.failures, durationMs: this.#age(known) }, text)
    }
    return known
  }

  /** Counted like any other, but somebody else's line speaks for it. */
  #silent(message: string): Trouble {
    const now = this.#clock.monotonicMs()
    return { since: now, failures: 1, remindedAt: now, message }
  }

  #age(trouble: Trouble): number {
    return Math.round(this.#clock.monotonicMs() - trouble.since)
  }
}
