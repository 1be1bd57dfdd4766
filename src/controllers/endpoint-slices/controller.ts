// Keeps EndpointSlices equal to what Services select (API server specification 9.1; kube-controller-manager's endpointslice-controller).

import type { Pod, Service } from 'kubernetes-types/core/v1.js'
import { isNotFound, isConflict } from '../../client/errors.ts'
import type { Change } from '../../client/informer/object-cache.ts'
import { keyOf, refKey, type Stored } from '../../client/objects.ts'
import { OwnWrites } from '../../client/own-writes.ts'
import { ENDPOINT_SLICES, NODES, PODS, SERVICES, type Resource } from '../../client/resources.ts'
import { WorkQueue } from '../../client/work-queue.ts'
import { allSynced, processQueue, type Controller, type ControllerContext } from '../controller.ts'
import { podsOf, servicesOf } from '../selected-pods.ts'
import { BY_NODE, BY_SERVICE } from '../shared-informers.ts'
import { sameForServices } from './pods.ts'
import { planEndpoints, ZONE_LABEL } from './plan-endpoints.ts'
import { MANAGED_BY, MANAGED_BY_LABEL, SERVICE_NAME_LABEL, planSlices, serviceFrame, type EndpointSlice, type SlicePlan } from './plan-slices.ts'
import { TriggerTimes } from './trigger-times.ts'

export type EndpointSliceOptions = Readonly<{
  maxEndpointsPerSlice: number
  concurrentSyncs: number
  /** How long changes of pods are gathered before a Service is looked at. */
  batchPeriodMs: number
}>

/** kube-controller-manager's defaults. */
export const DEFAULT_ENDPOINT_SLICE_OPTIONS: EndpointSliceOptions = { maxEndpointsPerSlice: 100, concurrentSyncs: 5, batchPeriodMs: 0 }

/** The same resource; the type knows the node hints. */
const SLICES: Resource<EndpointSlice> = ENDPOINT_SLICES as unknown as Resource<EndpointSlice>

export function endpointSliceController(options: EndpointSliceOptions = DEFAULT_ENDPOINT_SLICE_OPTIONS): Controller {
  return { name: 'endpointslice-controller', run: context => new EndpointSliceController(context, options).run() }
}

class EndpointSliceController {
  readonly #context: ControllerContext
  readonly #options: EndpointSliceOptions
  readonly #queue: WorkQueue
  readonly #ownWrites: OwnWrites<Stored<EndpointSlice>>
  readonly #triggerTimes = new TriggerTimes()
  readonly #services
  readonly #pods
  readonly #nodes
  readonly #slices

  constructor(context: ControllerContext, options: EndpointSliceOptions) {
    this.#context = context
    this.#options = options
    this.#queue = new WorkQueue(context)
    this.#ownWrites = new OwnWrites(context.clock)
    this.#services = context.informers.of(SERVICES)
    this.#pods = context.informers.of(PODS)
    this.#nodes = context.informers.of(NODES)
    this.#slices = context.informers.of(SLICES)
  }

