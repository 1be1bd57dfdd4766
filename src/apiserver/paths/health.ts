// /healthz, /livez and /readyz with their single checks, in kube-apiserver's text forms.

import type { Exchange } from '../http/exchange.ts'

export type HealthCheck = Readonly<{
  name: string
  endpoints: readonly HealthEndpoint[]
  /** Undefined when all is well, else what is not (for the log; the client sees "reason withheld"). */
  problem: () => string | undefined | Promise<string | undefined>
}>

export type HealthEndpoint = 'healthz' | 'livez' | 'readyz'

const ENDPOINTS: readonly string[] = ['healthz', 'livez', 'readyz'] satisfies HealthEndpoint[]

/** False when the path is not one of health's. */
export async function serveHealth(exchange: Exchange, path: string, checks: readonly HealthCheck[]): Promise<boolean> {
  const [endpoint = '', single, ...rest] = path.slice(1).split('/')
  if (!ENDPOINTS.includes(endpoint) || rest.length > 0) return false
  const mine = checks.filter(check => check.endpoints.includes(endpoint as HealthEndpoint))
  if (single !== undefined && single !== '') {
    const check = mine.find(({ name }) => name === single)
    if (check === undefined) return false
    await report(exchange, `${endpoint}/${single}`, [check], { verbose: false, excluded: new Set() })
    return true
  }
  const excluded = new Set(exchange.query.getAll('exclude'))
  await report(exchange, endpoint, mine, { verbose: exchange.query.has('verbose'), excluded })
  return true
}

/** A check that throws has found a problem. */
const problemOf = async (check: HealthCheck['problem']): Promise<string | undefined> => {
  try {
    return await check()
  } catch (error) {
    return (error as Error).message
  }
}

async function report(exchange: Exchange, title: string, checks: readonly HealthCheck[], options: Readonly<{ verbose: boolean; excluded: ReadonlySet<string> }>): Promise<void> {
  const lines: string[] = []
  let failed = false
  for (const { name, problem } of checks) {
    if (options.excluded.has(name)) {
      lines.push(`[+]${name} excluded: ok`)
    } else if (await problemOf(problem) === undefined) {
      lines.push(`[+]${name} ok`)
    } else {
      failed = true
      lines.push(`[-]${name} failed: reason withheld`)
    }
  }
  const known = new Set(checks.map(({ name }) => name))
  for (const name of options.excluded) if (!known.has(name)) lines.push(`warn: some health checks cannot be excluded: no matches for ${JSON.stringify(name)}`)
  const headers = { 'content-type': 'text/plain; charset=utf-8' }
  if (failed) exchange.send(500, headers['content-type'], [...lines, `${title} check failed`, ''].join('\n'))
  else exchange.send(200, headers['content-type'], options.verbose ? [...lines, `${title} check passed`, ''].join('\n') : 'ok')
}
