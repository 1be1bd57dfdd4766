// Live progress: one line per step, with its duration; on a terminal the running step shows as well.

import type { Clock } from '../../ops/clock.ts'

export type Terminal = Readonly<{ write: (text: string) => void; isTty: boolean }>

const TITLE_WIDTH = 78

export class Progress {
  readonly #terminal: Terminal
  readonly #clock: Clock
  readonly #startMs: number

  constructor(terminal: Terminal, clock: Clock) {
    this.#terminal = terminal
    this.#clock = clock
    this.#startMs = clock.monotonicMs()
  }

  /** Runs a step. `done` words its result; a step that fails keeps its title and is marked. */
  async step<T>(title: string, work: () => Promise<T>, done: (result: T) => string = () => title): Promise<T> {
    const startMs = this.#clock.monotonicMs()
    if (this.#terminal.isTty) this.#terminal.write(`  … ${title}`)
    try {
      const result = await work()
      this.#finish('✓', done(result), startMs)
      return result
    } catch (error) {
      this.#finish('✗', title, startMs)
      throw error
    }
  }

  /** Seconds since the progress began. */
  elapsedSeconds(): number {
    return (this.#clock.monotonicMs() - this.#startMs) / 1000
  }

  #finish(mark: string, text: string, startMs: number): void {
    const seconds = ((this.#clock.monotonicMs() - startMs) / 1000).toFixed(2)
    const clear = this.#terminal.isTty ? '\r\u001B[2K' : ''
    this.#terminal.write(`${clear}  ${mark} ${text.padEnd(TITLE_WIDTH)} ${seconds.padStart(6)} s\n`)
  }
}
