// Writes pods' statuses to the API when they differ from what it has.

import { isDeepStrictEqual } from 'node:util'
import type { Pod } from 'kubernetes-types/core/v1.js'
import type { ApiClient } from '../../client/api-client.ts'
import { isConflict, isNotFound } from '../../client/errors.ts'
import type { Stored } from '../../client/objects.ts'
import { PODS } from '../../client/resources.ts'
import type { Clock } from '../../ops/clock.ts'
import type { RuntimePod } from '../pod-runtime.ts'
import { isTerminal } from './pod-plan.ts'
import { planPodStatus, type Waiting } from './pod-status-plan.ts'

export type PodReporterOptions = Readonly<{
  client: ApiClient
  /** The runtime's state as it was last looked at. Looking belongs to whoever works on the pod, one at a time. */
  found: (uid: string) => RuntimePod | undefined
  podOf: (uid: string) => Stored<Pod> | undefined
  failures: (uid: string) => ReadonlyMap<string, Waiting>
  verdicts: (uid: string) => Readonly<{ started: ReadonlySet<string>; ready: ReadonlySet<string> }>
  hostIPs: readonly string[]
  clock: Clock
  signal: AbortSignal
}>

export class PodReporter {
  readonly #options: PodReporterOptions
  /** Our last write of a pod, and the version the cache had then: until the cache moves on, the write is the newer one. */
  readonly #written = new Map<string, Readonly<{ over: string | undefined; pod: Stored<Pod> }>>()

  constructor(options: PodReporterOptions) {
    this.#options = options
  }

  async report(uid: string): Promise<void> {
    const { client, failures, verdicts, hostIPs, clock, signal } = this.#options
    const pod = this.#latest(uid)
    const found = this.#options.found(uid)
    // Of a pod that has ended and whose records are gone nothing new can be said.
    if (pod === undefined || (found === undefined && (isTerminal(pod) || pod.metadata.deletionTimestamp !== undefined))) return
    const status = planPodStatus({ pod, found, failures: failures(uid), ...verdicts(uid), hostIPs, now: clock.now() })
    if (isDeepStrictEqual(plain(status), plain(pod.status ?? {}))) return
    const { namespace, name } = pod.metadata
    const over = this.#options.podOf(uid)?.metadata.resourceVersion
    try {
      // The uid makes the server refuse when the name belongs to another pod by now.
      this.#written.set(uid, { over, pod: await client.patch(PODS, { namespace, name }, { type: 'merge', body: { metadata: { uid }, status } }, { subresource: 'status', signal }) })
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) throw error
    }
  }

  #latest(uid: string): Stored<Pod> | undefined {
    const cached = this.#options.podOf(uid)
    if (cached === undefined) this.#written.delete(uid)
    const written = this.#written.get(uid)
    return cached !== undefined && written?.over === cached.metadata.resourceVersion ? written.pod : cached
  }
}

/** As JSON carries it: without undefined fields, so that two statuses compare by what is sent. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value))
