// The way of every request: who, may he, what, done; and the one place where failures become answers.

import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import { routeMethodNotAllowed, timeout, badRequest, unknownResource } from '../api/status/status.ts'
import type { ApiResource } from '../api/registry/resource.ts'
import { parseFieldSelector, selectedName } from '../api/selectors/field-selector.ts'
import { isAbort } from '../ops/errors.ts'
import type { Authenticator } from './authentication/user.ts'
import { authenticated, identify } from './authentication/user.ts'
import { impersonationOf } from './authentication/impersonation.ts'
import type { Fairness } from './fairness.ts'
import type { RequestMetrics } from './request-metrics.ts'
import type { Attributes, Authorizer, ResourceAttributes } from './authorization/attributes.ts'
import type { NodeScope } from './authorization/node-scope.ts'
import { forbiddenError } from './authorization/forbidden.ts'
import type { Catalog } from './catalog.ts'
import { Exchange, type Upgrade } from './http/exchange.ts'
import { sendPageNotFound, sendStatus, statusOf } from './http/errors.ts'
import type { ResourceRequest } from './http/request-info.ts'
import { route, verbOf, type RequestVerb, type SubresourceHandlers } from './route.ts'
import type { Call, Serving } from './verbs/call.ts'

export type DispatchOptions = Readonly<{
  serving: Serving
  catalog: Catalog
  authenticators: readonly Authenticator[]
  authorizer: Authorizer
  nodeScope: NodeScope
  subresources: SubresourceHandlers
  /** Resources that store nothing, by "group/plural verb". */
  virtual: Readonly<Record<string, (call: Call) => Promise<void>>>
  /** Answers paths that are no resources; false when it knows none such. */
  servePath: (exchange: Exchange, path: string) => Promise<boolean>
  fairness: Fairness
  metrics: RequestMetrics
}>

const READ_VERBS: ReadonlySet<RequestVerb> = new Set(['get', 'list'])
const METRIC_VERBS = { get: 'GET', list: 'LIST', watch: 'WATCH', create: 'POST', update: 'PUT', patch: 'PATCH', delete: 'DELETE' } as const

/** kube-apiserver's --request-timeout; watches have their own limits. */
export const REQUEST_TIMEOUT_MS = 60_000

export class Dispatcher {
  readonly #options: DispatchOptions
  readonly #inFlight = new Set<Exchange>()

  constructor(options: DispatchOptions) {
    this.#options = options
  }

  /** Requests that are being answered, watches included. */
  get inFlight(): ReadonlySet<Exchange> {
    return this.#inFlight
  }

  /** Never throws and never rejects. */
  async handle(request: Http2ServerRequest, response: Http2ServerResponse, upgrade?: Upgrade): Promise<void> {
    // A connection that breaks under a response is the client's affair; the 'close' event ends the request.
    response.on('error', () => undefined)
    request.on('error', () => undefined)
    let exchange: Exchange
    try {
      exchange = new Exchange(request, response, upgrade)
    } catch (error) {
      const { status } = statusOf(error)
      response.writeHead(status.code, { 'content-type': 'application/json' })
      response.end(`${JSON.stringify(status)}\n`)
      return
    }
    this.#inFlight.add(exchange)
    try {
      await this.#serve(exchange)
    } catch (error) {
      this.#fail(exchange, error)
    } finally {
      this.#inFlight.delete(exchange)
    }
  }

