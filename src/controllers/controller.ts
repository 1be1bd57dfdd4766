// What every controller is given, and how its queue is worked off.

import type { ApiClient } from '../client/api-client.ts'
import { isNamespaceTerminating } from '../client/errors.ts'
import type { EventRecorder } from '../client/event-recorder.ts'
import type { Informer } from '../client/informer/informer.ts'
import type { Cacheable } from '../client/objects.ts'
import type { WorkQueue } from '../client/work-queue.ts'
import { ApiError, TransportError, isConflict } from '../client/errors.ts'
import type { Clock } from '../ops/clock.ts'
import type { Logger } from '../ops/log.ts'
import type { SharedInformers } from './shared-informers.ts'

export type ControllerContext = Readonly<{
  client: ApiClient
  informers: SharedInformers
  /** Records events in the controller's name. */
  events: EventRecorder
  log: Logger
  clock: Clock
  /** In [0, 1). */
  random: () => number
  signal: AbortSignal
  /** Told once the controller's caches are filled and its work has begun. */
  ready: () => void
}>

/** One loop of the controller manager. `run` resolves when the signal aborts, having stopped all it started. */
export interface Controller {
  /** kube-controller-manager's name for it, as `--controllers` takes it. */
  readonly name: string
  run(context: ControllerContext): Promise<void>
}

/** Resolves when all caches are filled; false when the signal aborted first. */
export async function allSynced(context: ControllerContext, informers: readonly Informer<Cacheable>[]): Promise<boolean> {
  try {
    await Promise.all(informers.map(informer => informer.synced))
  } catch (error) {
    if (context.signal.aborted) return false
    throw error
  }
  return !context.signal.aborted
}

/** Works off a queue. Failures are retried with the key's own backoff; only surprising ones are logged. */
export async function processQueue(
  context: ControllerContext,
  options: Readonly<{ queue: WorkQueue; concurrency: number; work: (key: string, signal: AbortSignal) => Promise<void>; onFailure?: (key: string, error: unknown) => void }>,
): Promise<void> {
  context.ready()
  await options.queue.process({
    concurrency: options.concurrency,
    signal: context.signal,
    work: (key, { signal }) => options.work(key, signal),
    onFailure: (key, error, failures) => {
      if (error instanceof TransportError) context.client.outages.failed(context.events.component, error)
      else if (!isExpected(error)) {
        // Every failure that outlives a few retries shows once per doubling, not once per retry.
        if ((failures & (failures - 1)) === 0) context.log.warn({ err: brief(error), object: key, failures }, 'could not bring an object to its desired state')
        options.onFailure?.(key, error)
      }
    },
  })
}

/** Somebody else wrote first, or the namespace is going away: looking again settles it. */
const isExpected = (error: unknown): boolean => isConflict(error) || isNamespaceTerminating(error)

const brief = (error: unknown): unknown => (error instanceof ApiError ? { status: error.status, reason: error.reason, message: error.message } : error)
