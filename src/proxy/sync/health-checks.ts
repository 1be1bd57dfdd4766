// Which health check node ports are to be served, kept up to date entry by entry.

import { formatAddress } from '../../net/ip/address.ts'
import type { HealthCheck } from '../health/health-check-servers.ts'
import type { ServiceEntry } from '../service-table/entry.ts'
import type { EntryChange } from '../service-table/service-table.ts'
import type { ServicePortKey } from '../tracker/service-port.ts'

export class HealthChecks {
  readonly #entries = new Map<ServicePortKey, ServiceEntry>()

  apply(changes: readonly EntryChange[]): void {
    for (const { key, after } of changes) {
      if (after?.port.healthCheckNodePort === undefined) this.#entries.delete(key)
      else this.#entries.set(key, after)
    }
  }

  /** One per Service; its ports share the count of distinct local ready addresses. */
  list(): readonly HealthCheck[] {
    const services = new Map<string, { check: Omit<HealthCheck, 'localEndpoints'>; addresses: Set<string> }>()
    for (const { port, localReady } of this.#entries.values()) {
      const { namespace, name, healthCheckNodePort } = port
      if (healthCheckNodePort === undefined) continue
      const known = services.get(port.service) ?? { check: { namespace, name, port: healthCheckNodePort }, addresses: new Set<string>() }
      services.set(port.service, known)
      for (const endpoint of localReady) known.addresses.add(formatAddress(endpoint.address))
    }
    return [...services.values()].map(({ check, addresses }) => ({ ...check, localEndpoints: addresses.size }))
  }
}
