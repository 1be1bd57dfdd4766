// Keeps V8's nursery from growing to 128 MB in a daemon that makes much short-lived garbage. It never shrinks again
// while the process lives, and buys nothing here: what requests leave behind dies young in a small nursery, too.

import { PerformanceObserver } from 'node:perf_hooks'
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'

/** Lets the nursery grow up to about `maxBytes`, then no further. Its size can only be set for good when Node starts. */
export function limitYoungGeneration(maxBytes: number): void {
  const observer = new PerformanceObserver(() => {
    const young = getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space')
    // The next growth would double it.
    if (young === undefined || young.space_size * 2 <= maxBytes) return
    setFlagsFromString('--semi-space-growth-factor=1')
    observer.disconnect()
  })
  observer.observe({ entryTypes: ['gc'] })
}
