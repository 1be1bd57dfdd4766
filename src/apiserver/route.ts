// From a resource request to the verb that answers it.

import { subresourceOf, type ApiResource, type Subresource } from '../api/registry/resource.ts'
import { methodNotAllowed, notAcceptable, routeMethodNotAllowed, unknownResource } from '../api/status/status.ts'
import { negotiate, OFFERED_TYPES } from './http/negotiate.ts'
import type { Exchange } from './http/exchange.ts'
import type { ResourceRequest } from './http/request-info.ts'
import { boolean } from './verbs/list-options.ts'
import type { Call, Serving } from './verbs/call.ts'
import { create } from './verbs/create.ts'
import { deleteCollection, deleteOne } from './verbs/delete.ts'
import { get } from './verbs/get.ts'
import { list } from './verbs/list.ts'
import { patch } from './verbs/patch.ts'
import { update } from './verbs/update.ts'
import { watch } from './watch/watch.ts'
import type { Strategy } from '../api/registry/strategy.ts'

export type RequestVerb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete' | 'deletecollection'

/** What authorization and metrics call the request; undefined for HTTP methods that mean nothing here. */
export function verbOf(method: string, request: ResourceRequest, query: URLSearchParams): RequestVerb | undefined {
  const object = request.name !== ''
  switch (method) {
    case 'GET': case 'HEAD':
      if (request.subresource !== '') return 'get'
      if (request.watchPrefix || (boolean(query, 'watch') ?? false)) return 'watch'
      return object ? 'get' : 'list'
    case 'POST': return 'create'
    case 'PUT': return 'update'
    case 'PATCH': return 'patch'
    case 'DELETE': return object ? 'delete' : 'deletecollection'
    default: return undefined
  }
}

type Handler = (call: Call) => Promise<void>

const OBJECT_VERBS: Readonly<Record<RequestVerb, Handler>> = { get, list, watch, create, update, patch, delete: deleteOne, deletecollection: deleteCollection }

/** Sub-resources that are another view of the same object. */
const SAME_OBJECT_VERBS: Readonly<Partial<Record<RequestVerb, Handler>>> = { get, update, patch }

// Sub-resources of another kind, by "group/plural/name", or "*/name" for any resource.
export type SubresourceHandlers = Readonly<Record<string, Readonly<Partial<Record<RequestVerb, Handler>>>>>

export type Route = Readonly<{
  serving: Serving
  exchange: Exchange
  request: ResourceRequest
  resource: ApiResource
  strategy: Strategy
  verb: RequestVerb
  subresources: SubresourceHandlers
  virtual: Readonly<Record<string, Handler>>
}>

export async function route({ serving, exchange, request, resource, strategy, verb, subresources, virtual }: Route): Promise<void> {
  const subresource = request.subresource === '' ? undefined : subresourceOf(resource, request.subresource)
  const handler = findHandler({ resource, request, strategy, verb, subresource, subresources, virtual })
  const negotiated = negotiate(exchange.headers.accept)
  if (negotiated === undefined) throw notAcceptable(OFFERED_TYPES)
  await handler({ serving, exchange, request, resource, strategy, negotiated })
}

function findHandler(at: Omit<Route, 'serving' | 'exchange'> & { subresource: Subresource | undefined }): Handler {
  const { resource, request, strategy, verb, subresource, subresources, virtual } = at
  const key = `${resource.group}/${resource.plural}`
  if (request.subresource === '') {
    // Deleting all namespaces is not even a route.
    if (verb === 'deletecollection' && key === '/namespaces') throw routeMethodNotAllowed()
    if (!resource.verbs.includes(verb)) throw methodNotAllowed(resource, verb)
    if (verb === 'create' && request.name !== '') throw routeMethodNotAllowed()
    if (['update', 'patch', 'delete'].includes(verb) && request.name === '') throw routeMethodNotAllowed()
    if (resource.namespaced && request.namespace === '' && request.name !== '') throw unknownResource()
    if (resource.namespaced && request.namespace === '' && verb !== 'list' && verb !== 'watch' && resource.depth !== 'virtual') throw routeMethodNotAllowed()
    const handler = resource.depth === 'virtual' ? virtual[`${key} ${verb}`] : OBJECT_VERBS[verb]
    if (handler === undefined) throw methodNotAllowed(resource, verb)
    return handler
  }
  if (subresource === undefined) throw unknownResource()
  if (!subresource.verbs.includes(verb)) throw methodNotAllowed(resource, verb)
  const special = subresources[`${key}/${subresource.name}`]?.[verb] ?? subresources[`*/${subresource.name}`]?.[verb]
  const handler = special ?? (strategy.subresources[subresource.name] === undefined ? undefined : SAME_OBJECT_VERBS[verb])
  if (handler === undefined) throw methodNotAllowed(resource, verb)
  return handler
}
