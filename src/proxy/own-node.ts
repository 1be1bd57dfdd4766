// The proxy's own Node object: read before anything starts, watched while it runs.

import type { Node } from 'kubernetes-types/core/v1.d.ts'
import type { ApiClient } from '../client/api-client.ts'
import { startInformer, type Informer } from '../client/informer/informer.ts'
import type { Stored } from '../client/objects.ts'
import { NODES } from '../client/resources.ts'
import type { Clock } from '../ops/clock.ts'
import type { Logger } from '../ops/log.ts'

export type OwnNodeOptions = Readonly<{ client: ApiClient; nodeName: string; clock: Clock; log: Logger; signal: AbortSignal }>

const POLL_MS = 200

export class OwnNode {
  readonly #options: OwnNodeOptions
  readonly #informer: Informer<Stored<Node>>

  private constructor(options: OwnNodeOptions, informer: Informer<Stored<Node>>) {
    this.#options = options
    this.#informer = informer
  }

  /** Resolves when the API server answered whether the Node exists; waits as long as that takes. */
  static async open(options: OwnNodeOptions): Promise<OwnNode> {
    const { client, nodeName, log, clock, signal } = options
    const informer = startInformer({ client, resource: NODES, fieldSelector: `metadata.name=${nodeName}`, log, clock, signal })
    await informer.synced
    return new OwnNode(options, informer)
  }

  get current(): Stored<Node> | undefined {
    return this.#informer.cache.get(this.#options.nodeName)
  }

  /** Waits until the Node has what `find` looks for; undefined after `timeoutMs`. */
  async find<T>(find: (node: Node | undefined) => T | undefined, timeoutMs: number): Promise<T | undefined> {
    const { clock, signal } = this.#options
    for (const end = clock.monotonicMs() + timeoutMs; ; ) {
      const found = find(this.current)
      if (found !== undefined || clock.monotonicMs() >= end) return found
      await clock.sleep(POLL_MS, { signal })
    }
  }

  /** Calls back with the Node as it is after every change; undefined when it is gone. */
  onChange(listener: (node: Stored<Node> | undefined) => void): void {
    this.#informer.onChange(change => listener(change.type === 'deleted' ? undefined : change.object))
  }
}
