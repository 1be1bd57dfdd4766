// Cluster IPs and node ports of Services, as part of the Service's own store transaction.

import { randomUUID } from 'node:crypto'
import { cloneJson, type ApiObject, type Draft } from '../../api/object.ts'
import { decodeProtobuf, isProtobuf } from '../../api/protobuf/decode.ts'
import { beginCreate } from '../../api/registry/write.ts'
import type { ApiResource } from '../../api/registry/resource.ts'
import { invalid } from '../../api/status/field-error.ts'
import { invalidObject } from '../../api/status/status.ts'
import { serviceSpec } from '../../api/strategies/service/service.ts'
import { formatAddress, tryParseAddress, type Address } from '../../net/ip/address.ts'
import type { Entry } from '../../store/store.ts'
import { addressRecord, addressRecordName, nodePortsRecord, NODE_PORTS_KEY } from '../allocators/records.ts'
import { addressesOf, portNumbersOf, touchesPorts, type Allocation, type ServiceAllocators } from '../allocators/service-allocators.ts'
import type { Catalog } from '../catalog.ts'
import type { ObjectStore, WriteParts } from '../objects/object-store.ts'
import { decodeValue, encodeValue } from '../objects/stored-object.ts'
import type { WatchHub } from '../watch/hub.ts'
import type { AdmissionContext, AdmissionPlugin } from '../verbs/admission.ts'

type Options = Readonly<{
  allocators: ServiceAllocators
  objects: ObjectStore
  catalog: Catalog
  keyRoot: string
  /** True when other servers allocate from the same store: then the record of node ports decides, not this process's memory. */
  shared: boolean
}>

export class ServiceAllocation implements AdmissionPlugin {
  readonly #allocators: ServiceAllocators
  readonly #objects: ObjectStore
  readonly #catalog: Catalog
  readonly #addresses: ApiResource
  readonly #services: ApiResource
  readonly #portsKey: string
  readonly #shared: boolean
  /** The revision of the record that memory agrees with; undefined when memory may hold what is not so. */
  #portsRevision: number | undefined
  /** Ends when the write that has its turn is settled. */
  #turn: Promise<void> = Promise.resolve()

  constructor({ allocators, objects, catalog, keyRoot, shared }: Options) {
    this.#shared = shared
    this.#allocators = allocators
    this.#objects = objects
    this.#catalog = catalog
    this.#addresses = catalog.builtin('networking.k8s.io', 'ipaddresses')
    this.#services = catalog.builtin('', 'services')
    this.#portsKey = `${keyRoot}${NODE_PORTS_KEY}`
  }

