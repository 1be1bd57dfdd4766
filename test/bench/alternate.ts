// Side by side: A B A B …, so that a machine that slows down slows both.

export type Contestant = Readonly<{ name: string; once: (round: number) => Promise<number> }>

/**
 * Runs every contestant `warmup` times uncounted and `rounds` times counted, in turn.
 * Answers each one's samples in the order of `contestants`. Stops early, with what it has, once `deadline` has passed
 * and every contestant has at least one sample.
 */
export async function alternate(
  contestants: readonly Contestant[],
  options: Readonly<{ rounds: number; warmup: number; deadlineMs?: number }>,
): Promise<readonly (readonly number[])[]> {
  const samples: number[][] = contestants.map(() => [])
  const start = performance.now()
  for (let round = -options.warmup; round < options.rounds; round += 1) {
    const late = options.deadlineMs !== undefined && performance.now() - start > options.deadlineMs
    if (late && samples.every(list => list.length > 0)) break
    for (const [index, contestant] of contestants.entries()) {
      const sample = await contestant.once(round)
      if (round >= 0) samples[index]!.push(sample)
    }
  }
  return samples
}
