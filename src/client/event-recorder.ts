// Events (core v1) about objects: what a person sees at the end of `kubectl describe`.

import type { Event, ObjectReference } from 'kubernetes-types/core/v1.js'
import type { Clock } from '../ops/clock.ts'
import type { ApiClient } from './api-client.ts'
import { isNamespaceTerminating, isNotFound } from './errors.ts'
import type { KubeObject, Stored } from './objects.ts'
import { EVENTS } from './resources.ts'

export type EventText = Readonly<{ type: 'Normal' | 'Warning'; reason: string; message: string; action?: string }>

/** client-go's spam filter: a burst of 25 events per object, then one every five minutes. */
const BURST = 25
const REFILL_MS = 5 * 60_000
/** client-go's correlator: the same event within ten minutes counts up instead of being a new one. */
const SAME_EVENT_MS = 10 * 60_000
/** We chose: how many events may wait for a server that is away, and how many past ones are remembered. */
const MAX_PENDING = 100
const MAX_REMEMBERED = 4096
const SEND_TIMEOUT_MS = 10_000

type Sent = { name: string; namespace: string; count: number; at: number }
type Bucket = { tokens: number; at: number }
type Pending = Readonly<{ about: ObjectReference; text: EventText }>

export type EventRecorderOptions = Readonly<{
  client: ApiClient
  /** "endpoint-slice-controller": shows as the event's source. */
  component: string
  /** Host name, for daemons that run on every node. */
  host?: string
  clock: Clock
  /** Random hexadecimal digits for event names. */
  newId: () => string
  signal: AbortSignal
}>

/** Sends in the background, one at a time; never throws, never waits, drops what a long outage piles up. */
export class EventRecorder {
  readonly component: string
  readonly #options: EventRecorderOptions
  readonly #pending: Pending[] = []
  readonly #sent = new Map<string, Sent>()
  readonly #buckets = new Map<string, Bucket>()
  #sending: Promise<void> | undefined

  constructor(options: EventRecorderOptions) {
    this.#options = options
    this.component = options.component
  }

  /** Records an event about an object read from the API. */
  about(object: Stored<KubeObject>, text: EventText): void {
    const { name, namespace, uid, resourceVersion } = object.metadata
    this.record({ kind: object.kind ?? '', apiVersion: object.apiVersion ?? '', name, uid, resourceVersion, ...(namespace !== undefined && { namespace }) }, text)
  }

  record(about: ObjectReference, text: EventText): void {
    if (this.#pending.length >= MAX_PENDING || !this.#takeToken(about)) return
    this.#pending.push({ about, text })
    this.#sending ??= this.#drain().finally(() => {
      this.#sending = undefined
    })
  }

  /** Resolves when nothing is waiting to be sent. */
  async flushed(): Promise<void> {
    await this.#sending
  }

  async #drain(): Promise<void> {
    const { client, signal } = this.#options
    for (let next = this.#pending.shift(); next !== undefined && !signal.aborted; next = this.#pending.shift()) {
      try {
        await this.#send(next)
        client.outages.succeeded('write events')
      } catch (error) {
        if (signal.aborted) return
        // What happens in a namespace that is going away has no place to be told.
        if (!isNamespaceTerminating(error) && !isNotFound(error)) client.outages.failed('write events', error)
      }
    }
  }

  async #send({ about, text }: Pending): Promise<void> {
    const { client, clock, signal } = this.#options
    const key = [about.kind, about.namespace, about.name, about.uid, text.type, text.reason, text.message].join('\n')
    const known = this.#sent.get(key)
    const time = new Date(clock.now()).toISOString().replace(/\.\d+Z$/, 'Z')
    const call = { signal, timeoutMs: SEND_TIMEOUT_MS }
    if (known !== undefined && clock.monotonicMs() - known.at < SAME_EVENT_MS) {
      try {
        await client.patch(EVENTS, known, { type: 'merge', body: { count: known.count + 1, lastTimestamp: time } }, call)
        known.count += 1
        known.at = clock.monotonicMs()
        return
      } catch (error) {
        if (!isNotFound(error)) throw error
      }
    }
    const event = await client.create(EVENTS, this.#compose(about, text, time), call)
    this.#remember(key, { name: event.metadata.name, namespace: event.metadata.namespace ?? 'default', count: 1, at: clock.monotonicMs() })
  }

  #compose(about: ObjectReference, text: EventText, time: string): Event {
    const { component, host, newId } = this.#options
    // Events about cluster-scoped objects live in "default" (client-go's recorder).
    const namespace = about.namespace || 'default'
    return {
      metadata: { name: `${about.name}.${newId()}`, namespace },
      involvedObject: about,
      type: text.type, reason: text.reason, message: text.message,
      ...(text.action !== undefined && { action: text.action }),
      source: { component, ...(host !== undefined && { host }) },
      reportingComponent: component, reportingInstance: host ?? '',
      firstTimestamp: time, lastTimestamp: time, count: 1,
    }
  }

  #takeToken(about: ObjectReference): boolean {
    const key = `${about.kind}/${about.namespace}/${about.name}`
    const now = this.#options.clock.monotonicMs()
    const known = this.#buckets.get(key) ?? { tokens: BURST, at: now }
    const tokens = Math.min(BURST, known.tokens + (now - known.at) / REFILL_MS)
    bound(this.#buckets)
    this.#buckets.set(key, { tokens: tokens >= 1 ? tokens - 1 : tokens, at: now })
    return tokens >= 1
  }

  #remember(key: string, sent: Sent): void {
    bound(this.#sent)
    this.#sent.set(key, sent)
  }
}

/** Forgets the oldest entry of a full map. */
function bound(map: Map<string, unknown>): void {
  if (map.size < MAX_REMEMBERED) return
  const [oldest] = map.keys()
  map.delete(oldest!)
}
