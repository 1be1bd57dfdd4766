// A small API server in memory whose wire can be broken on purpose: cut, muted, half lines, 410, refusals.

import * as http from 'node:http'
import * as https from 'node:https'
import * as http2 from 'node:http2'
import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import type { Socket } from 'node:net'
import { randomUUID } from 'node:crypto'

type Json = Record<string, unknown>
type Meta = { name: string; generateName?: string; namespace?: string; uid: string; resourceVersion: string; creationTimestamp: string; deletionTimestamp?: string; finalizers?: string[] } & Json
type FakeObject = { apiVersion: string; kind: string; metadata: Meta } & Json
type Event = Readonly<{ type: 'ADDED' | 'MODIFIED' | 'DELETED'; collection: string; object: FakeObject; revision: number }>
/** Node's compatibility layer makes HTTP/2 replies look like these. */
export type Reply = http.ServerResponse
type Watcher = { collection: string; namespace: string | undefined; reply: Reply; muted: boolean }

export const FIXTURES = new URL('../../fixtures/tls/', import.meta.url).pathname

export type FakeOptions = Readonly<{ tls?: boolean; http2?: boolean; streamingLists?: boolean; maxStreams?: number }>

/** What one request looked like. */
export type Seen = Readonly<{ method: string; path: string; query: URLSearchParams; headers: http.IncomingHttpHeaders; body: string; httpVersion: string }>

export class FakeApi implements AsyncDisposable {
  readonly seen: Seen[] = []
  /** Looked at before the normal handling; answering true means the reply was made. */
  intercept: ((seen: Seen, reply: Reply) => boolean | Promise<boolean>) | undefined
  /** Revisions up to this one have left the history. */
  compacted = 0
  streamingLists: boolean
  readonly #objects = new Map<string, FakeObject>()
  readonly #history: Event[] = []
  readonly #watchers = new Set<Watcher>()
  readonly #sockets = new Set<Socket>()
  readonly #server: http.Server | http2.Http2SecureServer
  readonly #tls: boolean
  #revision = 0
  #port = 0

