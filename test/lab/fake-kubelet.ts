// Stands in for every node's kubelet: pods that are bound become ready, terminating ones end. No container is run.

import type { Pod } from 'kubernetes-types/core/v1.js'
import type { ApiClient } from '../../src/client/api-client.ts'
import { startInformer, type Informer } from '../../src/client/informer/informer.ts'
import type { Stored } from '../../src/client/objects.ts'
import { NODES, PODS } from '../../src/client/resources.ts'
import { silentLog } from '../../src/ops/log.ts'

export class FakeKubelet implements AsyncDisposable {
  readonly pods: Informer<Stored<Pod>>
  /** Pods of these images never become ready. */
  readonly broken = new Set<string>()
  readonly #client: ApiClient
  readonly #stop = new AbortController()
  #address = 0

  private constructor(client: ApiClient) {
    this.#client = client
    this.pods = startInformer({ client, resource: PODS, log: silentLog(), signal: this.#stop.signal })
    this.pods.onChange(change => {
      if (change.type !== 'deleted') void this.#attend(change.object).catch(() => {})
    })
  }

  /** Registers ready nodes and begins. */
  static async start(client: ApiClient, nodes: readonly string[]): Promise<FakeKubelet> {
    const signal = AbortSignal.timeout(10_000)
    for (const name of nodes) {
      await client.create(NODES, { metadata: { name }, status: { conditions: [{ type: 'Ready', status: 'True', lastHeartbeatTime: new Date().toISOString().replace(/\.\d+/, '') }] } }, { signal })
    }
    const kubelet = new FakeKubelet(client)
    await kubelet.pods.synced
    return kubelet
  }

  async #attend(pod: Stored<Pod>): Promise<void> {
    const signal = this.#stop.signal
    if (pod.metadata.deletionTimestamp !== undefined) {
      if (pod.spec?.nodeName) await this.#client.delete(PODS, pod.metadata, { signal, gracePeriodSeconds: 0, preconditions: { uid: pod.metadata.uid } })
      return
    }
    if (!pod.spec?.nodeName || pod.status?.podIP !== undefined) return
    const ready = !this.broken.has(pod.spec.containers[0]?.image ?? '')
    this.#address += 1
    const ip = `10.244.${this.#address >> 8}.${this.#address & 255}`
    const time = new Date().toISOString().replace(/\.\d+/, '')
    const status = { phase: 'Running', podIP: ip, podIPs: [{ ip }], conditions: [{ type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime: time }] }
    await this.#client.patch(PODS, pod.metadata, { type: 'strategic', body: { status } }, { signal, subresource: 'status' })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.pods.stopped
  }
}
