// When did the change happen that made us write? Watchers of `endpoints.kubernetes.io/last-change-trigger-time`
// measure programming latency from it (SIG Scalability's network programming latency SLI).

import type { Pod, Service } from 'kubernetes-types/core/v1.js'
import type { Stored } from '../../client/objects.ts'
import { readyTransitionOf } from './pods.ts'

type Known = Readonly<{ service: string; pods: ReadonlyMap<string, string> }>

/** Remembers per Service which pod transitions have been reported. */
export class TriggerTimes {
  readonly #known = new Map<string, Known>()

  /** The oldest transition not reported yet; the Service's creation the first time; undefined when nothing new is known. */
  next(key: string, service: Stored<Service>, pods: readonly Stored<Pod>[]): string | undefined {
    const known = this.#known.get(key)
    const times = new Map<string, string>()
    const fresh: string[] = []
    for (const pod of pods) {
      const time = readyTransitionOf(pod)
      if (time === undefined) continue
      times.set(pod.metadata.name, time)
      if (time > (known?.pods.get(pod.metadata.name) ?? '')) fresh.push(time)
    }
    const created = service.metadata.creationTimestamp
    this.#known.set(key, { service: created, pods: times })
    if (known === undefined) return created
    if (created > known.service) fresh.push(created)
    return fresh.sort()[0]
  }

  forget(key: string): void {
    this.#known.delete(key)
  }
}
