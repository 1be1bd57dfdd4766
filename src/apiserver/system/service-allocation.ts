// Cluster IPs and node ports of Services, as part of the Service's own store transaction.

import { randomUUID } from 'node:crypto'
import type { ApiObject, Draft } from '../../api/object.ts'
import { beginCreate } from '../../api/registry/write.ts'
import type { ApiResource } from '../../api/registry/resource.ts'
import { invalid } from '../../api/status/field-error.ts'
import { invalidObject } from '../../api/status/status.ts'
import { serviceSpec } from '../../api/strategies/service/service.ts'
import { tryParseAddress } from '../../net/ip/address.ts'
import { prefixEnd } from '../../store/store.ts'
import { addressRecord, addressRecordName, nodePortsRecord, NODE_PORTS_KEY } from '../allocators/records.ts'
import { addressesOf, portNumbersOf, touchesPorts, type Allocation, type ServiceAllocators } from '../allocators/service-allocators.ts'
import type { Catalog } from '../catalog.ts'
import type { ObjectStore, WriteParts } from '../objects/object-store.ts'
import { decodeValue, encodeValue } from '../objects/stored-object.ts'
import type { AdmissionContext, AdmissionPlugin } from '../verbs/admission.ts'

type Options = Readonly<{ allocators: ServiceAllocators; objects: ObjectStore; catalog: Catalog; keyRoot: string }>

export class ServiceAllocation implements AdmissionPlugin {
  readonly #allocators: ServiceAllocators
  readonly #objects: ObjectStore
  readonly #catalog: Catalog
  readonly #addresses: ApiResource
  readonly #services: ApiResource
  readonly #keyRoot: string

  constructor({ allocators, objects, catalog, keyRoot }: Options) {
    this.#allocators = allocators
    this.#objects = objects
    this.#catalog = catalog
    this.#addresses = catalog.builtin('networking.k8s.io', 'ipaddresses')
    this.#services = catalog.builtin('', 'services')
    this.#keyRoot = keyRoot
  }

  /** Marks what stored Services and IPAddresses hold as taken. To be called before the first request. */
  async load(signal: AbortSignal): Promise<void> {
    for (const service of await this.#all(this.#services, signal)) {
      const spec = serviceSpec(service)
      for (const address of addressesOf(spec)) this.#allocators.allocatorFor(address)?.take(address)
      for (const port of portNumbersOf(spec)) this.#allocators.ports.take(port)
    }
    for (const { metadata } of await this.#all(this.#addresses, signal)) {
      const address = tryParseAddress(metadata.name!)
      if (address !== undefined) this.#allocators.allocatorFor(address)?.take(address)
    }
  }

  async create(draft: Draft, context: AdmissionContext): Promise<WriteParts> {
    return this.#parts(draft, this.#allocators.plan(draft, undefined, { dryRun: context.dryRun }), context)
  }

  async update(draft: Draft, old: ApiObject, context: AdmissionContext): Promise<WriteParts> {
    if (context.subresource !== '') return NOTHING
    return this.#parts(draft, this.#allocators.plan(draft, old, { dryRun: context.dryRun }), context)
  }

  async delete(old: ApiObject, context: AdmissionContext): Promise<WriteParts> {
    return this.#parts(old, this.#allocators.planDelete(old), context)
  }

  async #parts(service: ApiObject, allocation: Allocation, context: AdmissionContext): Promise<WriteParts> {
    const { taken, released } = allocation.addresses
    const owner = { namespace: service.metadata.namespace ?? '', name: service.metadata.name! }
    try {
      const records = taken.map(address => {
        const record = addressRecord(address, owner)
        beginCreate({ resource: this.#addresses, strategy: this.#catalog.strategy(this.#addresses) }, record, { namespace: '', name: '' }, { ...context, uid: randomUUID() })
        return { key: this.#objects.key(this.#addresses, { namespace: '', name: record.metadata.name! }), value: encodeValue(this.#addresses, record) }
      })
      // An address that someone reserved by hand, or that another server gave out, is taken although no Service here holds it.
      for (const { key } of records) {
        if (await this.#objects.store.get(key, context) === undefined) continue
        const text = key.slice(key.lastIndexOf('/') + 1)
        throw invalidObject(this.#services, owner.name, [invalid('spec.clusterIPs', serviceSpec(service).clusterIPs, `failed to allocate IP ${text}: provided IP is already allocated`)])
      }
      return {
        compares: records.map(({ key }) => ({ key, modRevision: 0 })),
        changes: [
          ...records.map(({ key, value }) => ({ kind: 'put', key, value }) as const),
          ...released.map(address => ({ kind: 'delete', key: this.#objects.key(this.#addresses, { namespace: '', name: addressRecordName(address) }) }) as const),
        ],
        lateChanges: () => (touchesPorts(allocation) ? [{ kind: 'put', key: `${this.#keyRoot}${NODE_PORTS_KEY}`, value: Buffer.from(JSON.stringify(nodePortsRecord(this.#allocators.ports))) }] : []),
        settle: outcome => this.#allocators.settle(allocation, outcome),
      }
    } catch (error) {
      this.#allocators.settle(allocation, 'failed')
      throw error
    }
  }

  async #all(resource: ApiResource, signal: AbortSignal): Promise<readonly ApiObject[]> {
    const prefix = this.#objects.prefix(resource, '')
    const { entries } = await this.#objects.store.range({ start: prefix, end: prefixEnd(prefix) }, { signal })
    return entries.map(entry => decodeValue(resource, entry))
  }
}

const NOTHING: WriteParts = { compares: [], changes: [] }
