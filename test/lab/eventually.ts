// Waiting for a condition instead of for time to pass.

import { setTimeout as delay } from 'node:timers/promises'

/** Deadlines are this many times as long: an emulated machine, or a busy one, needs more time for the same. */
export const PATIENCE = Number(process.env['WEFT_TEST_PATIENCE'] ?? 1)

/**
 * Asks `probe` until it answers something other than false or a text saying what is still wrong; then answers that.
 * A probe that throws counts as not yet. Fails after `timeoutMs` with what was last seen.
 */
export async function eventually<T>(
  probe: () => T | string | false | Promise<T | string | false>,
  options: Readonly<{ timeoutMs?: number; intervalMs?: number }> = {},
): Promise<Exclude<T, string | false>> {
  const end = performance.now() + (options.timeoutMs ?? 10_000) * PATIENCE
  for (;;) {
    let last: unknown
    try {
      const answer = await probe()
      if (answer !== false && typeof answer !== 'string') return answer as Exclude<T, string | false>
      last = answer
    } catch (error) {
      last = error
    }
    if (performance.now() > end) {
      throw new Error(`the condition did not come true; last seen: ${last instanceof Error ? last.message : String(last)}`, { cause: last })
    }
    await delay(options.intervalMs ?? 20)
  }
}
