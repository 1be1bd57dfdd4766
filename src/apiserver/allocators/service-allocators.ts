// Cluster IPs and ports of Services: fills a draft, says what it took and what it gives back.
// Taking is immediate, so two requests in flight never get the same number; the caller settles after its store
// transaction, which also holds the records (see records.ts) and so decides between several servers.

import type { ServiceSpec } from 'kubernetes-types/core/v1.d.ts'
import type { ApiObject } from '../../api/object.ts'
import { invalid, type FieldError } from '../../api/status/field-error.ts'
import { internalError, invalidObject } from '../../api/status/status.ts'
import { asService, isHeadless, needsClusterIp, needsHealthCheckNodePort, needsNodePort, portsOf, serviceSpec } from '../../api/strategies/service/service.ts'
import { validateClusterIpFields } from '../../api/strategies/service/validate-cluster-ips.ts'
import { formatAddress, tryParseAddress, type Address } from '../../net/ip/address.ts'
import { explainAddressFailure, type AddressAllocator } from './address-allocator.ts'
import { explainPortFailure, type PortAllocator } from './port-allocator.ts'
import { familyName, settleFamilies } from './service-families.ts'

/** What one write takes and gives back. Both sides are disjoint. */
export type Allocation = Readonly<{
  addresses: Readonly<{ taken: readonly Address[]; released: readonly Address[] }>
  ports: Readonly<{ taken: readonly number[]; released: readonly number[] }>
}>

export const touchesPorts = ({ ports }: Allocation): boolean => ports.taken.length + ports.released.length > 0

const SERVICE_KIND = { group: '', kind: 'Service' } as const

type Taken = { addresses: Address[]; ports: number[] }

export class ServiceAllocators {
  /** Primary family first. */
  readonly addresses: readonly AddressAllocator[]
  readonly ports: PortAllocator

  constructor({ addresses, ports }: { addresses: readonly AddressAllocator[]; ports: PortAllocator }) {
    this.addresses = addresses
    this.ports = ports
  }

  /**
   * Fills families, cluster IPs and ports of a Service between `beginCreate`/`beginUpdate` and `finish…`. `old` is
   * undefined on create. With `dryRun` nothing stays taken and the answer is empty. Throws StatusError, having
   * given back what it took.
   */
  plan(draft: ApiObject, old: ApiObject | undefined, { dryRun }: { dryRun: boolean }): Allocation {
    const name = draft.metadata.name ?? ''
    const { spec } = asService(draft)
    const before = old === undefined ? undefined : serviceSpec(old)
    refuse(name, validateClusterIpFields(spec, before))
    refuse(name, settleFamilies(spec, before, this.addresses.map(({ family }) => familyName(family))))
    const taken: Taken = { addresses: [], ports: [] }
    try {
      this.#takeAddresses(name, spec, before, taken)
      this.#takeNodePorts(name, spec, before, taken)
      this.#takeHealthCheckNodePort(spec, before, taken)
    } catch (error) {
      this.#giveBack(taken)
      throw error
    }
    if (dryRun) {
      this.#giveBack(taken)
      return NOTHING
    }
    return {
      addresses: { taken: taken.addresses, released: missing(addressesOf(before), addressesOf(spec), formatAddress) },
      ports: { taken: taken.ports, released: missing(portNumbersOf(before), portNumbersOf(spec), String) },
    }
  }

  /** What deleting a Service gives back. */
  planDelete(old: ApiObject): Allocation {
    const spec = serviceSpec(old)
    return {
      addresses: { taken: [], released: addressesOf(spec) },
      ports: { taken: [], released: [...new Set(portNumbersOf(spec))] },
    }
  }

  /** To be called once per plan, after the transaction: what it took stays or goes back, what it released is free or not. */
  settle(allocation: Allocation, outcome: 'committed' | 'failed'): void {
    const { addresses, ports } = allocation
    if (outcome === 'failed') this.#giveBack({ addresses: [...addresses.taken], ports: [...ports.taken] })
    else this.#giveBack({ addresses: [...addresses.released], ports: [...ports.released] })
  }

  allocatorFor(address: Address): AddressAllocator | undefined {
    return this.addresses.find(({ family }) => family === address.family)
  }

