// The proxy's doors for operators: health on one port, metrics and configuration on another.

import { isAbort } from '../ops/errors.ts'
import type { Clock } from '../ops/clock.ts'
import { HttpEndpoints, type EndpointAnswer } from '../ops/http-endpoints.ts'
import type { Logger } from '../ops/log.ts'
import type { Registry } from '../ops/metrics.ts'
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

export const metricsEndpoints = (config: ProxyConfig, registry: Registry): Endpoints => ({
  '/metrics': async () => ({ status: 200, body: await registry.metrics(), contentType: registry.contentType }),
  '/healthz': () => ({ status: 200, body: 'ok' }),
  '/proxyMode': () => ({ status: 200, body: config.mode }),
  '/configz': () => ({ status: 200, body: JSON.stringify({ 'kubeproxy.config.k8s.io': effectiveConfig(config) }), contentType: JSON_TYPE }),
})

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