  /** Marks what stored Services and IPAddresses hold as taken. To be called before the first request. */
  async load(signal: AbortSignal): Promise<void> {
    for await (const entry of this.#entries(this.#services, signal)) {
      const spec = serviceSpec(decodeValue(this.#services, entry))
      for (const address of addressesOf(spec)) this.#allocators.allocatorFor(address)?.take(address)
      for (const port of portNumbersOf(spec)) this.#allocators.ports.take(port)
    }
    for await (const { key } of this.#entries(this.#addresses, signal)) {
      const address = tryParseAddress(key.slice(key.lastIndexOf('/') + 1))
      if (address !== undefined) this.#allocators.allocatorFor(address)?.take(address)
    }
  }

  /** Keeps up with addresses that are reserved by hand or given out by other servers; answers the end of it. */
  follow(hub: WatchHub): Disposable {
    const end = hub.subscribe({
      prefix: this.#objects.prefix(this.#addresses, ''),
      deliver: event => {
        const address = tryParseAddress(event.key.slice(event.key.lastIndexOf('/') + 1))
        if (address === undefined) return
        if (event.entry === undefined) this.#allocators.allocatorFor(address)?.release(address)
        else this.#allocators.allocatorFor(address)?.take(address)
      },
      // What is missed shows as a conflict of the transaction, and the next try takes another address.
      broken: () => undefined,
    })
    return { [Symbol.dispose]: end }
  }

  async create(draft: Draft, context: AdmissionContext): Promise<WriteParts> {
    return this.#allocate(draft, undefined, context)
  }

  async update(draft: Draft, old: ApiObject, context: AdmissionContext): Promise<WriteParts> {
    return context.subresource === '' ? this.#allocate(draft, old, context) : NOTHING
  }

  async delete(old: ApiObject, context: AdmissionContext): Promise<WriteParts> {
    const leave = await this.#enter(context)
    try {
      return this.#parts(this.#allocators.planDelete(old), [], leave)
    } catch (error) {
      leave()
      throw error
    }
  }

  /** Plans until every address that was picked (not asked for) is free in the store as well. */
  async #allocate(draft: Draft, old: ApiObject | undefined, context: AdmissionContext): Promise<WriteParts> {
    const leave = await this.#enter(context)
    try {
      const asked = cloneJson(draft['spec'])
      for (;;) {
        const allocation = this.#allocators.plan(draft, old, { dryRun: context.dryRun })
        const { clusterIPs = [], clusterIP = '' } = (asked ?? {}) as { clusterIPs?: readonly string[]; clusterIP?: string }
        const lost = await this.#heldElsewhere(draft, allocation, new Set([clusterIP, ...clusterIPs]), context)
        if (lost === undefined) return this.#parts(allocation, this.#records(draft, allocation, context), leave)
        this.#allocators.settle(allocation, 'failed')
        this.#allocators.allocatorFor(lost)?.take(lost)
        draft['spec'] = cloneJson(asked)
      }
    } catch (error) {
      leave()
      throw error
    }
  }

  #parts(allocation: Allocation, records: readonly AddressEntry[], leave: () => void): WriteParts {
    const ports = touchesPorts(allocation)
    const portsRevision = this.#portsRevision ?? 0
    return {
      compares: [
        ...records.map(({ key }) => ({ key, modRevision: 0 })),
        ...(ports && this.#shared ? [{ key: this.#portsKey, modRevision: portsRevision }] : []),
      ],
      changes: [
        ...records.map(({ key, value }) => ({ kind: 'put', key, value }) as const),
        ...allocation.addresses.released.map(address => ({ kind: 'delete', key: this.#addressKey(address) }) as const),
      ],
      lateChanges: () => (ports ? [{ kind: 'put', key: this.#portsKey, value: this.#portsRecord(allocation) }] : []),
      settle: outcome => {
        this.#allocators.settle(allocation, outcome)
        if (ports) this.#portsRevision = undefined
        leave()
      },
    }
  }

  #addressKey(address: Address): string {
    return this.#objects.key(this.#addresses, { namespace: '', name: addressRecordName(address) })
  }

  #records(service: ApiObject, allocation: Allocation, context: AdmissionContext): readonly AddressEntry[] {
    const owner = { namespace: service.metadata.namespace ?? '', name: service.metadata.name! }
    const target = { resource: this.#addresses, strategy: this.#catalog.strategy(this.#addresses) }
    return allocation.addresses.taken.map(address => {
      const record = addressRecord(address, owner)
      beginCreate(target, record, { namespace: '', name: '' }, { ...context, uid: randomUUID() })
      return { key: this.#addressKey(address), value: encodeValue(this.#addresses, record) }
    })
  }

  /** An address that someone reserved by hand or another server gave out. Throws 422 when the client insists on it. */
  async #heldElsewhere(service: ApiObject, allocation: Allocation, asked: ReadonlySet<string>, context: AdmissionContext): Promise<Address | undefined> {
    try {
      for (const address of allocation.addresses.taken) {
        if (await this.#objects.store.get(this.#addressKey(address), context) === undefined) continue
        const text = formatAddress(address)
        if (!asked.has(text)) return address
        throw invalidObject(this.#services, service.metadata.name!, [invalid('spec.clusterIPs', serviceSpec(service).clusterIPs, `failed to allocate IP ${text}: provided IP is already allocated`)])
      }
      return undefined
    } catch (error) {
      this.#allocators.settle(allocation, 'failed')
      throw error
    }
  }

  /**
   * With several servers writes of Services go one at a time in each: they all compare the one record of node ports,
   * and would only make each other fail. Answers what ends the turn.
   */
  async #enter(context: AdmissionContext): Promise<() => void> {
    if (!this.#shared) return () => undefined
    const previous = this.#turn
    const turn = Promise.withResolvers<void>()
    this.#turn = turn.promise
    await previous
    try {
      await this.#loadPorts(context)
      return turn.resolve
    } catch (error) {
      turn.resolve()
      throw error
    }
  }

  /** What the record says, before this request takes anything. */
  async #loadPorts({ signal }: AdmissionContext): Promise<void> {
    const entry = await this.#objects.store.get(this.#portsKey, { signal })
    const revision = entry?.modRevision ?? 0
    if (revision === this.#portsRevision) return
    if (entry !== undefined) this.#allocators.ports.load(readRecord(entry.value))
    this.#portsRevision = revision
  }

  /** The record as it will be true once the transaction has happened: without the ports that it gives back. */
  #portsRecord({ ports: { released } }: Allocation): Buffer {
    const { ports } = this.#allocators
    const given = released.filter(port => ports.has(port))
    for (const port of given) ports.release(port)
    const record = Buffer.from(JSON.stringify(nodePortsRecord(ports)))
    for (const port of given) ports.take(port)
    return record
  }

  /** All objects of a resource, a page at a time: a start must not hold the whole store in memory. */
  async *#entries(resource: ApiResource, signal: AbortSignal): AsyncGenerator<Entry> {
    let afterKey: string | undefined
    for (;;) {
      const { entries, more } = await this.#objects.page(resource, '', { limit: PAGE, ...(afterKey === undefined ? {} : { afterKey }) }, { signal })
      yield* entries
      if (!more) return
      afterKey = entries.at(-1)!.key
    }
  }
}

const PAGE = 500

/** The record as written here (JSON) or by upstream (protobuf); the bitmap in base64. */
const readRecord = (value: Buffer): string => ((isProtobuf(value) ? decodeProtobuf(value) : JSON.parse(value.toString())) as { data?: string }).data ?? ''

type AddressEntry = Readonly<{ key: string; value: Buffer }>

const NOTHING: WriteParts = { compares: [], changes: [] }
