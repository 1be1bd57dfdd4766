// Chooses HTTP/2 where the server offers it (ALPN, RFC 7301) and HTTP/1.1 elsewhere, and replaces dead sessions.

import type { ClientConfig } from '../kubeconfig/config.ts'
import { openHttp1Transport } from './http1-transport.ts'
import { DEFAULT_PING, RefusedByPeer, openHttp2Session, type Http2Session, type PingPolicy } from './http2-session.ts'
import { secureConnection } from './secure-connection.ts'
import type { HttpRequest, HttpResponse, Transport } from './transport.ts'

export type TransportOptions = Readonly<{ ping?: PingPolicy; protocols?: readonly ('h2' | 'http/1.1')[] }>

export function openTransport(config: ClientConfig, options: TransportOptions = {}): Transport {
  if (config.server.protocol === 'http:') return openHttp1Transport(config.server, undefined)
  return new NegotiatingTransport(config, options)
}

/** Sessions that were told to go away finish their streams on their own; one that is full is joined by another. */
class NegotiatingTransport implements Transport {
  readonly #config: ClientConfig
  readonly #options: TransportOptions
  readonly #secure
  readonly #open = new Set<Http2Session>()
  #http1: Transport | undefined
  #connecting: Promise<void> | undefined
  #closed = false

  constructor(config: ClientConfig, options: TransportOptions) {
    this.#config = config
    this.#options = options
    this.#secure = secureConnection(config)
  }

  async request(request: HttpRequest): Promise<HttpResponse> {
    try {
      return await this.#send(request)
    } catch (error) {
      if (!(error instanceof RefusedByPeer)) throw error
      return await this.#send(request)
    }
  }

  /** Looking for room and taking it is one step: others wait for the same connection. */
  async #send(request: HttpRequest): Promise<HttpResponse> {
    for (;;) {
      if (this.#closed) throw new Error('the client was closed')
      if (this.#http1 !== undefined) return await this.#http1.request(request)
      for (const session of this.#open) if (session.usable && session.room > 0) return await session.request(request)
      this.#connecting ??= this.#connect().finally(() => {
        this.#connecting = undefined
      })
      // Whoever waits may give up; the connection itself is for all and goes on.
      await unlessAborted(this.#connecting, request.signal)
    }
  }

  /** Opens one more session, or settles for HTTP/1.1. */
  async #connect(): Promise<void> {
    const socket = await this.#secure.connect(this.#options.protocols ?? ['h2', 'http/1.1'])
    if (this.#closed) {
      socket.destroy()
      throw new Error('the client was closed')
    }
    if (socket.alpnProtocol === 'h2') {
      for (const old of this.#open) if (!old.usable) this.#open.delete(old)
      this.#open.add(await openHttp2Session(this.#config.server, socket, this.#options.ping ?? DEFAULT_PING))
      return
    }
    socket.destroy()
    this.#http1 = openHttp1Transport(this.#config.server, this.#secure)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    for (const session of this.#open) session.destroy()
    await this.#http1?.[Symbol.asyncDispose]()
  }
}

function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) reject(signal.reason)
    const abort = (): void => reject(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
