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

/** Sessions that were told to go away finish their streams on their own; only the newest takes requests. */
class NegotiatingTransport implements Transport {
  readonly #config: ClientConfig
  readonly #options: TransportOptions
  readonly #secure
  readonly #open = new Set<Http2Session>()
  #session: Http2Session | undefined
  #http1: Transport | undefined
  #connecting: Promise<Http2Session | Transport> | undefined
  #closed = false

  constructor(config: ClientConfig, options: TransportOptions) {
    this.#config = config
    this.#options = options
    this.#secure = secureConnection(config)
  }

  async request(request: HttpRequest): Promise<HttpResponse> {
    try {
      return await (await this.#carrier(request.signal)).request(request)
    } catch (error) {
      if (!(error instanceof RefusedByPeer)) throw error
      return await (await this.#carrier(request.signal)).request(request)
    }
  }

  /** Whoever waits for a connection may give up; the connection itself is for all and goes on. */
  async #carrier(signal: AbortSignal): Promise<Http2Session | Transport> {
    if (this.#closed) throw new Error('the client was closed')
    if (this.#http1 !== undefined) return this.#http1
    if (this.#session?.usable) return this.#session
    this.#connecting ??= this.#connect().finally(() => {
      this.#connecting = undefined
    })
    return unlessAborted(this.#connecting, signal)
  }

  async #connect(): Promise<Http2Session | Transport> {
    const socket = await this.#secure.connect(this.#options.protocols ?? ['h2', 'http/1.1'])
    if (this.#closed) {
      socket.destroy()
      throw new Error('the client was closed')
    }
    if (socket.alpnProtocol === 'h2') {
      for (const old of this.#open) if (!old.usable) this.#open.delete(old)
      this.#session = openHttp2Session(this.#config.server, socket, this.#options.ping ?? DEFAULT_PING)
      this.#open.add(this.#session)
      return this.#session
    }
    socket.destroy()
    return (this.#http1 = openHttp1Transport(this.#config.server, this.#secure))
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
