// Whether and when a container that has ended starts again (kubelet's rules; pure).

import type { RuntimeContainer } from '../pod-runtime.ts'

export type RestartPolicy = 'Always' | 'OnFailure' | 'Never'

/** kubelet's MaxContainerBackOff and its first step; a run of ten minutes ends a row of failures. */
const FIRST_MS = 10_000
const MAX_MS = 300_000
const STEADY_MS = 600_000

export const shouldRestart = (policy: RestartPolicy, exitCode: number): boolean =>
  policy === 'Always' || (policy === 'OnFailure' && exitCode !== 0)

/** How long to wait after the last of `runs` (one container's, oldest first) before the next start: 0, 10 s, 20 s … 300 s. */
export function restartDelayMs(runs: readonly RuntimeContainer[]): number {
  let row = 0
  for (const { state } of runs.toReversed()) {
    if (state.kind !== 'exited' || state.finishedAt - state.startedAt >= STEADY_MS) break
    row += 1
  }
  return row <= 1 ? 0 : Math.min(MAX_MS, FIRST_MS * 2 ** (row - 2))
}
