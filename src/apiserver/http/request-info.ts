// What a URL asks for. Pure. The shape is kube-apiserver's RequestInfo (k8s.io/apiserver/pkg/endpoints/request).

import { badRequest } from '../../api/status/status.ts'

export type ResourceRequest = Readonly<{
  kind: 'resource'
  group: string
  version: string
  /** "" means all namespaces, or a cluster-scoped resource. */
  namespace: string
  plural: string
  /** "" means the collection. */
  name: string
  /** "" means the object itself. */
  subresource: string
  /** What follows the sub-resource (proxy). */
  subpath: readonly string[]
  /** The old /api/v1/watch/… form. */
  watchPrefix: boolean
}>

export type RequestInfo = ResourceRequest | Readonly<{ kind: 'path'; path: string }>

/** These follow a namespace's name directly; anything else there is a resource inside the namespace. */
const NAMESPACE_SUBRESOURCES: ReadonlySet<string> = new Set(['status', 'finalize'])

/** Parses a path without its query. Throws 400 when an escape is malformed. */
export function parseRequestPath(path: string): RequestInfo {
  const segments = path.split('/').filter(segment => segment !== '').map(decodeSegment)
  if (segments[0] === 'api' && segments.length >= 3) return resourceRequest({ group: '', version: segments[1]! }, segments.slice(2))
  if (segments[0] === 'apis' && segments.length >= 4) return resourceRequest({ group: segments[1]!, version: segments[2]! }, segments.slice(3))
  return { kind: 'path', path: `/${segments.join('/')}` }
}

function resourceRequest(groupVersion: { group: string; version: string }, given: readonly string[]): ResourceRequest {
  const watchPrefix = given[0] === 'watch' && given.length > 1
  let rest = watchPrefix ? given.slice(1) : given
  let namespace = ''
  const insideNamespace = rest[0] === 'namespaces' && rest.length >= 3 && !(groupVersion.group === '' && NAMESPACE_SUBRESOURCES.has(rest[2]!))
  if (insideNamespace) {
    namespace = rest[1]!
    rest = rest.slice(2)
  }
  const [plural = '', name = '', subresource = '', ...subpath] = rest
  return { kind: 'resource', ...groupVersion, namespace, plural, name, subresource, subpath, watchPrefix }
}

function decodeSegment(segment: string): string {
  try {
    return segment.includes('%') ? decodeURIComponent(segment) : segment
  } catch {
    throw badRequest(`invalid URL escape in ${JSON.stringify(segment)}`)
  }
}
