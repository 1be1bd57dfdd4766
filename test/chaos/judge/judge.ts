// Reads every attempt's fate: what failed although nothing excused it, and what broke that must never break.

import { describeFault, type Fault } from '../plan/fault.ts'
import type { Attempt, Happened } from './attempt.ts'
import { mayBreak, planExcuses, SLACK_MS, type Excuse } from './excuses.ts'

/** A line of an established connection may wait this long, whatever happens to the packets, but never get lost. */
export const LINE_PATIENCE_MS = 30_000
/** An attempt that nothing disturbs is over within this. */
export const PROMPT_MS = SLACK_MS

/** A time in which this process itself stood still, so that its clocks accuse nobody. */
export type Stall = Readonly<{ fromMs: number; untilMs: number }>

export type Violation = Readonly<{ attempt: Attempt; says: string; near: readonly Happened[] }>
export type Judgement = Readonly<{
  attempts: number
  /** Attempts that no fault excused: on these the verdict rests. */
  unexcused: number
  /** Failures that a fault excused. */
  excusedFailures: number
  violations: readonly Violation[]
}>

export function judge(attempts: readonly Attempt[], happened: readonly Happened[], stalls: readonly Stall[] = []): Judgement {
  const excuses = planExcuses(happened)
  const violations: Violation[] = []
  let unexcused = 0
  let excusedFailures = 0
  for (const attempt of attempts) {
    const covering = excuses.filter(excuse => covers(excuse, attempt))
    const excused = covering.length > 0 || stalls.some(stall => overlap(stall, attempt.startMs, attempt.endMs))
    if (!excused) unexcused += 1
    const says = excused ? unforgivable(attempt, covering) : complaint(attempt)
    if (says !== undefined) violations.push({ attempt, says, near: happened.filter(each => overlap({ fromMs: each.fromMs - 1_000, untilMs: each.untilMs + 5_000 }, attempt.startMs, attempt.endMs)) })
    else if (attempt.failure !== undefined) excusedFailures += 1
  }
  return { attempts: attempts.length, unexcused, excusedFailures, violations }
}

const overlap = (window: Stall, fromMs: number, untilMs: number): boolean => window.fromMs <= untilMs && fromMs <= window.untilMs

/** A conversation over UDP that began in the window may have gone to nobody all along; connection tracking remembers that for it. */
const covers = (excuse: Excuse, attempt: Attempt): boolean => {
  const beganInside = attempt.kind === 'datagram' && attempt.openedMs >= excuse.fromMs && attempt.openedMs <= excuse.untilMs
  return excuse.excuses(attempt) && (beganInside || overlap(excuse, attempt.startMs, attempt.endMs))
}

function complaint({ failure, startMs, endMs, kind }: Attempt): string | undefined {
  if (failure !== undefined) return `${kind} failed: ${failure}`
  return endMs - startMs > PROMPT_MS ? `${kind} was answered only after ${Math.round(endMs - startMs)} ms` : undefined
}

/** An established connection may stand still, but only what ends its pod or makes the kernel forget it may break it. */
function unforgivable({ kind, failure, path }: Attempt, covering: readonly Excuse[]): string | undefined {
  if (kind !== 'line' || failure === undefined || covering.some(({ because }) => mayBreak(because, path))) return undefined
  return `an established connection broke: ${failure}`
}

export function formatViolation({ attempt, says, near }: Violation): string {
  const at = (ms: number): string => `${(ms / 1000).toFixed(2)} s`
  const faults = near.map(({ fault, fromMs, untilMs }) => `    ${at(fromMs)} to ${at(untilMs)}: ${describeFault(fault satisfies Fault)}`)
  return [`${attempt.client}, from ${at(attempt.startMs)} to ${at(attempt.endMs)} (opened at ${at(attempt.openedMs)}): ${says}`, ...faults].join('\n')
}
