// Keeps one daemon running: starts it again when it ends, after a wait that grows while it keeps failing.

import { backoffMs, type Backoff } from '../../ops/backoff.ts'
import { isAbort } from '../../ops/errors.ts'
import type { Clock } from '../../ops/clock.ts'
import { isReadyLine, readLogLine, type DaemonEvent, type DaemonPlan } from './daemon.ts'
import { followLines } from './follow-file.ts'
import type { RunningDaemon } from './run-daemon.ts'

/** A daemon that was killed once is back at once; one that cannot start does not eat the machine. We chose the numbers. */
const RESTART_BACKOFF: Backoff = { initialMs: 100, maxMs: 10_000, factor: 2, jitter: 0.1 }
/** A daemon that lived this long had no trouble starting. */
const STABLE_MS = 10_000
/** Orderly ends take milliseconds; what takes longer is killed, since everything it holds goes away with its host. */
const STOP_GRACE_MS = 3_000

export type SuperviseOptions = Readonly<{
  plan: DaemonPlan
  run: (plan: DaemonPlan) => Promise<RunningDaemon>
  onEvent: (event: DaemonEvent) => void
  clock: Clock
  random: () => number
  signal: AbortSignal
}>

/**
 * Runs until `signal` aborts; then ends the process and resolves. Rejects when the process cannot be started the first time; later
 * that is a failure like its end (the machine may lack disk, memory or process numbers for a while).
 */
export async function supervise(options: SuperviseOptions): Promise<void> {
  const { onEvent, clock, signal } = options
  let failures = 0
  for (let first = true; !signal.aborted; first = false) {
    const startedMs = clock.monotonicMs()
    const reason = await lifeOf(options).catch((error: unknown) => {
      if (first) throw error
      return (error as Error).message
    })
    if (signal.aborted) return
    failures = clock.monotonicMs() - startedMs > STABLE_MS ? 1 : failures + 1
    const restartInMs = backoffMs(RESTART_BACKOFF, failures, options.random())
    onEvent({ kind: 'exited', reason, restartInMs })
    try {
      await clock.sleep(restartInMs, { signal })
    } catch (error) {
      if (!isAbort(error, signal)) throw error
    }
  }
}

/** From start to end of one process; answers how it ended. */
async function lifeOf({ plan, run, onEvent, signal }: SuperviseOptions): Promise<string> {
  const daemon = await run(plan)
  onEvent({ kind: 'started', pid: daemon.pid })
  const over = new AbortController()
  const lines = forwardLines(plan, daemon, onEvent, over.signal)
  const stop = (): void => void daemon.stop({ graceMs: STOP_GRACE_MS })
  signal.addEventListener('abort', stop)
  if (signal.aborted) stop()
  try {
    return await daemon.ended
  } finally {
    signal.removeEventListener('abort', stop)
    over.abort()
    await lines
  }
}

async function forwardLines(plan: DaemonPlan, daemon: RunningDaemon, onEvent: SuperviseOptions['onEvent'], signal: AbortSignal): Promise<void> {
  for await (const text of followLines(plan.logFile, { from: daemon.logOffset, signal })) {
    const line = readLogLine(text)
    onEvent({ kind: 'log', line })
    if (isReadyLine(line)) onEvent({ kind: 'ready' })
  }
}
