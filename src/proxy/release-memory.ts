// Gives back what a burst of work needed: V8's pages, and malloc's behind them, where messages to the kernel were built.

import { releaseMemory as collect } from '../ops/release-memory.ts'
import { trimHeap } from '../net/libc/libc.ts'

/** Takes some ten milliseconds at once, and a moment later some more. */
export function releaseMemory(): void {
  collect()
  // Buffers that were collected are freed by another thread.
  setImmediate(trimHeap)
}
