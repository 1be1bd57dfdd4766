// Takes the steps of a plan. One that fails stops nobody else's: it is in the next plan again.

import { isAbort } from '../../ops/errors.ts'
import type { Step, StepAction } from './step.ts'

export interface StepTaker {
  apply(action: StepAction, call: { signal: AbortSignal }): Promise<void>
}

export type FailedStep = Readonly<{ step: Step; error: Error }>

/** Requests in flight at once; their acknowledgements must fit the socket's receive buffer. */
const IN_FLIGHT = 64

/** Steps that may run beside others of the same kind: each concerns one destination only. */
const PARALLEL: ReadonlySet<StepAction['op']> = new Set(['put-neighbour', 'remove-neighbour', 'put-fdb', 'put-wireguard-peer', 'remove-wireguard-peer', 'put-route', 'remove-route'])

/** Answers the steps that failed, in order. Rejects only when aborted. */
export async function applySteps(taker: StepTaker, steps: readonly Step[], call: { signal: AbortSignal }): Promise<readonly FailedStep[]> {
  const failed: FailedStep[] = []
  for (const batch of batchesOf(steps)) {
    const outcomes = await Promise.allSettled(batch.map(step => taker.apply(step.action, call)))
    outcomes.forEach((outcome, index) => {
      if (outcome.status === 'fulfilled') return
      if (isAbort(outcome.reason, call.signal)) throw outcome.reason
      failed.push({ step: batch[index]!, error: outcome.reason as Error })
    })
  }
  return failed
}

/** Cuts the steps into runs that keep the plan's order between kinds. */
export function batchesOf(steps: readonly Step[]): readonly (readonly Step[])[] {
  const batches: Step[][] = []
  for (const step of steps) {
    const last = batches.at(-1)
    const together = last !== undefined && last.length < IN_FLIGHT && last[0]!.action.op === step.action.op && PARALLEL.has(step.action.op)
    if (together) last.push(step)
    else batches.push([step])
  }
  return batches
}
