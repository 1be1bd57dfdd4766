// The proxy's doors for operators: health on one port, metrics and configuration on another.

import { isAbort } from '../ops/errors.ts'
import type { Clock } from '../ops/clock.ts'
import { HttpEndpoints, type EndpointAnswer } from '../ops/http-endpoints.ts'
import type { Logger } from '../ops/log.ts'
import { Counter, Gauge, Registry } from '../ops/metrics.ts'
import type { HostPort, ProxyConfig } from './config/proxy-config.ts'
import { effectiveConfig } from './config/effective-config.ts'
import type { ProxyHealth } from './health/proxy-health.ts'
import type { ProxyMetrics } from './sync/proxy-metrics.ts'

type Endpoints = Readonly<Record<string, () => EndpointAnswer | Promise<EndpointAnswer>>>

const JSON_TYPE = 'application/json'
/** kube-proxy tries again this often. */
const RETRY_MS = 5_000

export function healthEndpoints(health: ProxyHealth, metrics: ProxyMetrics): Endpoints {
  const counted = (counter: ProxyMetrics['healthzTotal'], answer: EndpointAnswer): EndpointAnswer => {
    counter.inc({ code: String(answer.status) })
    return { ...answer, contentType: JSON_TYPE }
  }
  return {
    '/healthz': () => counted(metrics.healthzTotal, health.healthz()),
    '/livez': () => counted(metrics.livezTotal, health.livez()),
  }
}

/** Go's profiler (net/http/pprof): what a tool that was pointed at a kube-proxy asks for. */
const PPROF_PATHS = ['', '/', '/cmdline', '/profile', '/symbol', '/trace', '/heap', '/allocs', '/goroutine', '/threadcreate', '/block', '/mutex']

export function metricsEndpoints(config: ProxyConfig, registry: Registry): Endpoints {
  const indicators = openIndicators()
  const exposed = (of: Registry) => async (): Promise<EndpointAnswer> => ({ status: 200, body: await of.metrics(), contentType: of.contentType })
  const noProfile = (): EndpointAnswer => ({ status: 501, body: 'there are no Go profiles of this process; run it with node --cpu-prof or --heap-prof, or send it SIGUSR1 and attach an inspector\n' })
  return {
    '/metrics': exposed(registry),
    '/metrics/slis': exposed(indicators.registry),
    '/healthz': () => {
      indicators.answered()
      return { status: 200, body: 'ok' }
    },
    '/proxyMode': () => ({ status: 200, body: config.mode }),
    '/configz': () => ({ status: 200, body: JSON.stringify({ 'kubeproxy.config.k8s.io': effectiveConfig(config) }), contentType: JSON_TYPE }),
    ...(config.profiling ? Object.fromEntries(PPROF_PATHS.map(path => [`/debug/pprof${path}`, noProfile])) : {}),
  }
}

/** Service level indicators (KEP-3466) of the health check on this port, by upstream's names: whoever is asked can answer. */
function openIndicators(): Readonly<{ registry: Registry; answered: () => void }> {
  const registry = new Registry()
  const now = new Gauge({ name: 'kubernetes_healthcheck', help: 'Result of the last health check: 1 success, 0 failure.', labelNames: ['name', 'type'], registers: [registry] })
  const total = new Counter({ name: 'kubernetes_healthchecks_total', help: 'Health checks by their result.', labelNames: ['name', 'status', 'type'], registers: [registry] })
  return {
    registry,
    answered: () => {
      now.set({ name: 'ping', type: 'healthz' }, 1)
      total.inc({ name: 'ping', status: 'success', type: 'healthz' })
    },
  }
}

export type ServeOptions = Readonly<{ at: HostPort | undefined; endpoints: Endpoints; hardFail: boolean; clock: Clock; log: Logger; signal: AbortSignal }>

/** Serves until `signal` aborts. A port that is taken is fatal with `hardFail`, else tried again until it is free. */
export async function serve({ at, endpoints, hardFail, clock, log, signal }: ServeOptions): Promise<void> {
  if (at === undefined) return
  for (let attempt = 1; !signal.aborted; attempt += 1) {
    try {
      await using server = await HttpEndpoints.open({ ...at, endpoints, log })
      log.debug({ host: at.host, port: server.port }, 'serving')
      await new Promise<void>(resolve => {
        if (signal.aborted) resolve()
        signal.addEventListener('abort', () => resolve(), { once: true })
      })
      return
    } catch (err) {
      if (hardFail) throw err
      if (attempt === 1) log.error({ err, ...at }, 'cannot listen, trying again')
    }
    try {
      await clock.sleep(RETRY_MS, { signal })
    } catch (error) {
      if (!isAbort(error, signal)) throw error
    }
  }
}
