// The response of one watch: time limit, bookmarks, and a client that does not read.

import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { Exchange } from '../http/exchange.ts'

export type WatchStreamOptions = Readonly<{
  timeoutSeconds: number
  /** Makes a bookmark line; undefined when the client does not want any. */
  bookmark: (() => Buffer) | undefined
}>

/** As upstream: about a minute apart, and shortly before the end, so that the client resumes close to where it was. */
const BOOKMARK_INTERVAL_MS = 60_000
const BOOKMARK_BEFORE_END_MS = 2_000
/** A reader may lag this many events for that long, or this many bytes at all; then it is cut off and resumes. */
const MAX_LAG_EVENTS = 100
const MAX_LAG_MS = 5_000
const MAX_LAG_BYTES = 32 * 1024 * 1024

export class WatchStream implements AsyncDisposable {
  readonly #exchange: Exchange
  readonly #options: WatchStreamOptions
  readonly #timers: NodeJS.Timeout[] = []
  readonly #end = Promise.withResolvers<void>()
  #laggingSince: number | undefined
  #lag = 0
  #live = false
  closed = false

  constructor(exchange: Exchange, options: WatchStreamOptions) {
    this.#exchange = exchange
    this.#options = options
    exchange.signal.addEventListener('abort', () => this.#finish())
  }

  /** Resolves when the time is up or the client is gone. */
  get ended(): Promise<void> {
    return this.#end.promise
  }

  /** Sends the headers at once: clients measure their start by them. */
  open(): void {
    const { response } = this.#exchange
    this.#exchange.start(200, { 'content-type': 'application/json' })
    // HTTP/2 sends them with writeHead; HTTP/1.1 would wait for the first line.
    if ('flushHeaders' in response) (response as unknown as ServerResponse).flushHeaders()
    response.on('drain', () => {
      this.#laggingSince = undefined
      this.#lag = 0
    })
    // Asked for in seconds up to 2^31; a Node timer holds 2^31 milliseconds.
    const timeoutMs = Math.min(this.#options.timeoutSeconds * 1000, 2 ** 31 - 1)
    this.#timers.push(setTimeout(() => this.#finish(), timeoutMs))
    if (this.#options.bookmark === undefined) return
    const interval = setInterval(() => this.#bookmark(), BOOKMARK_INTERVAL_MS)
    this.#timers.push(interval)
    if (timeoutMs > 2 * BOOKMARK_BEFORE_END_MS) this.#timers.push(setTimeout(() => this.#bookmark(), timeoutMs - BOOKMARK_BEFORE_END_MS))
  }

  /** From now on bookmarks tell the truth: nothing older is still to come. */
  goLive(): void {
    this.#live = true
  }

  write(line: Buffer): void {
    if (this.closed) return
    const { response } = this.#exchange
    if (response.write(line)) return
    this.#lag += 1
    this.#laggingSince ??= performance.now()
    const late = this.#live && this.#lag > MAX_LAG_EVENTS && performance.now() - this.#laggingSince > MAX_LAG_MS
    if (late || (this.#live && response.writableLength > MAX_LAG_BYTES)) this.cut()
  }

  /** Resolves when the client has read what was written so far. */
  async drained(): Promise<void> {
    const { response, signal } = this.#exchange
    if (response.writableNeedDrain) await once(response, 'drain', { signal })
    else await new Promise<void>(resolve => setImmediate(resolve))
    signal.throwIfAborted()
  }

  /** Ends the connection without a word; the client resumes from its last event. */
  cut(): void {
    this.#exchange.response.destroy()
    this.#finish()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#finish()
    if (!this.#exchange.response.writableEnded) this.#exchange.response.end()
  }

  #bookmark(): void {
    if (this.#live) this.write(this.#options.bookmark!())
  }

  #finish(): void {
    this.closed = true
    for (const timer of this.#timers) clearTimeout(timer)
    this.#end.resolve()
  }
}