  #giveBack({ addresses, ports }: Taken): void {
    for (const address of addresses) this.allocatorFor(address)?.release(address)
    for (const port of ports) this.ports.release(port)
  }

  #takeAddresses(name: string, spec: ServiceSpec, before: ServiceSpec | undefined, taken: Taken): void {
    if (!needsClusterIp(spec) || isHeadless(spec)) return
    const had = new Set(addressesOf(before).map(formatAddress))
    const wanted = [...(spec.clusterIPs ?? [])]
    const families = spec.ipFamilies ?? []
    // Given ones first: a dynamic pick must not take the address that the same request names for its other family.
    for (const text of wanted) {
      const address = text === '' ? undefined : tryParseAddress(text)
      if (address === undefined || had.has(formatAddress(address))) continue
      const allocator = this.allocatorFor(address)
      const failure = allocator === undefined ? 'outside' : allocator.take(address)
      if (failure !== undefined) {
        const why = allocator === undefined ? `${familyName(address.family)} is not configured on this cluster` : explainAddressFailure(failure, address, allocator)
        refuse(name, [invalid('spec.clusterIPs', spec.clusterIPs, `failed to allocate IP ${text}: ${why}`)])
      }
      taken.addresses.push(address)
    }
    families.forEach((family, index) => {
      if ((wanted[index] ?? '') !== '') return
      const address = this.addresses.find(candidate => familyName(candidate.family) === family)?.takeAny()
      if (address === undefined) throw internalError(`failed to allocate a serviceIP for Service ${JSON.stringify(name)}: range is full`)
      taken.addresses.push(address)
      wanted[index] = formatAddress(address)
    })
    spec.clusterIPs = wanted.slice(0, families.length)
    spec.clusterIP = spec.clusterIPs[0]!
  }

  #takeNodePorts(name: string, spec: ServiceSpec, before: ServiceSpec | undefined, taken: Taken): void {
    if (!needsNodePort(spec) && !portsOf(spec).some(({ nodePort }) => (nodePort ?? 0) !== 0)) return
    if (spec.type !== 'NodePort' && spec.type !== 'LoadBalancer') return
    const mine = new Set(portNumbersOf(before))
    const ports = portsOf(spec)
    ports.forEach(({ nodePort = 0 }, index) => {
      if (nodePort === 0 || mine.has(nodePort)) return
      const failure = this.ports.take(nodePort)
      if (failure !== undefined) {
        refuse(name, [invalid(`spec.ports[${index}].nodePort`, nodePort, explainPortFailure(failure, this.ports.range))])
      }
      mine.add(nodePort)
      taken.ports.push(nodePort)
    })
    if (!needsNodePort(spec)) return
    for (const port of ports) {
      if ((port.nodePort ?? 0) !== 0) continue
      // 53/TCP and 53/UDP of one Service share a node port.
      const twin = ports.find(other => other.port === port.port && other.protocol !== port.protocol && (other.nodePort ?? 0) !== 0 &&
        !ports.some(third => third !== other && third.protocol === port.protocol && third.nodePort === other.nodePort))
      port.nodePort = twin?.nodePort ?? this.#anyPort('failed to allocate a nodePort', taken)
    }
  }

  #takeHealthCheckNodePort(spec: ServiceSpec, before: ServiceSpec | undefined, taken: Taken): void {
    if (!needsHealthCheckNodePort(spec)) return
    const wanted = spec.healthCheckNodePort ?? 0
    if (wanted === 0) {
      spec.healthCheckNodePort = this.#anyPort('failed to allocate a HealthCheck NodePort', taken)
    } else if (wanted !== before?.healthCheckNodePort) {
      const failure = this.ports.take(wanted)
      if (failure !== undefined) {
        throw internalError(`failed to allocate requested HealthCheck NodePort ${wanted}: ${explainPortFailure(failure, this.ports.range)}`)
      }
      taken.ports.push(wanted)
    }
  }

  #anyPort(what: string, taken: Taken): number {
    const port = this.ports.takeAny()
    if (port === undefined) throw internalError(`${what}: range is full`)
    taken.ports.push(port)
    return port
  }
}

const NOTHING: Allocation = { addresses: { taken: [], released: [] }, ports: { taken: [], released: [] } }

/** The cluster IPs that a Service holds. */
export const addressesOf = (spec: ServiceSpec | undefined): readonly Address[] =>
  spec === undefined || !needsClusterIp(spec) ? [] : clusterIpTexts(spec).flatMap(text => tryParseAddress(text) ?? [])

const clusterIpTexts = (spec: ServiceSpec): readonly string[] =>
  (spec.clusterIPs?.length ?? 0) > 0 ? spec.clusterIPs! : spec.clusterIP === undefined ? [] : [spec.clusterIP]

/** The ports of the node port range that a Service holds, the one for health checks included. */
export const portNumbersOf = (spec: ServiceSpec | undefined): readonly number[] =>
  spec === undefined ? [] : [...portsOf(spec).map(({ nodePort }) => nodePort ?? 0), spec.healthCheckNodePort ?? 0].filter(port => port !== 0)

function missing<T>(before: readonly T[], after: readonly T[], identity: (item: T) => string): readonly T[] {
  const kept = new Set(after.map(identity))
  return [...new Map(before.map(item => [identity(item), item]))].flatMap(([id, item]) => (kept.has(id) ? [] : [item]))
}

function refuse(name: string, errors: readonly FieldError[]): void {
  if (errors.length > 0) throw invalidObject(SERVICE_KIND, name, errors)
}
