// Remembers the Services and EndpointSlices of one address family and says which service ports changed.
// What an event costs depends on its Service alone, never on how many others there are.

import type { Service } from 'kubernetes-types/core/v1.d.ts'
import type { EndpointSlice } from 'kubernetes-types/discovery/v1.d.ts'
import type { Family } from '../../net/ip/address.ts'
import { sameEndpoints, type Endpoint } from './endpoint.ts'
import { readService, type Problem } from './read-service.ts'
import { mergeEndpoints, readSlice, sameSlice, TRIGGER_TIME_ANNOTATION, type Slice } from './read-slice.ts'
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
  readonly #slices = new Map<ServiceKey, Map<string, Slice>>()
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

  /** Takes a Service as it is now. Answers what had to be left out of it. */
  applyService(service: Service): readonly Problem[] {
    const problems: Problem[] = []
    const key = serviceKeyOf(service.metadata?.namespace ?? '', service.metadata?.name ?? '')
    this.#setService(key, readService(service, this.#options, problems))
    return problems
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

  /** Takes an EndpointSlice as it is now. Answers what had to be left out of it. */
  applySlice(slice: EndpointSlice): readonly Problem[] {
    const problems: Problem[] = []
    const read = readSlice(slice, this.#options, problems)
    const changed = this.#setSlice(sliceKeyOf(slice.metadata?.namespace, slice.metadata?.name), read)
    if (changed && read !== undefined) this.#noteTriggerTime(read.service, slice)
    return problems
  }

  removeSlice(namespace: string, name: string): void {
    const key = sliceKeyOf(namespace, name)
    const owner = this.#owners.get(key)
    if (this.#setSlice(key, undefined) && owner !== undefined) this.#triggerTimes.delete(owner)
  }

  #setSlice(key: string, slice: Slice | undefined): boolean {
    const owner = this.#owners.get(key)
    const before = owner === undefined ? undefined : this.#slices.get(owner)?.get(key)
    if (before === slice || (before !== undefined && slice !== undefined && sameSlice(before, slice))) return false
    if (owner !== undefined && owner !== slice?.service) this.#forgetSlice(owner, key)
    if (slice !== undefined) {
      this.#owners.set(key, slice.service)
      const slices = this.#slices.get(slice.service) ?? new Map<string, Slice>()
      this.#slices.set(slice.service, slices.set(key, slice))
      this.#dirty.add(slice.service)
    }
    this.#endpointEvents += 1
    return true
  }

  #forgetSlice(owner: ServiceKey, key: string): void {
    const slices = this.#slices.get(owner)
    slices?.delete(key)
    if (slices?.size === 0) this.#slices.delete(owner)
    this.#owners.delete(key)
    this.#dirty.add(owner)
  }

  #noteTriggerTime(service: ServiceKey, slice: EndpointSlice): void {
    const time = Date.parse(slice.metadata?.annotations?.[TRIGGER_TIME_ANNOTATION] ?? '')
    if (!(time >= this.#options.startedAtMs)) return
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
    const slices = this.#slicesInOrder(service)
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

  #slicesInOrder(service: ServiceKey): readonly Slice[] {
    const slices = [...(this.#slices.get(service) ?? [])]
    return slices.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, slice]) => slice)
  }
}

const sliceKeyOf = (namespace: string | undefined, name: string | undefined): string => `${namespace ?? ''}/${name ?? ''}`
