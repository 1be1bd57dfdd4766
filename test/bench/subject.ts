// The contract of a benchmark subject. A subject cleans up whatever it makes, also when it fails.

import type { Result } from './figure.ts'

export type BenchContext = Readonly<{
  /** True for `--quick`: fewer rounds and smaller sizes, the same figures by name wherever that is meaningful. */
  quick: boolean
  /** Progress for the person who waits; goes to standard error. */
  say: (line: string) => void
  signal: AbortSignal
}>

export type Subject = Readonly<{
  name: string
  /** One line for the usage text. */
  about: string
  load: () => Promise<{ measure: (context: BenchContext) => Promise<Omit<Result, 'subject'>> }>
}>