  constructor(options: FakeOptions = {}) {
    this.#tls = options.tls === true
    this.streamingLists = options.streamingLists ?? true
    const handler = (request: http.IncomingMessage | http2.Http2ServerRequest, reply: Reply): void => void this.#handle(request, reply)
    this.#server = options.tls === true ? secureServer(options, handler) : http.createServer(handler)
    const track = (socket: Socket): void => {
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
      socket.on('error', () => {})
    }
    ;(this.#server as http.Server).on('connection', track)
    ;(this.#server as http2.Http2SecureServer).on('session', session => session.on('error', () => {}))
  }

  get url(): string {
    return `${this.#tls ? 'https' : 'http'}://127.0.0.1:${this.#port}`
  }

  get revision(): number {
    return this.#revision
  }

  get watching(): number {
    return this.#watchers.size
  }

  get connections(): number {
    return this.#sockets.size
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(this.#port, '127.0.0.1', resolve)
    })
    this.#port = (this.#server.address() as AddressInfo).port
    return this
  }

  /** Stops listening and cuts every connection; `start` comes back on the same port. */
  async stop(): Promise<void> {
    const closed = new Promise<void>(resolve => void this.#server.close(() => resolve()))
    this.cut()
    await closed
  }

  /** Cuts every connection without a word. */
  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy()
  }

  /** Ends every watch cleanly, as a server does that shuts down. */
  endWatches(): void {
    for (const { reply } of this.#watchers) reply.end()
    this.#watchers.clear()
  }

  /** Running watches get nothing more, though their connections stay. */
  mute(): void {
    for (const watcher of this.#watchers) watcher.muted = true
  }

  /** Running watches of one collection get nothing more. */
  muteCollection(collection: string): void {
    for (const watcher of this.#watchers) watcher.muted ||= watcher.collection === collection
  }

  /** Writes raw bytes into every running watch. */
  inject(text: string): void {
    for (const { reply } of this.#watchers) reply.write(text)
  }

  bookmark(collection: string): void {
    this.inject(`${JSON.stringify({ type: 'BOOKMARK', object: { metadata: { resourceVersion: String(this.#revision) } } })}\n`)
    void collection
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#server.listening) await this.stop()
  }

  all(collection: string): FakeObject[] {
    return [...this.#objects].filter(([key]) => key.startsWith(`${collection}|`)).sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object)
  }

  find(collection: string, namespace: string, name: string): FakeObject | undefined {
    return this.#objects.get(`${collection}|${namespace}/${name}`)
  }

  /** Creates or replaces an object, as somebody else's write would. `collection` is "/api/v1/pods". */
  put(collection: string, object: Json & { metadata: Json }): FakeObject {
    const metadata = object.metadata as Partial<Meta>
    const name = metadata.name ?? `${metadata.generateName ?? 'x-'}${randomUUID().slice(0, 5)}`
    const key = `${collection}|${metadata.namespace ?? ''}/${name}`
    const known = this.#objects.get(key)
    const stored = {
      ...object,
      metadata: { creationTimestamp: '2026-01-01T00:00:00Z', ...metadata, name, uid: known?.metadata.uid ?? metadata.uid ?? randomUUID(), resourceVersion: String(++this.#revision) },
    } as unknown as FakeObject
    if (stored.metadata.deletionTimestamp !== undefined && (stored.metadata.finalizers ?? []).length === 0 && known !== undefined) {
      this.#objects.delete(key)
      this.#record('DELETED', collection, stored)
    } else {
      this.#objects.set(key, stored)
      this.#record(known === undefined ? 'ADDED' : 'MODIFIED', collection, stored)
    }
    return stored
  }

  remove(collection: string, namespace: string, name: string): FakeObject | undefined {
    const key = `${collection}|${namespace}/${name}`
    const known = this.#objects.get(key)
    if (known === undefined) return undefined
    this.#objects.delete(key)
    const last = { ...known, metadata: { ...known.metadata, resourceVersion: String(++this.#revision) } }
    this.#record('DELETED', collection, last)
    return last
  }

  #record(type: Event['type'], collection: string, object: FakeObject): void {
    const event = { type, collection, object, revision: this.#revision }
    this.#history.push(event)
    for (const watcher of this.#watchers) this.#deliver(watcher, event)
  }

  #deliver(watcher: Watcher, event: Event): void {
    if (watcher.muted || watcher.reply.destroyed || event.collection !== watcher.collection) return
    if (watcher.namespace !== undefined && event.object.metadata.namespace !== watcher.namespace) return
    watcher.reply.write(`${JSON.stringify({ type: event.type, object: event.object })}\n`)
  }

  async #handle(request: http.IncomingMessage | http2.Http2ServerRequest, reply: Reply): Promise<void> {
    let body = ''
    try {
      for await (const chunk of request) body += String(chunk)
    } catch {
      return
    }
    const url = new URL(request.url ?? '/', 'http://fake')
    const seen: Seen = { method: request.method ?? '', path: url.pathname, query: url.searchParams, headers: request.headers, body, httpVersion: request.httpVersion }
    this.seen.push(seen)
    if ((await this.intercept?.(seen, reply)) === true) return
    const parsed = /^(\/api\/v1|\/apis\/[^/]+\/[^/]+)(?:\/namespaces\/([^/]+)(?=\/[^/]+))?\/([^/]+)(?:\/([^/]+))?(?:\/([^/]+))?$/.exec(url.pathname)
    if (parsed === null) return status(reply, 404, 'NotFound', '404 page not found')
    let [, root = '', namespace, plural = '', name, subresource] = parsed
    if (namespace !== undefined && plural !== undefined && ['finalize', 'status'].includes(plural) && root === '/api/v1') {
      subresource = plural
      name = namespace
      plural = 'namespaces'
      namespace = undefined
    }
    const collection = `${root}/${plural}`
    if (name === undefined) {
      if (seen.method === 'POST') return this.#create(collection, namespace, body, reply)
      if (seen.method === 'DELETE') {
        for (const object of this.all(collection)) if (namespace === undefined || object.metadata.namespace === namespace) this.#delete(collection, object)
        return answer(reply, 200, {})
      }
      return seen.query.get('watch') === 'true' ? this.#watch(collection, namespace, seen.query, reply) : this.#list(collection, namespace, seen.query, reply)
    }
    this.#single(seen, collection, namespace ?? '', name, subresource, reply)
  }

  #create(collection: string, namespace: string | undefined, body: string, reply: Reply): void {
    const object = JSON.parse(body) as Json & { metadata: Json }
    const name = object.metadata['name'] as string | undefined
    if (name !== undefined && this.find(collection, namespace ?? '', name)) return status(reply, 409, 'AlreadyExists', `"${name}" already exists`)
    answer(reply, 201, this.put(collection, { ...object, metadata: { ...object.metadata, ...(namespace !== undefined && { namespace }) } }))
  }

  #single(seen: Seen, collection: string, namespace: string, name: string, subresource: string | undefined, reply: Reply): void {
    const known = this.find(collection, namespace, name)
    if (known === undefined) return status(reply, 404, 'NotFound', `"${name}" not found`)
    if (seen.method === 'GET') return answer(reply, 200, known)
    if (seen.method === 'DELETE') {
      const uid = (JSON.parse(seen.body || '{}') as { preconditions?: { uid?: string } }).preconditions?.uid
      if (uid !== undefined && uid !== known.metadata.uid) return status(reply, 409, 'Conflict', 'the UID does not match')
      return answer(reply, 200, this.#delete(collection, known))
    }
    if (seen.method === 'POST' && subresource === 'binding') {
      const { target } = JSON.parse(seen.body) as { target: { name: string } }
      this.put(collection, { ...known, spec: { ...(known['spec'] as Json), nodeName: target.name } })
      return answer(reply, 201, {})
    }
    const change = JSON.parse(seen.body) as Json & { metadata?: Json }
    const next = seen.method === 'PUT' ? { ...change, metadata: { ...known.metadata, ...change.metadata } } : merge(known, change)
    if (change.metadata?.['resourceVersion'] !== undefined && change.metadata['resourceVersion'] !== known.metadata.resourceVersion) {
      return status(reply, 409, 'Conflict', 'the object has been modified')
    }
    answer(reply, 200, this.put(collection, next as Json & { metadata: Json }))
  }

  #delete(collection: string, object: FakeObject): FakeObject {
    if ((object.metadata.finalizers ?? []).length === 0) return this.remove(collection, object.metadata.namespace ?? '', object.metadata.name) ?? object
    return this.put(collection, { ...object, metadata: { ...object.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } })
  }

  #list(collection: string, namespace: string | undefined, query: URLSearchParams, reply: Reply): void {
    const all = this.all(collection).filter(object => namespace === undefined || object.metadata.namespace === namespace)
    const start = Number(query.get('continue') ?? 0)
    const limit = Number(query.get('limit') ?? all.length)
    const items = all.slice(start, start + limit)
    answer(reply, 200, { kind: 'List', metadata: { resourceVersion: String(this.#revision), ...(start + limit < all.length && { continue: String(start + limit) }) }, items })
  }

  #watch(collection: string, namespace: string | undefined, query: URLSearchParams, reply: Reply): void {
    const from = query.get('resourceVersion') ?? ''
    if (query.get('sendInitialEvents') === 'true' && !this.streamingLists) return status(reply, 422, 'Invalid', 'sendInitialEvents is forbidden')
    if (query.has('sendInitialEvents') !== (query.get('resourceVersionMatch') === 'NotOlderThan')) return status(reply, 422, 'Invalid', 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan')
    reply.writeHead(200, { 'content-type': 'application/json' })
    reply.flushHeaders()
    const write = (event: unknown): void => void reply.write(`${JSON.stringify(event)}\n`)
    if (from !== '' && Number(from) < this.compacted) {
      write({ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired', message: `too old resource version: ${from} (${this.compacted})` } })
      return void reply.end()
    }
    const watcher: Watcher = { collection, namespace, reply, muted: false }
    this.#watchers.add(watcher)
    reply.on('close', () => this.#watchers.delete(watcher))
    if (query.get('sendInitialEvents') === 'true') {
      for (const object of this.all(collection)) if (namespace === undefined || object.metadata.namespace === namespace) write({ type: 'ADDED', object })
      write({ type: 'BOOKMARK', object: { metadata: { resourceVersion: String(this.#revision), annotations: { 'k8s.io/initial-events-end': 'true' } } } })
    } else {
      for (const event of this.#history) if (event.revision > Number(from)) this.#deliver(watcher, event)
    }
  }
}

function secureServer(options: FakeOptions, handler: (request: http.IncomingMessage | http2.Http2ServerRequest, reply: Reply) => void): http.Server | http2.Http2SecureServer {
  const pem = (name: string): string => readFileSync(`${FIXTURES}/${name}.pem`, 'utf8')
  const tls = { key: pem('server-key'), cert: pem('server-cert'), ca: pem('ca-cert'), requestCert: true, rejectUnauthorized: false }
  if (options.http2 === false) return https.createServer(tls, handler)
  return http2.createSecureServer({ ...tls, allowHTTP1: true, settings: { maxConcurrentStreams: options.maxStreams ?? 250 } }, handler as unknown as (request: http2.Http2ServerRequest, reply: http2.Http2ServerResponse) => void)
}

export function answer(reply: Reply, code: number, body: unknown): void {
  reply.writeHead(code, { 'content-type': 'application/json' })
  reply.end(typeof body === 'string' ? body : JSON.stringify(body))
}

export function status(reply: Reply, code: number, reason: string, message: string, headers: Record<string, string> = {}): void {
  for (const [name, value] of Object.entries(headers)) reply.setHeader(name, value)
  answer(reply, code, { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message })
}

/** RFC 7386. */
function merge(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch
  const result: Json = typeof target === 'object' && target !== null && !Array.isArray(target) ? { ...(target as Json) } : {}
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name]
    else result[name] = merge(result[name], value)
  }
  return result
}
