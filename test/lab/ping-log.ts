// Pings on and on while a test breaks things, and counts what was lost.

import { setTimeout as delay } from 'node:timers/promises'

const PAUSE_MS = 5

export class PingLog implements AsyncDisposable {
  #running = true
  #sent = 0
  #lost = 0
  #longestGapMs = 0
  readonly #done: Promise<void>

  private constructor(ping: () => Promise<boolean>) {
    this.#done = this.#run(ping)
    // Whoever stops it sees the failure; a test that fails before must not fail twice.
    this.#done.catch(() => {})
  }

  static start(ping: () => Promise<boolean>): PingLog {
    return new PingLog(ping)
  }

  get sent(): number {
    return this.#sent
  }

  /** Longest time without an answer. */
  get longestGapMs(): number {
    return this.#longestGapMs
  }

  async #run(ping: () => Promise<boolean>): Promise<void> {
    let answeredMs = performance.now()
    while (this.#running) {
      const answered = await ping()
      this.#sent += 1
      if (!answered) this.#lost += 1
      this.#longestGapMs = Math.max(this.#longestGapMs, performance.now() - answeredMs)
      if (answered) answeredMs = performance.now()
      // A ping that cannot even be sent fails at once: without a pause nothing else of this process would run.
      await delay(PAUSE_MS)
    }
  }

  /** Ends the pinging; answers how many were lost. */
  async stop(): Promise<number> {
    this.#running = false
    await this.#done
    return this.#lost
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#running = false
    await this.#done.catch(() => {})
  }
}
