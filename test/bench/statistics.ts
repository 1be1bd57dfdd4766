// Order statistics of samples. Medians and percentiles, never means: these machines are shared and noisy.

/** The `fraction` (0..1) quantile by linear interpolation between the neighbouring order statistics. */
export function quantile(samples: readonly number[], fraction: number): number {
  if (samples.length === 0) throw new RangeError('a quantile of no samples')
  const sorted = [...samples].sort((a, b) => a - b)
  const position = (sorted.length - 1) * fraction
  const low = Math.floor(position)
  const high = Math.min(low + 1, sorted.length - 1)
  return sorted[low]! + (sorted[high]! - sorted[low]!) * (position - low)
}

export const median = (samples: readonly number[]): number => quantile(samples, 0.5)

export type Summary = Readonly<{ n: number; min: number; p50: number; p99: number; max: number }>

export const summarize = (samples: readonly number[]): Summary => ({
  n: samples.length,
  min: quantile(samples, 0),
  p50: median(samples),
  p99: quantile(samples, 0.99),
  max: quantile(samples, 1),
})
