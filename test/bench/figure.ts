// What a benchmark yields: samples of ours, samples of the peer's taken in turn in the same run, and series for plots.

export type Unit = 'ms' | 'us' | 's' | 'MB' | '%' | '1/s' | 'Mbit/s' | 'count'

/** One measured thing. `weft` and `peer` hold the single samples in the order in which they were taken. */
export type Figure = Readonly<{
  /** Stable name inside its subject, e.g. "first-programming/5000x10"; goals refer to it. */
  key: string
  /** A sentence for the report. */
  what: string
  unit: Unit
  weft: readonly number[]
  /** Who was measured beside us ("kube-proxy 1.36.3"), or a configuration of our own ("1 service"). */
  peerName?: string
  peer?: readonly number[]
  /** Why the peer's samples are missing, or what limits the figure. */
  note?: string
}>

/** Cost against size, for a plot. */
export type Series = Readonly<{
  key: string
  what: string
  xName: string
  yName: string
  lines: readonly Readonly<{ name: string; points: readonly Readonly<{ x: number; y: number }>[] }>[]
}>

/** What a subject could not measure, and why; `--check` counts goals on it as missed. */
export type Skip = Readonly<{ key: string; reason: string }>

export type Result = Readonly<{ subject: string; figures: readonly Figure[]; series: readonly Series[]; skips: readonly Skip[] }>
