// The log of a process that nobody watches: a full disk must not end it, so what cannot be written waits for room.

import { appendFileSync } from 'node:fs'

/** We chose it: the events of a bad hour. What is older gives way, with a line that says so. */
const HELD_CHARACTERS = 1 << 18
const LOST = '… lines were lost while the log could not be written\n'

export class HeldLog {
  readonly #path: string
  #held = ''

  constructor(path: string) {
    this.#path = path
  }

  /** Appends the text after what is held; holds both where that fails, for whatever reason. Never throws. */
  write(text: string): void {
    this.#held += text
    try {
      appendFileSync(this.#path, this.#held, { mode: 0o600 })
      this.#held = ''
    } catch {
      // Nowhere is left to say it: this is where it would be said.
      if (this.#held.length > HELD_CHARACTERS) this.#held = `${LOST}${this.#held.slice(-HELD_CHARACTERS / 2).replace(/^[^\n]*\n/, '')}`
    }
  }
}
