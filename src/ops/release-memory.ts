// Gives memory back after a burst of work that happens once: reading a first list, writing a first ruleset.
//
// V8 grows its heap to what the burst needed and, in a process that is idle afterwards, does not collect again for
// hours. One full collection costs some ten milliseconds and returns the pages to the system.

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Collects at once. Call it where a pause of some ten milliseconds harms nobody. */
export function releaseMemory(): void {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as (options: Readonly<{ type: 'major'; execution: 'sync'; flavor: 'last-resort' }>) => void
  // "last-resort" compacts and gives back every page it can (Heap::CollectAllAvailableGarbage in V8).
  collect({ type: 'major', execution: 'sync', flavor: 'last-resort' })
}
