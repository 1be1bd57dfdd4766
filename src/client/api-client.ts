// The API as typed calls. One client per process: all calls and watches share its connections.

import type { ListMeta, Status } from 'kubernetes-types/meta/v1.js'
import { systemClock, type Clock } from '../ops/clock.ts'
import type { Logger } from '../ops/log.ts'
import { ApiError, isGone } from './errors.ts'
import { openTransport, type TransportOptions } from './http/open-transport.ts'
import type { Transport } from './http/transport.ts'
import type { ClientConfig } from './kubeconfig/config.ts'
import type { KubeObject, ObjectRef, Stored } from './objects.ts'
import { OutageLog } from './outage-log.ts'
import { collectionPath, objectPath, withQuery, type Query } from './paths.ts'
import { Requester, type Call } from './request.ts'
import { apiVersionOf, type Resource } from './resources.ts'
import { lines } from './watch-stream.ts'

type Cancel = Readonly<{ signal: AbortSignal; timeoutMs?: number }>
type Write = Cancel & Readonly<{ dryRun?: boolean; fieldManager?: string; subresource?: string }>

/** Which objects of a resource: all namespaces when `namespace` is absent. */
export type Selection = Readonly<{ namespace?: string | undefined; labelSelector?: string | undefined; fieldSelector?: string | undefined }>
export type ListOptions = Cancel & Selection & Readonly<{ limit?: number; continue?: string | undefined; resourceVersion?: string; resourceVersionMatch?: 'Exact' | 'NotOlderThan' }>
export type List<T extends KubeObject> = Readonly<{ items: Stored<T>[]; resourceVersion: string; continue: string | undefined }>
export type WatchOptions = Selection & Readonly<{ signal: AbortSignal; resourceVersion: string; timeoutSeconds?: number; sendInitialEvents?: boolean }>
export type WatchEvent<T extends KubeObject> =
  | Readonly<{ type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: Stored<T> }>
  | Readonly<{ type: 'BOOKMARK'; resourceVersion: string; initialEventsEnd: boolean }>
export type DeleteOptions = Cancel & Readonly<{
  gracePeriodSeconds?: number
  propagationPolicy?: 'Background' | 'Foreground' | 'Orphan'
  preconditions?: Readonly<{ uid?: string; resourceVersion?: string }>
  dryRun?: boolean
}>

/** A patch is a JSON value of the kind its name says: RFC 6902, RFC 7386, Kubernetes strategic merge, server-side apply. */
export type PatchType = 'json' | 'merge' | 'strategic' | 'apply'
const PATCH_CONTENT_TYPES = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
} as const satisfies Record<PatchType, string>

/** kubectl's and client-go's page. */
const PAGE_SIZE = 500

export type OpenClientOptions = Readonly<{
  config: ClientConfig
  /** "weft-proxy/0.1.0": shows in the server's audit log. */
  userAgent: string
  log: Logger
  clock?: Clock
  transport?: Transport | TransportOptions
}>

/** Opens nothing yet: connections are made by the first call. Dispose it to close them. */
export function openApiClient(options: OpenClientOptions): ApiClient {
  const { config, userAgent, log, clock = systemClock, transport: given } = options
  const transport = given !== undefined && 'request' in given ? given : openTransport(config, given)
  const outages = new OutageLog({ log: log.child({ component: 'client' }), clock, server: config.server.host })
  return new ApiClient({ config, transport, userAgent, outages })
}

/** All calls throw ApiError (the server said no), TransportError (no answer), CredentialError, or the signal's reason. */
export class ApiClient implements AsyncDisposable {
  readonly config: ClientConfig
  /** What everything that uses this client currently fails at; logs each outage once. */
  readonly outages: OutageLog
  readonly #transport: Transport
  readonly #requester: Requester

  constructor(parts: Readonly<{ config: ClientConfig; transport: Transport; userAgent: string; outages: OutageLog }>) {
    this.config = parts.config
    this.outages = parts.outages
    this.#transport = parts.transport
    this.#requester = new Requester(parts)
  }

  async get<T extends KubeObject>(resource: Resource<T>, ref: ObjectRef, options: Cancel & { subresource?: string }): Promise<Stored<T>> {
    return this.#object(resource, { method: 'GET', path: objectPath(resource, ref, options.subresource), accept: accept(resource), signal: options.signal }, options)
  }

