// How large a packet a path carries, found by halving. Pure: the question is asked by the caller's function.

/**
 * The largest size in [`low`, `high`] that `passes`, given that `low` does and `high` does not. Each size is asked once; a
 * lost answer makes the result smaller than the truth, never larger, and the next round finds more.
 */
export async function largestPassing(bounds: Readonly<{ low: number; high: number }>, passes: (bytes: number) => Promise<boolean>): Promise<number> {
  let { low, high } = bounds
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if (await passes(middle)) low = middle
    else high = middle
  }
  return low
}
