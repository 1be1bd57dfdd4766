// The secure port: TLS with HTTP/2 and HTTP/1.1, client certificates asked for but not demanded.

import { once } from 'node:events'
import { ServerResponse, type IncomingMessage } from 'node:http'
import { createSecureServer, type Http2SecureServer, type Http2ServerRequest, type Http2ServerResponse, type ServerHttp2Session } from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import { WeftError } from '../../ops/errors.ts'
import type { Upgrade } from './exchange.ts'

export type ListenerOptions = Readonly<{
  bindAddress: string
  /** 0 takes a free port. */
  port: number
  certificatePem: string
  privateKeyPem: string
  /** Authorities of client certificates; absent: none is accepted. */
  clientCaPem: string | undefined
  /** `upgrade`: the client asks for another protocol on this connection (HTTP/1.1 only). */
  handle: (request: Http2ServerRequest, response: Http2ServerResponse, upgrade?: Upgrade) => void
}>

/** Longer than any client's own idle limit (Go: 90 s). */
const KEEP_ALIVE_MS = 120_000
/** kube-apiserver's --http2-max-streams-per-connection. */
const MAX_STREAMS = 1000
/** Enough for a large list to flow without waiting for window updates. */
const WINDOW_BYTES = 8 * 1024 * 1024

export class Listener implements AsyncDisposable {
  readonly #server: Http2SecureServer
  readonly #sessions: Set<ServerHttp2Session>
  readonly #sockets: Set<Socket>

  static async open(options: ListenerOptions): Promise<Listener> {
    const server = createSecureServer({
      cert: options.certificatePem, key: options.privateKeyPem,
      ...(options.clientCaPem === undefined ? {} : { ca: options.clientCaPem, requestCert: true }),
      rejectUnauthorized: false, minVersion: 'TLSv1.2', allowHTTP1: true,
      settings: { maxConcurrentStreams: MAX_STREAMS, initialWindowSize: WINDOW_BYTES },
    }, options.handle)
    // Node's five seconds would close idle HTTP/1.1 connections under the feet of clients that keep a pool of them.
    Object.assign(server, { keepAliveTimeout: KEEP_ALIVE_MS })
    server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
      const response = new ServerResponse(request)
      response.shouldKeepAlive = false
      response.assignSocket(socket)
      response.on('finish', () => socket.end())
      socket.on('error', () => socket.destroy())
      const detach = (): void => response.detachSocket(socket)
      options.handle(request as unknown as Http2ServerRequest, response as unknown as Http2ServerResponse, { socket, head, detach })
    })
    const listener = new Listener(server)
    server.listen({ host: options.bindAddress, port: options.port })
    try {
      await once(server, 'listening')
    } catch (cause) {
      throw new WeftError('APISERVER_LISTEN_FAILED', `cannot listen on ${options.bindAddress} port ${options.port}: ${(cause as Error).message}`, { address: options.bindAddress, port: options.port }, { cause })
    }
    return listener
  }

  private constructor(server: Http2SecureServer) {
    this.#server = server
    this.#sessions = new Set()
    this.#sockets = new Set()
    server.on('session', session => {
      session.setLocalWindowSize(WINDOW_BYTES)
      this.#sessions.add(session)
      session.on('close', () => this.#sessions.delete(session))
      // A client's protocol error ends its own connection, nothing else.
      session.on('error', () => session.destroy())
    })
    server.on('secureConnection', socket => {
      socket.setNoDelay(true)
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
    })
    server.on('tlsClientError', (_error, socket) => socket.destroy())
    server.on('clientError', (_error: Error, socket: Socket) => socket.destroy())
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Takes no new connections and tells the clients on the present ones to go elsewhere (GOAWAY). */
  stopAccepting(): void {
    this.#server.close()
    for (const session of this.#sessions) session.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stopAccepting()
    for (const session of this.#sessions) session.destroy()
    for (const socket of this.#sockets) socket.destroy()
  }
}
