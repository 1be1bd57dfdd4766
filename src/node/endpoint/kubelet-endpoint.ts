// The part of kubelet's own HTTPS port that there is: /healthz, and /containerLogs for `kubectl logs`. Whoever asks must
// show a client certificate of the cluster's authority in the group system:masters, as the API server's kubelet client has.

import { once } from 'node:events'
import { createServer, type Server } from 'node:https'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Clock } from '../../ops/clock.ts'
import { WeftError } from '../../ops/errors.ts'
import type { Logger } from '../../ops/log.ts'
import { readLog, runFolder, type LogQuery } from './container-log.ts'

export type EndpointOptions = Readonly<{
  address: string
  /** 0 takes a free one. */
  port: number
  certificatePem: string
  privateKeyPem: string
  clientCaPem: string
  /** The folder of a pod's containers; undefined when no such pod runs here. */
  containersOf: (namespace: string, pod: string) => string | undefined
  clock: Clock
  log: Logger
}>

const MASTERS = 'system:masters'

export class KubeletEndpoint implements AsyncDisposable {
  readonly #server: Server
  readonly #options: EndpointOptions
  readonly #stop = new AbortController()

  static async open(options: EndpointOptions): Promise<KubeletEndpoint> {
    const endpoint = new KubeletEndpoint(options)
    const { address, port } = options
    endpoint.#server.listen({ host: address, port })
    try {
      await once(endpoint.#server, 'listening')
    } catch (cause) {
      throw new WeftError('NODE_LISTEN_FAILED', `cannot listen on ${address} port ${port}: ${(cause as Error).message}; name another --port`, { address, port }, { cause })
    }
    return endpoint
  }

  private constructor(options: EndpointOptions) {
    this.#options = options
    this.#server = createServer({
      cert: options.certificatePem, key: options.privateKeyPem, ca: options.clientCaPem, requestCert: true, rejectUnauthorized: false, minVersion: 'TLSv1.2',
    }, (request, response) => {
      this.#answer(request, response).catch((err: unknown) => {
        if (!this.#stop.signal.aborted) options.log.warn({ err, url: request.url }, 'a request for a container failed')
        if (!response.headersSent) response.writeHead(500).end(`${(err as Error).message}\n`)
        else response.destroy()
      })
    })
    this.#server.on('tlsClientError', (_error, socket) => socket.destroy())
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const refusal = refusalOf(request.socket as TLSSocket)
    if (refusal !== undefined) return void response.writeHead(refusal).end(refusal === 401 ? 'Unauthorized\n' : `Forbidden: the client certificate is not in the group ${MASTERS}\n`)
    const url = new URL(request.url ?? '/', 'https://kubelet')
    if (url.pathname === '/healthz') return void response.writeHead(200, TEXT).end('ok')
    const [, part, namespace = '', pod = '', container = '', ...rest] = url.pathname.split('/').map(decodeURIComponent)
    if (part !== 'containerLogs' || request.method !== 'GET' || container === '' || rest.length > 0) {
      return void response.writeHead(404, TEXT).end(`this node serves logs, not ${part}: weft node has no such connection to its containers\n`)
    }
    await this.#sendLog(response, { namespace, pod, container }, url.searchParams)
  }

  async #sendLog(response: ServerResponse, { namespace, pod, container }: Readonly<{ namespace: string; pod: string; container: string }>, search: URLSearchParams): Promise<void> {
    const unkept = ['timestamps', 'sinceSeconds', 'sinceTime', 'stream'].find(name => (search.get(name) ?? '') !== '')
    if (unkept !== undefined) return void response.writeHead(400, TEXT).end(`${unkept}: lines are kept as the container wrote them, both streams together and without times; ask without it\n`)
    const previous = search.get('previous') === 'true'
    const containers = this.#options.containersOf(namespace, pod)
    const folder = containers === undefined ? undefined : await runFolder(containers, container, previous)
    if (folder === undefined) return void response.writeHead(400, TEXT).end(`${previous ? 'previous terminated ' : ''}container ${JSON.stringify(container)} in pod ${JSON.stringify(pod)} is not there: it has not been started on this node\n`)
    const number = (name: string): number | undefined => (search.has(name) ? Number(search.get(name)) : undefined)
    const query: LogQuery = { tailLines: number('tailLines'), limitBytes: number('limitBytes'), follow: search.get('follow') === 'true' }
    const gone = new AbortController()
    response.on('close', () => gone.abort())
    const signal = AbortSignal.any([gone.signal, this.#stop.signal])
    // Whoever follows wants to know at once that the log is there.
    response.writeHead(200, TEXT).flushHeaders()
    try {
      await pipeline(Readable.from(readLog(folder, query, { clock: this.#options.clock, signal })), response, { signal })
    } catch (error) {
      if (!signal.aborted) throw error
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    this.#server.closeAllConnections()
    this.#server.close()
  }
}

const TEXT = { 'content-type': 'text/plain; charset=utf-8' } as const

/** 401 without a certificate of the authority, 403 with another group's. */
function refusalOf(socket: TLSSocket): 401 | 403 | undefined {
  if (!socket.authorized) return 401
  const organizations = socket.getPeerCertificate().subject.O as string | string[] | undefined
  return [organizations ?? []].flat().includes(MASTERS) ? undefined : 403
}
