// Holds a run's figures against the table of goals.

import type { Figure, Result } from './figure.ts'
import type { Bound, Goal } from './goals.ts'
import { median, quantile, summarize } from './statistics.ts'

export type Verdict = Readonly<{
  goal: Goal
  state: 'met' | 'missed' | 'not measured'
  /** Ours, in the figure's unit, by the statistic that the goal names (the median for ratios). */
  figure?: number
  peer?: number
  ratio?: number
  reason?: string
}>

/** One verdict per goal whose subject was run. */
export function judge(goals: readonly Goal[], results: readonly Result[]): readonly Verdict[] {
  return goals.flatMap(goal => {
    const result = results.find(candidate => candidate.subject === goal.subject)
    if (result === undefined) return []
    const figure = result.figures.find(candidate => candidate.key === goal.key)
    const skip = result.skips.find(candidate => candidate.key === goal.key)
    if (figure === undefined) return [{ goal, state: 'not measured', reason: skip?.reason ?? 'the subject yielded no such figure' }]
    return [judgeFigure(goal, figure)]
  })
}

function judgeFigure(goal: Goal, figure: Figure): Verdict {
  const own = statistic(goal.bound, figure.weft)
  const peer = figure.peer === undefined || figure.peer.length === 0 ? undefined : statistic(goal.bound, figure.peer)
  const ratio = peer === undefined || figure.peer === undefined ? undefined : median(figure.weft) / median(figure.peer)
  const shown = { goal, figure: own, ...(peer === undefined ? {} : { peer }), ...(ratio === undefined ? {} : { ratio }) }
  const met = holds(goal.bound, own, ratio)
  if (met === undefined) return { ...shown, state: 'not measured', reason: figure.note ?? 'there is no peer to compare with' }
  return { ...shown, state: met ? 'met' : 'missed' }
}

function statistic(bound: Bound, samples: readonly number[]): number {
  const summary = summarize(samples)
  return bound.kind === 'max' || bound.kind === 'min' ? summary[bound.statistic] : quantile(samples, 0.5)
}

function holds(bound: Bound, own: number, ratio: number | undefined): boolean | undefined {
  switch (bound.kind) {
    case 'max':
      return own <= bound.value
    case 'min':
      return own >= bound.value
    case 'ratio-max':
      return ratio === undefined ? undefined : ratio <= bound.value
    case 'ratio-min':
      return ratio === undefined ? undefined : ratio >= bound.value
    default:
      return bound satisfies never
  }
}
