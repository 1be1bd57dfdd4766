// Remembers the Services and EndpointSlices of one address family and says which service ports changed.
// What an event costs depends on its Service alone, never on how many others there are.

import type { Service } from 'kubernetes-types/core/v1.d.ts'
import type { EndpointSlice } from 'kubernetes-types/discovery/v1.d.ts'
import type { Family } from '../../net/ip/address.ts'
import { sameEndpoints, type Endpoint } from './endpoint.ts'
import { readService, type Problem } from './read-service.ts'
import { mergeEndpoints, readSlice, sameSlice, sliceKeyOf, TRIGGER_TIME_ANNOTATION, type Slice } from './read-slice.ts'
import { sameServicePort, serviceKeyOf, type ServiceKey, type ServicePort, type ServicePortKey } from './service-port.ts'

export type TrackedPort = Readonly<{ port: ServicePort; endpoints: readonly Endpoint[] }>

/** `before` undefined: new; `after` undefined: gone. */
export type TrackedChange = Readonly<{ key: ServicePortKey; before: TrackedPort | undefined; after: TrackedPort | undefined }>

export type TrackedChanges = Readonly<{
  ports: readonly TrackedChange[]
  /** When the slices' changes were caused (ms since the epoch), one per changed slice that said so. */
  triggerTimesMs: readonly number[]
  /** Events that changed something, since the last `takeChanges`. */
  serviceEvents: number
  endpointEvents: number
}>

/** A Service as one family's tracker sees it. */
export type ServiceReading = Readonly<{ key: ServiceKey; ports: readonly ServicePort[]; problems: readonly Problem[] }>

/** An EndpointSlice as one family's tracker sees it; `slice` undefined: none of its business. */
export type SliceReading = Readonly<{ key: string; slice: Slice | undefined; triggerTimeMs: number | undefined; problems: readonly Problem[] }>

export type TrackerOptions = Readonly<{
  family: Family
  /** Lower-case name of this node. */
  nodeName: string
  allowExternalIps: boolean
  /** Trigger times before this one are of no interest. */
  startedAtMs: number
}>

export class Tracker {
  readonly #options: TrackerOptions
  readonly #services = new Map<ServiceKey, readonly ServicePort[]>()
  /** In the order of their keys. */
  readonly #slices = new Map<ServiceKey, readonly Slice[]>()
  /** Which Service a slice belonged to when it was last seen, by "namespace/slicename". */
  readonly #owners = new Map<string, ServiceKey>()
  readonly #taken = new Map<ServiceKey, readonly TrackedPort[]>()
  #dirty = new Set<ServiceKey>()
  #triggerTimes = new Map<ServiceKey, number[]>()
  #serviceEvents = 0
  #endpointEvents = 0

  constructor(options: TrackerOptions) {
    this.#options = options
  }

  /** True when the next `takeChanges` may have something to tell. */
  get hasChanges(): boolean {
    return this.#dirty.size > 0
  }

