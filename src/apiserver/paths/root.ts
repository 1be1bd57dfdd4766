// GET /: the paths that there are.

import type { ResourceIndex } from '../../api/registry/resource-index.ts'
import type { Exchange } from '../http/exchange.ts'
import type { HealthCheck } from './health.ts'

const PLAIN = ['/.well-known/openid-configuration', '/api', '/apis', '/metrics', '/openapi/v2', '/openapi/v3', '/openid/v1/jwks', '/version'] as const

export function serveRoot(exchange: Exchange, path: string, { index, checks }: Readonly<{ index: ResourceIndex; checks: readonly HealthCheck[] }>): boolean {
  if (path !== '/') return false
  const groups = index.groups.flatMap(({ group, versions }) => [
    ...(group === '' ? [] : [`/apis/${group}`]), ...versions.map(({ version }) => (group === '' ? `/api/${version}` : `/apis/${group}/${version}`)),
  ])
  const health = checks.flatMap(({ name, endpoints }) => endpoints.flatMap(endpoint => [`/${endpoint}`, `/${endpoint}/${name}`]))
  exchange.sendJson(200, { paths: [...new Set([...PLAIN, ...groups, ...health])].sort() })
  return true
}
