// One watch stream of etcd. Its progress is asked for (WatchProgressRequest): etcd tells by itself only every ten minutes.

import type { IDuplexStream, IWatchRequest, IWatchResponse, WatchClient } from 'etcd3'
import { CompactedError, prefixEnd, StoreError, type StoreEvent, type WatchBatch } from '../store.ts'
import { entryOf } from './entry.ts'

type Query = Readonly<{ prefix: string; afterRevision: number }>

/** An unsynced watch answers no progress request, so it is asked again. */
const ASK_AGAIN_MS = 50
/** Asked also when nobody waits, for bookmarks. */
const IDLE_ASK_MS = 5_000

export class EtcdWatch implements AsyncDisposable {
  readonly #stream: IDuplexStream<IWatchRequest, IWatchResponse>
  readonly #query: Query
  #queue: WatchBatch[] = []
  #failure: unknown
  #wake: () => void = () => undefined
  /** How far the stream has come, and how far somebody wants to know it has. */
  #reached: number
  #goal = 0
  #timer: NodeJS.Timeout
  #lastAsked = 0
  #closed = false

  static async open(client: WatchClient, query: Query, signal: AbortSignal): Promise<EtcdWatch> {
    signal.throwIfAborted()
    const stream = await client.watch().catch((cause: unknown) => { throw broken(cause) })
    return new EtcdWatch(stream, query)
  }

  private constructor(stream: IDuplexStream<IWatchRequest, IWatchResponse>, query: Query) {
    this.#stream = stream
    this.#query = query
    this.#reached = query.afterRevision
    stream.on('data', response => this.#take(response))
    stream.on('error', cause => this.#fail(broken(cause)))
    stream.on('end', () => this.#fail(broken(new Error('the stream ended'))))
    stream.write({
      create_request: {
        key: Buffer.from(query.prefix), range_end: Buffer.from(prefixEnd(query.prefix)), start_revision: query.afterRevision + 1, prev_kv: true, progress_notify: true,
      },
    })
    this.#timer = setInterval(() => this.#ask(), ASK_AGAIN_MS)
  }

  /** Makes the stream say when it has come to `revision`. */
  aimAt(revision: number): void {
    if (revision <= this.#reached) return
    this.#goal = Math.max(this.#goal, revision)
    this.#lastAsked = 0
    this.#ask()
  }

  async *batches(signal: AbortSignal): AsyncGenerator<WatchBatch> {
    const onAbort = (): void => this.#wake()
    signal.addEventListener('abort', onAbort)
    try {
      for (;;) {
        signal.throwIfAborted()
        const ready = this.#queue
        this.#queue = []
        yield* ready
        if (this.#queue.length > 0) continue
        if (this.#failure !== undefined) throw this.#failure
        await new Promise<void>(resolve => {
          this.#wake = resolve
          if (signal.aborted || this.#queue.length > 0 || this.#failure !== undefined) resolve()
        })
      }
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    clearInterval(this.#timer)
    // An error that follows the cancellation is the cancellation.
    this.#stream.on('error', () => undefined)
    this.#stream.cancel()
  }

  #ask(): void {
    const now = performance.now()
    const waitMs = this.#goal > this.#reached ? ASK_AGAIN_MS : IDLE_ASK_MS
    if (this.#closed || this.#failure !== undefined || now - this.#lastAsked < waitMs) return
    this.#lastAsked = now
    this.#stream.write({ progress_request: {} } as IWatchRequest)
  }

  #take(response: IWatchResponse): void {
    const compacted = Number(response.compact_revision ?? 0)
    if (compacted > 0) return this.#fail(new CompactedError(this.#query.afterRevision, compacted))
    if (response.canceled) return this.#fail(broken(new Error(response.cancel_reason)))
    // What stands in the header of the creation may lie ahead of events that are still to come.
    if (response.created) return this.aimAt(Number(response.header.revision))
    const events = (response.events ?? []).map((event): StoreEvent => {
      const revision = Number(event.kv.mod_revision)
      const key = event.kv.key.toString()
      const previous = event.prev_kv === null || event.prev_kv === undefined ? undefined : entryOf(event.prev_kv)
      return { key, revision, ...(event.type === 'Put' ? { entry: entryOf(event.kv) } : {}), ...(previous === undefined ? {} : { previous }) }
    })
    // A batch of events ends at its last event; only a pure progress notice vouches for its header.
    this.#reached = Math.max(this.#reached, events.at(-1)?.revision ?? Number(response.header.revision))
    this.#queue.push({ events, revision: this.#reached })
    this.#wake()
  }

  #fail(error: unknown): void {
    this.#failure ??= error
    this.#wake()
  }
}

const broken = (cause: unknown): StoreError =>
  new StoreError('STORE_WATCH_BROKEN', `the watch of etcd broke: ${(cause as Error).message}`, {}, { cause, retryable: true })