  /** One answer of the server: the whole list, or the page that `limit` and `continue` ask for. */
  async list<T extends KubeObject>(resource: Resource<T>, options: ListOptions): Promise<List<T>> {
    const { signal, namespace, timeoutMs, ...query } = options
    const path = withQuery(collectionPath(resource, namespace), query)
    type Answer = { metadata?: ListMeta; items?: Stored<T>[] | null }
    const answer = await this.#requester.json<Answer>({ method: 'GET', path, accept: accept(resource, 'List'), signal }, timeoutMs)
    const items = (answer.items ?? []).map(item => adopt(resource, item))
    return { items, resourceVersion: answer.metadata?.resourceVersion ?? '', continue: answer.metadata?.continue || undefined }
  }

  /** Pages of one consistent state. A state that expires on the way (410) is begun again as a whole by the caller. */
  async *listPages<T extends KubeObject>(resource: Resource<T>, options: ListOptions): AsyncGenerator<List<T>, void, undefined> {
    let next: string | undefined
    do {
      // A continue token carries its own resource version (4.3): naming another is an error.
      const { resourceVersion, resourceVersionMatch, ...rest } = options
      const start = { ...(resourceVersion !== undefined && { resourceVersion }), ...(resourceVersionMatch !== undefined && { resourceVersionMatch }) }
      const page: List<T> = await this.list(resource, { limit: PAGE_SIZE, ...rest, ...(next === undefined ? start : { continue: next }) })
      yield page
      next = page.continue
    } while (next !== undefined)
  }

  /** Every object of the selection, gathered page by page; begins again if the state expires on the way. */
  async listAll<T extends KubeObject>(resource: Resource<T>, options: Cancel & Selection): Promise<{ items: Stored<T>[]; resourceVersion: string }> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const items: Stored<T>[] = []
        let resourceVersion = ''
        for await (const page of this.listPages(resource, options)) {
          for (const item of page.items) items.push(item)
          resourceVersion = page.resourceVersion
        }
        return { items, resourceVersion }
      } catch (error) {
        if (!isGone(error) || attempt === 3) throw error
      }
    }
  }

  /** Creates in the object's own namespace. `metadata.generateName` may stand in for the name. */
  async create<T extends KubeObject>(resource: Resource<T>, object: T, options: Write): Promise<Stored<T>> {
    const namespace = this.#namespaceOf(resource, object)
    return this.#object(resource, { method: 'POST', path: withQuery(collectionPath(resource, namespace), writeQuery(options)), body: typed(resource, object), signal: options.signal }, options)
  }

  /** Creates a subresource such as `binding`, `eviction` or `token`; answers what the server answers. */
  async createSubresource<R>(resource: Resource, ref: ObjectRef, subresource: string, body: unknown, options: Write): Promise<R> {
    return this.#requester.json<R>({ method: 'POST', path: withQuery(objectPath(resource, ref, subresource), writeQuery(options)), body, signal: options.signal }, options.timeoutMs)
  }

  /** Replaces the object. A resource version in it makes the write conditional (409 when it has moved on). */
  async update<T extends KubeObject>(resource: Resource<T>, object: T, options: Write): Promise<Stored<T>> {
    const ref = { name: object.metadata?.name ?? '', namespace: this.#namespaceOf(resource, object) }
    const path = withQuery(objectPath(resource, ref, options.subresource), writeQuery(options))
    return this.#object(resource, { method: 'PUT', path, body: typed(resource, object), signal: options.signal }, options)
  }

  async patch<T extends KubeObject>(resource: Resource<T>, ref: ObjectRef, patch: Readonly<{ type: PatchType; body: unknown; force?: boolean }>, options: Write): Promise<Stored<T>> {
    const path = withQuery(objectPath(resource, ref, options.subresource), { ...writeQuery(options), force: patch.force })
    return this.#object(resource, { method: 'PATCH', path, body: patch.body, contentType: PATCH_CONTENT_TYPES[patch.type], signal: options.signal }, options)
  }

  /** The server's answer is the object while something still holds it (grace, finalizers), else a Status. */
  async delete<T extends KubeObject>(resource: Resource<T>, ref: ObjectRef, options: DeleteOptions): Promise<Stored<T> | Status> {
    return this.#requester.json({ method: 'DELETE', path: objectPath(resource, ref), body: deleteBody(options), signal: options.signal }, options.timeoutMs)
  }

  async deleteCollection(resource: Resource, selection: Selection, options: DeleteOptions): Promise<void> {
    const { namespace, ...query } = selection
    await this.#requester.json({ method: 'DELETE', path: withQuery(collectionPath(resource, namespace), query), body: deleteBody(options), signal: options.signal }, options.timeoutMs)
  }

  /**
   * Events after `resourceVersion`, in order, until the server ends the watch (the generator returns),
   * the wire is cut (TransportError), or the server reports an error (ApiError; 410 when the version is too old).
   */
  async *watch<T extends KubeObject>(resource: Resource<T>, options: WatchOptions): AsyncGenerator<WatchEvent<T>, void, undefined> {
    const { signal, namespace, sendInitialEvents, ...rest } = options
    const query: Query = {
      ...rest, watch: true, allowWatchBookmarks: true,
      // Neither may be given without the other (API server specification 4.1).
      ...(sendInitialEvents === true && { sendInitialEvents, resourceVersionMatch: 'NotOlderThan' }),
    }
    const call: Call = { method: 'GET', path: withQuery(collectionPath(resource, namespace), query), accept: accept(resource), signal }
    const stream = await this.#requester.stream(call)
    try {
      for await (const line of lines(stream)) yield parseEvent(resource, line)
    } catch (error) {
      throw this.#requester.classify(call, error)
    } finally {
      stream.destroy()
    }
  }

  /** Any path, parsed: discovery, subresources without a type. */
  raw<T>(path: string, options: Cancel & { accept?: string; method?: string; body?: unknown }): Promise<T> {
    const { signal, timeoutMs, method = 'GET', ...rest } = options
    return this.#requester.json<T>({ method, path, ...rest, signal }, timeoutMs)
  }

  /** Any path, as text: health checks. */
  text(path: string, options: Cancel): Promise<string> {
    return this.#requester.text({ method: 'GET', path, accept: '*/*', signal: options.signal }, options.timeoutMs)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#transport[Symbol.asyncDispose]()
  }

  async #object<T extends KubeObject>(resource: Resource<T>, call: Call, { timeoutMs }: Cancel): Promise<Stored<T>> {
    return adopt(resource, await this.#requester.json<Stored<T>>(call, timeoutMs))
  }

  #namespaceOf(resource: Resource, object: KubeObject): string | undefined {
    return resource.namespaced ? (object.metadata?.namespace ?? this.config.namespace) : undefined
  }
}

