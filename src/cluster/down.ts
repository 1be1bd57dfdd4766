// Ends the process that watches over a cluster, then removes what is left.

import { systemClock } from '../ops/clock.ts'
import type { ClusterName } from './cluster-name.ts'
import { isAlive, kill, killAndWait, startTimeOf } from './inventory/process-table.ts'
import { tearDown } from './teardown.ts'
import { claimName, findSupervisor, hasRemains } from './up/claim-cluster.ts'

/** `weft up` removes its cluster itself when told to stop; after this it is not waited for. */
const POLITE_MS = 15_000
const FORCED_MS = 5_000
const LOOK_AGAIN_MS = 20

/** Answers whether there was anything to remove. */
export async function takeClusterDown(name: ClusterName): Promise<boolean> {
  const supervisor = await findSupervisor(name)
  const found = supervisor !== undefined || (await hasRemains(name))
  if (supervisor !== undefined) await endProcess(supervisor)
  // Taken so that a `weft up` of the same name does not begin in the middle.
  await using _name = await claimName(name)
  await tearDown(name)
  return found
}

async function endProcess(pid: number): Promise<void> {
  const startTime = await startTimeOf(pid).catch(() => undefined)
  if (startTime === undefined) return
  kill(pid, 'SIGTERM')
  const deadlineMs = systemClock.monotonicMs() + POLITE_MS
  const { signal } = new AbortController()
  while (await isAlive({ pid, startTime })) {
    if (systemClock.monotonicMs() > deadlineMs) return killAndWait([{ pid, startTime, command: ['weft', 'up'] }], FORCED_MS)
    await systemClock.sleep(LOOK_AGAIN_MS, { signal })
  }
}
