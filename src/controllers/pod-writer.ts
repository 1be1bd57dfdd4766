// Makes and removes pods for a controller: in growing batches, so that a template the server refuses costs one
// request and not five hundred, and with an event for each.

import type { Pod, PodTemplateSpec } from 'kubernetes-types/core/v1.js'
import type { OwnerReference } from 'kubernetes-types/meta/v1.js'
import { cloneJson } from '../api/object.ts'
import type { ApiClient } from '../client/api-client.ts'
import { isConflict, isNotFound } from '../client/errors.ts'
import type { EventRecorder } from '../client/event-recorder.ts'
import type { KubeObject, Stored } from '../client/objects.ts'
import type { OwnWrites } from '../client/own-writes.ts'
import { PODS } from '../client/resources.ts'

export type PodWriterOptions = Readonly<{ client: ApiClient; events: EventRecorder; ownWrites: OwnWrites<Stored<Pod>> }>

/** A pod from a template. */
export const podFromTemplate = (template: PodTemplateSpec, options: Readonly<{ namespace: string; generateName: string; owner: OwnerReference }>): Pod => ({
  metadata: {
    namespace: options.namespace,
    generateName: options.generateName,
    ...(template.metadata?.labels !== undefined && { labels: { ...template.metadata.labels } }),
    ...(template.metadata?.annotations !== undefined && { annotations: { ...template.metadata.annotations } }),
    ...(template.metadata?.finalizers !== undefined && { finalizers: [...template.metadata.finalizers] }),
    ownerReferences: [options.owner],
  },
  ...(template.spec !== undefined && { spec: cloneJson(template.spec) }),
})

export class PodWriter {
  readonly #options: PodWriterOptions

  constructor(options: PodWriterOptions) {
    this.#options = options
  }

  /** Creates pods, in batches of 1, 2, 4 … while all goes well. Rejects with the first failure, having made what it could. */
  async create(about: Stored<KubeObject>, pods: readonly Pod[], signal: AbortSignal): Promise<void> {
    const { client, events, ownWrites } = this.#options
    for (let start = 0, size = 1; start < pods.length; start += size, size *= 2) {
      const results = await Promise.allSettled(pods.slice(start, start + size).map(pod => client.create(PODS, pod, { signal })))
      for (const result of results) {
        if (result.status === 'rejected') continue
        ownWrites.wrote(result.value)
        events.about(about, { type: 'Normal', reason: 'SuccessfulCreate', message: `Created pod: ${result.value.metadata.name}` })
      }
      const failed = results.find(result => result.status === 'rejected')
      if (failed === undefined) continue
      signal.throwIfAborted()
      events.about(about, { type: 'Warning', reason: 'FailedCreate', message: `Error creating: ${(failed.reason as Error).message}` })
      throw failed.reason
    }
  }

  async delete(about: Stored<KubeObject>, pods: readonly Stored<Pod>[], signal: AbortSignal): Promise<void> {
    const { client, events, ownWrites } = this.#options
    await Promise.all(pods.map(async pod => {
      try {
        await client.delete(PODS, pod.metadata, { signal, preconditions: { uid: pod.metadata.uid } })
        ownWrites.deleted(pod)
        events.about(about, { type: 'Normal', reason: 'SuccessfulDelete', message: `Deleted pod: ${pod.metadata.name}` })
      } catch (error) {
        if (!isNotFound(error) && !isConflict(error)) throw error
      }
    }))
  }
}
