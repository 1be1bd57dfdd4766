// Stands in for an API server that holds any number of Services with their EndpointSlices: what is listed is made while it
// is read, nothing is stored. So a hundred thousand objects are there at once, and what is measured is the proxy alone.

import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { NODE, serviceOf, sliceOf, type Size } from './cluster.ts'

type Listed = Readonly<{ apiVersion: string; kind: string; count: number; item: (index: number) => object }>

/** The first cluster IPs are left to the API server, as in a real one. */
const FIRST = 16

export class ObjectSource implements AsyncDisposable {
  readonly size: Size
  readonly kubeconfig: string
  readonly #folder = mkdtempSync(join(tmpdir(), 'weft-source-'))
  readonly #server: Server
  readonly #lists: ReadonlyMap<string, Listed>
  readonly #watchers = new Map<string, Set<ServerResponse>>()
  #version = 1

  private constructor(size: Size, server: Server) {
    this.size = size
    this.#server = server
    this.kubeconfig = join(this.#folder, 'kubeconfig')
    const node = { metadata: { name: NODE }, status: { addresses: [{ type: 'InternalIP', address: '172.30.0.1' }] } }
    this.#lists = new Map<string, Listed>([
      ['/api/v1/services', { apiVersion: 'v1', kind: 'Service', count: size.services, item: index => serviceOf(FIRST + index) }],
      ['/apis/discovery.k8s.io/v1/endpointslices', { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', count: size.services, item: index => sliceOf(FIRST + index, size.endpoints) }],
      ['/api/v1/nodes', { apiVersion: 'v1', kind: 'Node', count: 1, item: () => node }],
      ['/apis/networking.k8s.io/v1/servicecidrs', { apiVersion: 'networking.k8s.io/v1', kind: 'ServiceCIDR', count: 0, item: () => node }],
    ])
  }

  static async open(size: Size): Promise<ObjectSource> {
    const server = createServer()
    const source = new ObjectSource(size, server)
    server.on('request', (request, response) => source.#answer(request, response))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    writeFileSync(source.kubeconfig, JSON.stringify({
      apiVersion: 'v1', kind: 'Config', 'current-context': 'source',
      clusters: [{ name: 'source', cluster: { server: `http://127.0.0.1:${source.port}` } }],
      contexts: [{ name: 'source', context: { cluster: 'source', user: 'source' } }],
      users: [{ name: 'source', user: {} }],
    }))
    return source
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Tells the watchers that one endpoint of a service has another address; `round` decides which service, and to and fro. */
  replaceEndpoint(round: number): void {
    const index = (round * 7919) % this.size.services
    this.#version += 1
    const path = '/apis/discovery.k8s.io/v1/endpointslices'
    const object = this.#whole(this.#lists.get(path)!, index, sliceOf(FIRST + index, this.size.endpoints, 1 + (round % 2)))
    for (const watcher of this.#watchers.get(path) ?? []) watcher.write(`${JSON.stringify({ type: 'MODIFIED', object })}\n`)
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url!, 'http://source')
    const [, path, name] = /^(.*?)(?:\/(bench-\d+))?$/.exec(url.pathname)!
    const list = this.#lists.get(path!)
    response.setHeader('content-type', 'application/json')
    if (request.method === 'POST') {
      response.writeHead(201).end('{"kind":"Event","apiVersion":"events.k8s.io/v1","metadata":{"name":"taken"}}')
    } else if (list === undefined) {
      response.writeHead(404).end('{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404}')
    } else if (name !== undefined) {
      response.end(JSON.stringify(this.#whole(list, 0)))
    } else if (/^(?:1|true)$/.test(url.searchParams.get('watch') ?? '')) {
      this.#watch(path!, list, url.searchParams.get('sendInitialEvents') === 'true', response)
    } else {
      Readable.from(this.#page(list, url.searchParams)).pipe(response)
    }
  }

  *#page(list: Listed, query: URLSearchParams): Generator<string> {
    const from = Number(query.get('continue') ?? 0)
    const to = Math.min(list.count, from + (Number(query.get('limit') ?? 0) || list.count))
    const metadata = { resourceVersion: String(this.#version), ...(to < list.count ? { continue: String(to) } : {}) }
    yield `{"kind":"${list.kind}List","apiVersion":"${list.apiVersion}","metadata":${JSON.stringify(metadata)},"items":[`
    for (let index = from; index < to; index += 1) yield `${index === from ? '' : ','}${JSON.stringify(this.#whole(list, index))}`
    yield ']}\n'
  }

  #watch(path: string, list: Listed, initial: boolean, response: ServerResponse): void {
    const join = (): void => {
      const watchers = this.#watchers.get(path) ?? new Set()
      this.#watchers.set(path, watchers.add(response))
      response.once('close', () => watchers.delete(response))
    }
    response.flushHeaders()
    if (!initial) return join()
    Readable.from(this.#initialEvents(list)).once('end', join).pipe(response, { end: false })
  }

  *#initialEvents(list: Listed): Generator<string> {
    for (let index = 0; index < list.count; index += 1) yield `${JSON.stringify({ type: 'ADDED', object: this.#whole(list, index) })}\n`
    const metadata = { resourceVersion: String(this.#version), annotations: { 'k8s.io/initial-events-end': 'true' } }
    yield `${JSON.stringify({ type: 'BOOKMARK', object: { kind: list.kind, apiVersion: list.apiVersion, metadata } })}\n`
  }

  /** With what an API server adds. */
  #whole({ apiVersion, kind, item }: Listed, index: number, object: object = item(index)): object {
    const { metadata } = object as { metadata: object }
    return { apiVersion, kind, ...object, metadata: { ...metadata, uid: `${kind}-${index}`, resourceVersion: String(this.#version), creationTimestamp: '2026-01-01T00:00:00Z' } }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.#server.closeAllConnections()
    await closed
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
