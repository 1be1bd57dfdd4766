// Notices when the clock of the host is set. Nothing here goes by that clock: leases are renewed and loops wait by monotonic
// time. But certificates, tokens and WireGuard's handshakes do, and then fail for a reason that their errors do not name.

import type { Clock } from '../../ops/clock.ts'
import type { Logger } from '../../ops/log.ts'

/** Slewing (adjtime(3): 0.5 ms a second) is no step, nor is a process that was held up for a moment. */
const STEP_MS = 2_000
const PERIOD_MS = 5_000
/** How long a step stays on health. */
const TOLD_MS = 600_000

export type ClockStepsParts = Readonly<{ clock: Clock; log: Logger }>

export class ClockSteps {
  readonly #parts: ClockStepsParts
  #offsetMs: number
  #last: Readonly<{ byMs: number; atMs: number }> | undefined

  constructor(parts: ClockStepsParts) {
    this.#parts = parts
    this.#offsetMs = parts.clock.now() - parts.clock.monotonicMs()
  }

  /** A sentence for health while a step is recent. */
  get warnings(): readonly string[] {
    const { clock } = this.#parts
    return this.#last === undefined || clock.monotonicMs() - this.#last.atMs > TOLD_MS ? [] : [describe(this.#last.byMs)]
  }

  async run({ signal }: { signal: AbortSignal }): Promise<void> {
    while (!signal.aborted) {
      this.look()
      await this.#parts.clock.sleep(PERIOD_MS, { signal }).catch(() => {})
    }
  }

  look(): void {
    const { clock, log } = this.#parts
    const offsetMs = clock.now() - clock.monotonicMs()
    const byMs = offsetMs - this.#offsetMs
    this.#offsetMs = offsetMs
    if (Math.abs(byMs) < STEP_MS) return
    this.#last = { byMs, atMs: clock.monotonicMs() }
    log.warn({ bySeconds: Math.round(byMs / 1000), reason: describe(byMs) }, 'the clock of this host was set')
  }
}

const describe = (byMs: number): string =>
  `the clock of this host was set ${byMs < 0 ? 'back' : 'forward'} by ${Math.round(Math.abs(byMs) / 1000)} s; leases do not go by it, but ${byMs < 0
    ? 'certificates may not be valid yet, and WireGuard peers refuse this host until its clock has caught up'
    : 'certificates and tokens may have run out'}`
