// Runs a set of controllers over shared informers, each on its own, until the signal aborts.

import type { ApiClient } from '../client/api-client.ts'
import { EventRecorder } from '../client/event-recorder.ts'
import type { Clock } from '../ops/clock.ts'
import type { Logger } from '../ops/log.ts'
import type { Controller } from './controller.ts'
import { SharedInformers } from './shared-informers.ts'

export type RunControllersOptions = Readonly<{
  client: ApiClient
  controllers: readonly Controller[]
  log: Logger
  clock: Clock
  random: () => number
  /** Random hexadecimal digits for event names. */
  newId: () => string
  signal: AbortSignal
  /** Told once all controllers have filled their caches and work. */
  onReady?: () => void
}>

/**
 * Resolves when every controller has ended after an abort. A controller that breaks stops them all and its
 * error is rethrown: half a set of controllers would be a cluster that is wrong without saying so.
 */
export async function runControllers(options: RunControllersOptions): Promise<void> {
  const { client, log, clock, random, newId } = options
  const stop = new AbortController()
  const follow = (): void => stop.abort(options.signal.reason)
  options.signal.addEventListener('abort', follow, { once: true })
  if (options.signal.aborted) follow()
  const signal = stop.signal
  const informers = new SharedInformers({ client, log, clock, signal })
  const waiting = new Set(options.controllers.map(controller => controller.name))
  const run = async (controller: Controller): Promise<void> => {
    const component = controller.name
    const events = new EventRecorder({ client, component, clock, newId, signal })
    const ready = (): void => {
      if (waiting.delete(component) && waiting.size === 0) options.onReady?.()
    }
    try {
      await controller.run({ client, informers, events, log: log.child({ component }), clock, random, signal, ready })
    } catch (error) {
      stop.abort(new DOMException(`${component} broke`, 'AbortError'))
      throw error
    }
  }
  try {
    const results = await Promise.allSettled(options.controllers.map(run))
    await informers.stopped()
    for (const result of results) if (result.status === 'rejected') throw result.reason
  } finally {
    stop.abort(new DOMException('the controllers have ended', 'AbortError'))
    options.signal.removeEventListener('abort', follow)
  }
}