  /** How many events wait for the next `takeChanges`. */
  get pending(): Readonly<{ serviceEvents: number; endpointEvents: number }> {
    return { serviceEvents: this.#serviceEvents, endpointEvents: this.#endpointEvents }
  }

  /** What is worth knowing of a Service. Remembers nothing. */
  readService(service: Service): ServiceReading {
    const problems: Problem[] = []
    const key = serviceKeyOf(service.metadata?.namespace ?? '', service.metadata?.name ?? '')
    return { key, ports: readService(service, this.#options, problems), problems }
  }

  /** Takes a Service as it is now. Answers what had to be left out of it. */
  takeService({ key, ports, problems }: ServiceReading): readonly Problem[] {
    this.#setService(key, ports)
    return problems
  }

  applyService(service: Service): readonly Problem[] {
    return this.takeService(this.readService(service))
  }

  removeService(namespace: string, name: string): void {
    this.#setService(serviceKeyOf(namespace, name), [])
  }

  #setService(key: ServiceKey, ports: readonly ServicePort[]): void {
    const before = this.#services.get(key) ?? []
    if (before.length === ports.length && before.every((port, i) => sameServicePort(port, ports[i]!))) return
    if (ports.length === 0) this.#services.delete(key)
    else this.#services.set(key, ports)
    this.#serviceEvents += 1
    this.#dirty.add(key)
  }

  /** What is worth knowing of an EndpointSlice. Remembers nothing. */
  readSlice(object: EndpointSlice): SliceReading {
    const problems: Problem[] = []
    const slice = readSlice(object, this.#options, problems)
    const time = Date.parse(object.metadata?.annotations?.[TRIGGER_TIME_ANNOTATION] ?? '')
    return { key: sliceKeyOf(object.metadata?.namespace, object.metadata?.name), slice, triggerTimeMs: time >= this.#options.startedAtMs ? time : undefined, problems }
  }

  /** Takes an EndpointSlice as it is now. Answers what had to be left out of it. */
  takeSlice({ key, slice, triggerTimeMs, problems }: SliceReading): readonly Problem[] {
    const changed = this.#setSlice(key, slice)
    if (changed && slice !== undefined && triggerTimeMs !== undefined) this.#noteTriggerTime(slice.service, triggerTimeMs)
    return problems
  }

  applySlice(slice: EndpointSlice): readonly Problem[] {
    return this.takeSlice(this.readSlice(slice))
  }

  removeSlice(namespace: string, name: string): void {
    const key = sliceKeyOf(namespace, name)
    const owner = this.#owners.get(key)
    if (this.#setSlice(key, undefined) && owner !== undefined) this.#triggerTimes.delete(owner)
  }

  #setSlice(key: string, slice: Slice | undefined): boolean {
    const owner = this.#owners.get(key)
    const before = owner === undefined ? undefined : this.#slices.get(owner)?.find(known => known.key === key)
    if (before === slice || (before !== undefined && slice !== undefined && sameSlice(before, slice))) return false
    if (owner !== undefined && owner !== slice?.service) this.#forgetSlice(owner, key)
    if (slice !== undefined) {
      this.#owners.set(key, slice.service)
      const others = (this.#slices.get(slice.service) ?? []).filter(known => known.key !== key)
      const at = others.findIndex(other => key < other.key)
      this.#slices.set(slice.service, others.toSpliced(at === -1 ? others.length : at, 0, slice))
      this.#dirty.add(slice.service)
    }
    this.#endpointEvents += 1
    return true
  }

  #forgetSlice(owner: ServiceKey, key: string): void {
    const others = (this.#slices.get(owner) ?? []).filter(known => known.key !== key)
    if (others.length === 0) this.#slices.delete(owner)
    else this.#slices.set(owner, others)
    this.#owners.delete(key)
    this.#dirty.add(owner)
  }

  #noteTriggerTime(service: ServiceKey, time: number): void {
    const times = this.#triggerTimes.get(service)
    if (times === undefined) this.#triggerTimes.set(service, [time])
    else times.push(time)
  }

  /** The service ports that differ from what the last call told; several events collapse into one change. */
  takeChanges(): TrackedChanges {
    const ports = [...this.#dirty].flatMap(service => this.#changesOf(service))
    const triggerTimesMs = [...this.#triggerTimes.values()].flat()
    const taken = { ports, triggerTimesMs, serviceEvents: this.#serviceEvents, endpointEvents: this.#endpointEvents }
    this.#dirty = new Set()
    this.#triggerTimes = new Map()
    this.#serviceEvents = 0
    this.#endpointEvents = 0
    return taken
  }

  #changesOf(service: ServiceKey): readonly TrackedChange[] {
    const before = new Map((this.#taken.get(service) ?? []).map(tracked => [tracked.port.key, tracked]))
    const slices = this.#slices.get(service) ?? []
    const changes: TrackedChange[] = []
    const after = (this.#services.get(service) ?? []).map((port): TrackedPort => {
      const known = before.get(port.key)
      before.delete(port.key)
      const endpoints = mergeEndpoints(slices, port.portName, port.protocol)
      const sameEnds = known !== undefined && sameEndpoints(known.endpoints, endpoints)
      if (sameEnds && known.port === port) return known
      const tracked = { port, endpoints: sameEnds ? known.endpoints : endpoints }
      if (!sameEnds || !sameServicePort(known.port, port)) changes.push({ key: port.key, before: known, after: tracked })
      return tracked
    })
    for (const [key, gone] of before) changes.push({ key, before: gone, after: undefined })
    if (after.length === 0) this.#taken.delete(service)
    else this.#taken.set(service, after)
    return changes
  }
}
