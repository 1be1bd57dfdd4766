// The small HTTP door of a daemon: health, status and metrics, by exact path. Plain node:http: there is nothing to route.

import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import { WeftError } from './errors.ts'
import type { Logger } from './log.ts'

export type EndpointAnswer = Readonly<{ status: number; body: string; contentType?: string }>

export type HttpEndpointsOptions = Readonly<{
  host: string
  /** 0 takes any free port. */
  port: number
  /** By exact path ("/healthz"); anything else is answered 404. */
  endpoints: Readonly<Record<string, () => EndpointAnswer | Promise<EndpointAnswer>>>
  /** Serves HTTPS with this certificate and key, both PEM. */
  tls?: Readonly<{ certificatePem: string; privateKeyPem: string }>
  log: Logger
}>

/** Requests still running get this long when the server closes (flanneld's grace). */
const CLOSE_GRACE_MS = 3_000

export class HttpEndpoints implements AsyncDisposable {
  readonly #server: Server

  private constructor(server: Server) {
    this.#server = server
  }

  /** Resolves once the port accepts. Throws LISTEN_FAILED when it is taken or not ours to take. */
  static async open({ host, port, endpoints, tls, log }: HttpEndpointsOptions): Promise<HttpEndpoints> {
    const listener: RequestListener = (request, response) => {
      const path = (request.url ?? '/').split('?')[0]!
      const answer = Object.hasOwn(endpoints, path) ? endpoints[path] : undefined
      const work = async (): Promise<EndpointAnswer> => {
        if (answer === undefined) return { status: 404, body: `there is no ${path} here\n` }
        if (request.method !== 'GET' && request.method !== 'HEAD') return { status: 405, body: 'only GET is answered here\n' }
        return answer()
      }
      work()
        .catch((err: unknown): EndpointAnswer => {
          log.error({ err, path }, 'an endpoint failed')
          return { status: 500, body: `${(err as Error).message}\n` }
        })
        .then(({ status, body, contentType }) => response.writeHead(status, { 'content-type': contentType ?? 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' }).end(body))
    }
    const server = tls === undefined ? createServer(listener) : createSecureServer({ cert: tls.certificatePem, key: tls.privateKeyPem, minVersion: 'TLSv1.2' }, listener)
    try {
      server.listen({ host, port })
      await once(server, 'listening')
    } catch (cause) {
      throw new WeftError('LISTEN_FAILED', `cannot listen on ${host}:${port} for health and metrics; free the port or choose another`, { host, port }, { cause })
    }
    return new HttpEndpoints(server)
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.#server.closeIdleConnections()
    const grace = setTimeout(() => this.#server.closeAllConnections(), CLOSE_GRACE_MS)
    await closed
    clearTimeout(grace)
  }
}