  #fail(exchange: Exchange, error: unknown): void {
    const gone = exchange.response.stream?.destroyed === true || exchange.request.socket?.destroyed === true
    if (gone && isAbort(error, exchange.signal)) return
    const { status, unexpected } = statusOf(error)
    if (unexpected) this.#options.serving.log.error({ err: error, method: exchange.method, url: exchange.request.url, auditId: exchange.auditId }, 'request failed')
    sendStatus(exchange, status)
  }

  async #serve(exchange: Exchange): Promise<void> {
    const { catalog, authenticators, servePath } = this.#options
    exchange.user = await identify(authenticators, exchange)
    this.#impersonate(exchange)
    const { info } = exchange
    if (info.kind === 'path') {
      this.#authorize({ kind: 'path', user: exchange.user, verb: exchange.method.toLowerCase(), path: info.path })
      if (!await servePath(exchange, info.path)) sendPageNotFound(exchange)
      return
    }
    const verb = verbOf(exchange.method, info, exchange.query)
    if (verb === undefined) throw routeMethodNotAllowed()
    const attributes = resourceAttributes(exchange, info, verb)
    this.#authorize(attributes)
    await this.#options.nodeScope.check(attributes, exchange.signal)
    const resource = catalog.index.find(info.group, info.version, info.plural)
    if (resource === undefined || (!resource.namespaced && info.namespace !== '')) {
      if (catalog.index.hasGroupVersion(info.group, info.version)) throw unknownResource()
      return sendPageNotFound(exchange)
    }
    using _place = this.#options.fairness.enter(isLongRunning(verb, info) ? 'watch' : READ_VERBS.has(verb) ? 'read' : 'write', exchange.user)
    await this.#measured(exchange, verb, resource)
  }

  /** Throws 400 or 403. */
  #impersonate(exchange: Exchange): void {
    const impersonation = impersonationOf(exchange.headers, exchange.user)
    if (impersonation === undefined) return
    for (const need of impersonation.needs) this.#authorize(need)
    exchange.user = authenticated(impersonation.user)
  }

  async #measured(exchange: Exchange, verb: RequestVerb, resource: ApiResource): Promise<void> {
    const { metrics } = this.#options
    const { group, version, plural, name, namespace, subresource } = exchange.info as ResourceRequest
    const scope = name !== '' ? 'resource' : namespace !== '' ? 'namespace' : 'cluster'
    const labels = { verb: verb === 'deletecollection' ? 'DELETECOLLECTION' : METRIC_VERBS[verb], group, version, resource: plural, subresource, scope }
    const started = performance.now()
    let failure: unknown
    if (isLongRunning(verb, exchange.info as ResourceRequest)) {
      exchange.longRunning = true
      metrics.watchOpened(labels)
    }
    try {
      await this.#withTimeLimit(exchange, verb, resource)
    } catch (error) {
      failure = error
      throw error
    } finally {
      if (exchange.longRunning) metrics.watchClosed(labels)
      metrics.finished(labels, failure === undefined ? exchange.response.statusCode : statusOf(failure).status.code, (performance.now() - started) / 1000)
    }
  }

  async #withTimeLimit(exchange: Exchange, verb: RequestVerb, resource: ApiResource): Promise<void> {
    const { serving, catalog, subresources, virtual } = this.#options
    const request = exchange.info as ResourceRequest
    const run = (): Promise<void> => route({ serving, exchange, request, resource, strategy: catalog.strategy(resource), verb, subresources, virtual })
    const limitMs = requestTimeoutMs(exchange.query)
    if (exchange.longRunning) return run()
    const timer = setTimeout(() => exchange.abort(timeout(`request did not complete within the allotted ${limitMs / 1000}s`)), limitMs)
    try {
      await run()
    } finally {
      clearTimeout(timer)
    }
  }

  /** Throws 403. */
  #authorize(attributes: Attributes): void {
    const { allowed, reason } = this.#options.authorizer.authorize(attributes)
    if (!allowed) throw forbiddenError(attributes, reason)
  }
}

/** Connections to containers last as long as their users want (kube-apiserver's --long-running-request-regexp and sub-resources). */
const CONNECTIONS: ReadonlySet<string> = new Set(['log', 'exec', 'attach', 'portforward', 'proxy'])

const isLongRunning = (verb: RequestVerb, { subresource }: ResourceRequest): boolean => verb === 'watch' || CONNECTIONS.has(subresource)

function resourceAttributes(exchange: Exchange, info: ResourceRequest, verb: RequestVerb): ResourceAttributes {
  // Inside a namespace's own URL the namespace is both the object and its scope.
  const ownNamespace = info.group === '' && info.plural === 'namespaces' && info.name !== '' ? info.name : info.namespace
  return {
    kind: 'resource', user: exchange.user, verb, group: info.group, plural: info.plural, subresource: info.subresource,
    namespace: ownNamespace, name: info.name !== '' ? info.name : nameFromSelector(exchange.query, verb),
  }
}

/** `fieldSelector=metadata.name=x` makes a list or watch a request about x. */
function nameFromSelector(query: URLSearchParams, verb: RequestVerb): string {
  const selector = query.get('fieldSelector')
  if (selector === null || !['list', 'watch', 'deletecollection'].includes(verb)) return ''
  try {
    return selectedName(parseFieldSelector(selector)) ?? ''
  } catch {
    return ''
  }
}

/** `timeout=30s`, at most the server's own limit. Throws 400. */
function requestTimeoutMs(query: URLSearchParams): number {
  const text = query.get('timeout')
  if (text === null || text === '') return REQUEST_TIMEOUT_MS
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)]
  if (parts.length === 0 || parts.map(([whole]) => whole).join('') !== text) throw badRequest(`invalid timeout specified in the request URL - time: invalid duration ${JSON.stringify(text)}`)
  const totalMs = parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * DURATION_MS[unit as keyof typeof DURATION_MS], 0)
  return totalMs === 0 ? REQUEST_TIMEOUT_MS : Math.min(totalMs, REQUEST_TIMEOUT_MS)
}

const DURATION_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const
