// Compares what Services hold with what is recorded as given out, and puts the records right: an address in use without a
// record gets one, a record whose Service is gone goes, ports come back that nobody holds. What cannot be put right, such as
// one address held by two Services, is told as an event on the Service. Upstream: pkg/registry/core/service/{ipallocator,
// portallocator}/controller/repair*.go.

import { randomUUID } from 'node:crypto'
import { isPlainObject, type ApiObject } from '../../api/object.ts'
import { beginCreate } from '../../api/registry/write.ts'
import type { ApiResource } from '../../api/registry/resource.ts'
import { serviceSpec } from '../../api/strategies/service/service.ts'
import { formatAddress, type Address } from '../../net/ip/address.ts'
import type { Clock } from '../../ops/clock.ts'
import type { Entry } from '../../store/store.ts'
import { addressRecord, addressRecordName, MANAGED_BY, MANAGED_BY_LABEL } from '../allocators/records.ts'
import { addressesOf, portNumbersOf, type ServiceAllocators } from '../allocators/service-allocators.ts'
import type { Catalog } from '../catalog.ts'
import type { ObjectStore } from '../objects/object-store.ts'
import { decodeValue, encodeValue } from '../objects/stored-object.ts'

export type RepairReason =
  | 'IPAddressNotAllocated' | 'IPAddressWrongReference' | 'ClusterIPAlreadyAllocated' | 'ClusterIPOutOfRange'
  | 'PortNotAllocated' | 'PortAlreadyAllocated' | 'PortOutOfRange'

export type Finding = Readonly<{ service: ApiObject; reason: RepairReason; message: string }>

/** A record without its Service may belong to one that is just being made (upstream: 60 s). */
const ORPHAN_AGE_MS = 60_000
/** Passes in a row that must find a port unused: a Service that holds it may not be in the store yet. */
const LEAK_PASSES = 3
const PAGE = 500

type Holder = Readonly<{ service: ApiObject; entry: Entry }>
type Pass = Readonly<{ findings: Finding[]; addresses: Map<string, ApiObject>; ports: Map<number, ApiObject>; signal: AbortSignal }>

export class ServiceRepair {
  readonly #allocators: ServiceAllocators
  readonly #objects: ObjectStore
  readonly #catalog: Catalog
  readonly #clock: Clock
  readonly #services: ApiResource
  readonly #records: ApiResource
  readonly #shared: boolean
  /** How often in a row each port was found to be nobody's. */
  #unused = new Map<number, number>()

  /** `shared`: other servers work on the same store. */
  constructor({ allocators, objects, catalog, clock, shared }: Readonly<{ allocators: ServiceAllocators; objects: ObjectStore; catalog: Catalog; clock: Clock; shared: boolean }>) {
    this.#shared = shared
    this.#allocators = allocators
    this.#objects = objects
    this.#catalog = catalog
    this.#clock = clock
    this.#services = catalog.builtin('', 'services')
    this.#records = catalog.builtin('networking.k8s.io', 'ipaddresses')
  }

