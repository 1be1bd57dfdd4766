// The HTTP servers on healthCheckNodePorts: they tell an external load balancer whether this node has endpoints of a
// Service with externalTrafficPolicy Local (k8s.io/kubernetes/pkg/proxy/healthcheck/service_health.go).

import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { Logger } from '../../ops/log.ts'

export type HealthCheck = Readonly<{
  namespace: string
  name: string
  port: number
  /** Local ready endpoints, counted by address over all ports of the Service. */
  localEndpoints: number
}>

export type HealthCheckServersOptions = Readonly<{
  /** Addresses to listen on ("0.0.0.0", "::", or the accepted node-port addresses). */
  hosts: readonly string[]
  proxyHealthy: () => boolean
  /** Told once per Service and port that could not be opened. */
  onRefused: (check: HealthCheck, error: Error) => void
  log: Logger
}>

type Open = { check: HealthCheck; servers: readonly Server[] }

export class HealthCheckServers implements AsyncDisposable {
  readonly #options: HealthCheckServersOptions
  readonly #open = new Map<number, Open>()
  #refused = new Set<string>()

  constructor(options: HealthCheckServersOptions) {
    this.#options = options
  }

  /** Opens, updates and closes servers so that exactly these are answered. Two Services on one port: the first by name gets it. */
  async update(checks: readonly HealthCheck[]): Promise<void> {
    const wanted = new Map<number, HealthCheck>()
    const refused = new Set<string>()
    for (const check of [...checks].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))) {
      const holder = wanted.get(check.port) ?? check
      const current = this.#open.get(check.port)?.check
      // Whoever has the port keeps it; a newcomer waits until it is let go.
      if (keyOf(holder) === keyOf(check) || (current !== undefined && keyOf(current) === keyOf(check))) wanted.set(check.port, check)
    }
    for (const check of checks) {
      if (keyOf(wanted.get(check.port)!) !== keyOf(check)) this.#refuse(check, new Error(`port ${check.port} belongs to ${keyOf(wanted.get(check.port)!)}`), refused)
    }
    for (const [port, open] of this.#open) {
      const next = wanted.get(port)
      if (next === undefined || keyOf(next) !== keyOf(open.check)) await this.#close(port, open)
      else open.check = next
    }
    for (const [port, check] of wanted) if (!this.#open.has(port)) await this.#listen(check, refused)
    this.#refused = refused
  }

  async #listen(check: HealthCheck, refused: Set<string>): Promise<void> {
    const open: Open = { check, servers: this.#options.hosts.map(() => createServer((_, response) => answer(response, open.check, this.#options.proxyHealthy()))) }
    try {
      for (const [index, server] of open.servers.entries()) {
        const host = this.#options.hosts[index]!
        server.listen({ host, port: check.port, ipv6Only: host.includes(':') })
        await once(server, 'listening')
      }
      this.#open.set(check.port, open)
    } catch (error) {
      for (const server of open.servers) server.close()
      this.#refuse(check, error as Error, refused)
    }
  }

  #refuse(check: HealthCheck, error: Error, refused: Set<string>): void {
    const key = `${keyOf(check)} ${check.port}`
    refused.add(key)
    if (this.#refused.has(key)) return
    this.#options.log.warn({ service: keyOf(check), port: check.port, err: error }, 'cannot open a health check node port')
    this.#options.onRefused(check, error)
  }

  async #close(port: number, { servers }: Open): Promise<void> {
    this.#open.delete(port)
    for (const server of servers) {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const [port, open] of [...this.#open]) await this.#close(port, open)
  }
}

const keyOf = ({ namespace, name }: HealthCheck): string => `${namespace}/${name}`

function answer(response: import('node:http').ServerResponse, check: HealthCheck, proxyHealthy: boolean): void {
  const body = { service: { namespace: check.namespace, name: check.name }, localEndpoints: check.localEndpoints, serviceProxyHealthy: proxyHealthy }
  response.writeHead(check.localEndpoints > 0 && proxyHealthy ? 200 : 503, {
    'Content-Type': 'application/json',
    'X-Content-Type-Options': 'nosniff',
    'X-Load-Balancing-Endpoint-Weight': String(check.localEndpoints),
  })
  response.end(JSON.stringify(body, undefined, '\t'))
}
