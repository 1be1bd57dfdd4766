// HTTP/1.1 with kept-alive connections: plain-text servers, and TLS servers that do not speak HTTP/2.

import * as http from 'node:http'
import * as https from 'node:https'
import type { SecureConnection } from './secure-connection.ts'
import { CONNECT_TIMEOUT_MS, TCP_KEEPALIVE_MS, type HttpRequest, type HttpResponse, type Transport } from './transport.ts'

/** We chose: idle connections kept for the next request; watches hold theirs as long as they live. */
const MAX_IDLE_CONNECTIONS = 8

/** `secure` supplies TLS connections; without it the origin is plain HTTP. */
export function openHttp1Transport(server: URL, secure: SecureConnection | undefined): Transport {
  const options: http.AgentOptions = { keepAlive: true, keepAliveMsecs: TCP_KEEPALIVE_MS, maxFreeSockets: MAX_IDLE_CONNECTIONS, scheduling: 'lifo' }
  const agent = secure === undefined ? new http.Agent(options) : new SecureAgent(options, secure)
  return {
    request: async request => {
      try {
        return await send(server, agent, request)
      } catch (error) {
        // The server closed an idle connection just as it was reused: it has not seen the request.
        if (error instanceof StaleConnection) return await send(server, agent, request)
        throw error
      }
    },
    [Symbol.asyncDispose]: async () => agent.destroy(),
  }
}

class StaleConnection extends Error {}

function send(server: URL, agent: http.Agent, request: HttpRequest): Promise<HttpResponse> {
  return new Promise((resolve, reject) => {
    const { signal } = request
    if (signal.aborted) return reject(signal.reason)
    const target = { host: bareHost(server), port: server.port || (server.protocol === 'https:' ? 443 : 80) }
    const outgoing = (server.protocol === 'https:' ? https : http).request({
      ...target,
      agent,
      method: request.method,
      path: request.path,
      headers: { host: server.host, ...request.headers, ...(request.body !== undefined && { 'content-length': Buffer.byteLength(request.body) }) } as http.OutgoingHttpHeaders,
    })
    const abort = (): void => void outgoing.destroy(signal.reason as Error)
    signal.addEventListener('abort', abort, { once: true })
    outgoing.on('close', () => signal.removeEventListener('abort', abort))
    outgoing.on('socket', socket => {
      socket.setNoDelay(true)
      if (socket.connecting && server.protocol === 'http:') limitConnectTime(outgoing, socket)
    })
    outgoing.on('error', error => {
      const code = (error as NodeJS.ErrnoException).code
      const stale = outgoing.reusedSocket && (code === 'ECONNRESET' || code === 'EPIPE') && !signal.aborted
      reject(stale ? new StaleConnection('reused a closed connection', { cause: error }) : error)
    })
    outgoing.on('response', incoming => {
      if (signal.aborted) incoming.destroy(signal.reason as Error)
      resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body: incoming })
    })
    outgoing.end(request.body)
  })
}

function limitConnectTime(outgoing: http.ClientRequest, socket: import('node:net').Socket): void {
  const timer = setTimeout(() => {
    outgoing.destroy(Object.assign(new Error(`no connection within ${CONNECT_TIMEOUT_MS} ms`), { code: 'ETIMEDOUT' }))
  }, CONNECT_TIMEOUT_MS)
  const stop = (): void => clearTimeout(timer)
  socket.once('connect', stop)
  socket.once('close', stop)
}

const bareHost = (server: URL): string => server.hostname.replace(/^\[|\]$/g, '')

/** Takes its sockets from the shared TLS connector, so that rotated certificates apply to every new one. */
class SecureAgent extends https.Agent {
  readonly #secure: SecureConnection

  constructor(options: http.AgentOptions, secure: SecureConnection) {
    super(options)
    this.#secure = secure
  }

  // Node's documented extension point (http.Agent, agent.createConnection): answer by callback.
  override createConnection(_options: unknown, callback?: (error: Error | null, socket: import('node:stream').Duplex) => void): undefined {
    this.#secure.connect(['http/1.1']).then(
      socket => callback?.(null, socket),
      (error: Error) => callback?.(error, undefined as never),
    )
    return undefined
  }
}