/** Items of typed lists carry neither apiVersion nor kind; every object we hand out does, sharing one string. */
function adopt<O extends KubeObject>(resource: Resource, object: O): O {
  object.apiVersion = apiVersionOf(resource)
  object.kind = resource.kind
  return object
}

const typed = (resource: Resource, object: KubeObject): KubeObject => ({ ...object, apiVersion: apiVersionOf(resource), kind: resource.kind })

function accept(resource: Resource, suffix: '' | 'List' = ''): string {
  return resource.metadataOnly === true ? `application/json;as=PartialObjectMetadata${suffix};g=meta.k8s.io;v=v1,application/json` : 'application/json'
}

const writeQuery = (options: Write): Query => ({ dryRun: options.dryRun === true ? 'All' : undefined, fieldManager: options.fieldManager })

const deleteBody = ({ gracePeriodSeconds, propagationPolicy, preconditions, dryRun }: DeleteOptions) => ({
  apiVersion: 'v1', kind: 'DeleteOptions', gracePeriodSeconds, propagationPolicy, preconditions, ...(dryRun === true && { dryRun: ['All'] }),
})

/** KEP-3157: the bookmark that ends the initial events of a streaming list. */
const INITIAL_EVENTS_END = 'k8s.io/initial-events-end'

function parseEvent<T extends KubeObject>(resource: Resource<T>, line: string): WatchEvent<T> {
  const event = JSON.parse(line) as { type: string; object: Stored<T> & Status }
  switch (event.type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
      return { type: event.type, object: adopt(resource, event.object) }
    case 'BOOKMARK':
      return { type: 'BOOKMARK', resourceVersion: event.object.metadata.resourceVersion, initialEventsEnd: event.object.metadata.annotations?.[INITIAL_EVENTS_END] === 'true' }
    case 'ERROR':
      throw new ApiError(event.object)
    default:
      throw new Error(`unknown watch event type ${JSON.stringify(event.type)}`)
  }
}