  async run(): Promise<void> {
    const context = this.#context
    const stop = [
      this.#services.onChange(change => this.#serviceChanged(change)),
      this.#pods.onChange(change => this.#podChanged(change)),
      this.#nodes.onChange(change => {
        if (change.type !== 'modified' || change.object.metadata.labels?.[ZONE_LABEL] !== change.previous.metadata.labels?.[ZONE_LABEL]) this.#nodeChanged(change.key)
      }),
      this.#slices.onChange(change => this.#sliceChanged(change)),
    ]
    try {
      if (!(await allSynced(context, [this.#services, this.#pods, this.#nodes, this.#slices]))) return
      await processQueue(context, {
        queue: this.#queue,
        concurrency: this.#options.concurrentSyncs,
        work: (key, signal) => this.#sync(key, signal),
        onFailure: (key, error) => this.#reportFailure(key, error),
      })
    } finally {
      for (const unsubscribe of stop) unsubscribe()
      this.#queue.close()
    }
  }

  #serviceChanged(change: Change<Stored<Service>>): void {
    if (change.type === 'deleted') this.#triggerTimes.forget(change.key)
    this.#queue.add(change.key)
  }

  #podChanged(change: Change<Stored<Pod>>): void {
    if (change.type === 'modified' && sameForServices(change.previous, change.object)) return
    const pods = change.type === 'modified' ? [change.previous, change.object] : [change.object]
    for (const pod of pods) for (const service of servicesOf(pod, this.#services.cache)) this.#queue.addAfter(keyOf(service), this.#options.batchPeriodMs)
  }

  #nodeChanged(node: string): void {
    for (const pod of this.#pods.cache.byIndex(BY_NODE, node)) {
      for (const service of servicesOf(pod, this.#services.cache)) this.#queue.add(keyOf(service))
    }
  }

  /** Our own writes come back as changes, too: only what differs from them needs a look. */
  #sliceChanged(change: Change<Stored<EndpointSlice>>): void {
    const { labels, namespace } = change.object.metadata
    const wasOurs = change.type === 'modified' && change.previous.metadata.labels?.[MANAGED_BY_LABEL] === MANAGED_BY
    this.#ownWrites.observe(change)
    const service = labels?.[SERVICE_NAME_LABEL] ?? (wasOurs ? change.previous.metadata.labels?.[SERVICE_NAME_LABEL] : undefined)
    if (service !== undefined && (wasOurs || labels?.[MANAGED_BY_LABEL] === MANAGED_BY)) this.#queue.add(refKey({ namespace, name: service }))
  }

  async #sync(key: string, signal: AbortSignal): Promise<void> {
    const service = this.#services.cache.get(key)
    // Slices of a Service that is gone go with it (garbage collection).
    if (service === undefined || service.metadata.deletionTimestamp !== undefined) return
    const existing = this.#ownSlices(key)
    if (service.spec?.type === 'ExternalName') return this.#apply({ create: [], update: [], delete: existing }, signal)
    // Without a selector the endpoints are somebody else's business.
    if (service.spec?.selector === undefined || Object.keys(service.spec.selector).length === 0) return
    const pods = podsOf(service, this.#pods.cache)
    const groups = planEndpoints(service, pods, name => this.#nodes.cache.get(name))
    await this.#apply(planSlices(groups, existing, {
      frame: serviceFrame(service),
      maxEndpoints: this.#options.maxEndpointsPerSlice,
      triggerTime: this.#triggerTimes.next(key, service, pods),
    }), signal)
  }

  #ownSlices(service: string): Stored<EndpointSlice>[] {
    const isOwn = (slice: Stored<EndpointSlice>): boolean =>
      slice.metadata.labels?.[MANAGED_BY_LABEL] === MANAGED_BY &&
      refKey({ namespace: slice.metadata.namespace, name: slice.metadata.labels[SERVICE_NAME_LABEL] ?? '' }) === service
    return this.#ownWrites.over(this.#slices.cache.byIndex(BY_SERVICE, service), isOwn).filter(slice => isOwn(slice) && slice.metadata.deletionTimestamp === undefined)
  }

  /** Additions before removals, so that no endpoint is missing in between. */
  async #apply(plan: SlicePlan, signal: AbortSignal): Promise<void> {
    const { client } = this.#context
    for (const slice of plan.create) this.#ownWrites.wrote(await client.create(SLICES, slice, { signal }))
    for (const slice of plan.update) {
      await this.#orForget(slice, async () => this.#ownWrites.wrote(await client.update(SLICES, slice, { signal })))
    }
    for (const slice of plan.delete) {
      await this.#orForget(slice, async () => {
        await client.delete(SLICES, slice.metadata, { signal, preconditions: { uid: slice.metadata.uid } })
        this.#ownWrites.deleted(slice)
      })
    }
  }

  /** A write that lost a race says that our picture is old: drop it and look again. */
  async #orForget(slice: Stored<EndpointSlice>, write: () => Promise<void>): Promise<void> {
    try {
      await write()
    } catch (error) {
      if (isConflict(error) || isNotFound(error)) this.#ownWrites.forget(keyOf(slice))
      throw error
    }
  }

  #reportFailure(key: string, error: unknown): void {
    const service = this.#services.cache.get(key)
    if (service === undefined || isNotFound(error)) return
    const message = error instanceof Error ? error.message : String(error)
    this.#context.events.about(service, { type: 'Warning', reason: 'FailedToUpdateEndpointSlices', message: `Error updating Endpoint Slices for Service ${key}: ${message}` })
  }
}