  /** One pass over everything. Answers what was found, put right or not. */
  async pass(signal: AbortSignal): Promise<readonly Finding[]> {
    const pass: Pass = { findings: [], addresses: new Map(), ports: new Map(), signal }
    for await (const entry of this.#entries(this.#services, signal)) {
      const service = decodeValue(this.#services, entry)
      const spec = serviceSpec(service)
      for (const address of addressesOf(spec)) await this.#address({ service, entry }, address, pass)
      for (const port of new Set(portNumbersOf(spec))) await this.#port({ service, entry }, port, pass)
    }
    await this.#removeOrphans(pass)
    this.#freeLeakedPorts(pass)
    return pass.findings
  }

  async #address({ service, entry }: Holder, address: Address, { findings, addresses, signal }: Pass): Promise<void> {
    const text = formatAddress(address)
    const find = (reason: RepairReason, why: string): void => void findings.push({ service, reason, message: `Cluster IP ${text}: ${why}` })
    const other = addresses.get(text)
    if (other !== undefined) return find('ClusterIPAlreadyAllocated', `assigned to ${other.metadata.namespace}/${other.metadata.name} as well; please recreate this Service`)
    addresses.set(text, service)
    const allocator = this.#allocators.allocatorFor(address)
    if (allocator?.covers(address) !== true) return find('ClusterIPOutOfRange', 'not within any configured Service CIDR; please recreate this Service')
    const recorded = await this.#objects.store.get(this.#key(address), { signal })
    const parent = recorded === undefined ? undefined : parentOf(decodeValue(this.#records, recorded))
    if (parent === `services/${service.metadata.namespace}/${service.metadata.name}`) return void allocator.take(address)
    if (!await this.#write(address, { service, entry }, recorded?.modRevision ?? 0, signal)) return
    allocator.take(address)
    if (parent === undefined) find('IPAddressNotAllocated', 'had no IPAddress; it has one again')
    else find('IPAddressWrongReference', `its IPAddress named ${parent}; it names this Service again`)
  }

  /** False when the record or the Service was written meanwhile: the next pass looks again. */
  async #write(address: Address, { service, entry }: Holder, modRevision: number, signal: AbortSignal): Promise<boolean> {
    const record = addressRecord(address, { namespace: service.metadata.namespace ?? '', name: service.metadata.name! })
    const context = { nowMs: this.#clock.now(), uid: randomUUID(), suffix: () => '', user: { username: 'system:apiserver', groups: [] } }
    beginCreate({ resource: this.#records, strategy: this.#catalog.strategy(this.#records) }, record, { namespace: '', name: '' }, context)
    const key = this.#key(address)
    return (await this.#objects.store.commit({ compares: [{ key, modRevision }, { key: entry.key, modRevision: entry.modRevision }], changes: [{ kind: 'put', key, value: encodeValue(this.#records, record) }] }, { signal })).ok
  }

  async #port({ service, entry }: Holder, port: number, { findings, ports, signal }: Pass): Promise<void> {
    const find = (reason: RepairReason, why: string): void => void findings.push({ service, reason, message: `Port ${port} ${why}` })
    const other = ports.get(port)
    if (other !== undefined) return find('PortAlreadyAllocated', `was assigned to multiple services: ${other.metadata.namespace}/${other.metadata.name} has it, too; please recreate this Service`)
    ports.set(port, service)
    const { first, last } = this.#allocators.ports.range
    if (port < first || port > last) return find('PortOutOfRange', 'is not within the port range; please recreate this Service')
    // With several servers the record decides, which is read before every write.
    if (this.#shared || this.#allocators.ports.take(port) !== undefined) return
    const now = await this.#objects.store.get(entry.key, { signal })
    if (now?.modRevision === entry.modRevision) find('PortNotAllocated', 'was not allocated; it is again')
    else this.#allocators.ports.release(port)
  }

  async #removeOrphans({ addresses, signal }: Pass): Promise<void> {
    for await (const entry of this.#entries(this.#records, signal)) {
      const { metadata } = decodeValue(this.#records, entry)
      const young = this.#clock.now() - Date.parse(metadata.creationTimestamp ?? '') < ORPHAN_AGE_MS
      // What was made by hand is kept for whoever made it.
      if (metadata.labels?.[MANAGED_BY_LABEL] !== MANAGED_BY || addresses.has(metadata.name!) || young) continue
      await this.#objects.store.commit({ compares: [{ key: entry.key, modRevision: entry.modRevision }], changes: [{ kind: 'delete', key: entry.key }] }, { signal })
    }
  }

  #freeLeakedPorts({ ports }: Pass): void {
    if (this.#shared) return
    const unused = new Map<number, number>()
    const { first, last } = this.#allocators.ports.range
    for (let port = first; port <= last; port += 1) {
      if (!this.#allocators.ports.has(port) || ports.has(port)) continue
      const passes = (this.#unused.get(port) ?? 0) + 1
      if (passes >= LEAK_PASSES) this.#allocators.ports.release(port)
      else unused.set(port, passes)
    }
    this.#unused = unused
  }

  #key(address: Address): string {
    return this.#objects.key(this.#records, { namespace: '', name: addressRecordName(address) })
  }

  async *#entries(resource: ApiResource, signal: AbortSignal): AsyncGenerator<Entry> {
    let afterKey: string | undefined
    for (;;) {
      const { entries, more } = await this.#objects.page(resource, '', { limit: PAGE, ...(afterKey === undefined ? {} : { afterKey }) }, { signal })
      yield* entries
      if (!more) return
      afterKey = entries.at(-1)!.key
      // Other requests get a turn.
      await new Promise<void>(resolve => setImmediate(resolve))
    }
  }
}

/** "services/default/web", as far as the record says it. */
function parentOf(record: ApiObject): string {
  const parent = isPlainObject(record['spec']) && isPlainObject(record['spec']['parentRef']) ? record['spec']['parentRef'] : {}
  return [parent['resource'], parent['namespace'], parent['name']].map(part => String(part ?? '')).join('/')
}
