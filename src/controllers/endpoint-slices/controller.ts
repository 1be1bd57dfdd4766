// Keeps EndpointSlices equal to what Services select (API server specification 9.1; kube-controller-manager's endpointslice-controller).

import type { Pod, Service } from 'kubernetes-types/core/v1.js'
import { isNotFound } from '../../client/errors.ts'
import type { Change } from '../../client/informer/object-cache.ts'
import { keyOf, type Stored } from '../../client/objects.ts'
import { NODES, PODS, SERVICES } from '../../client/resources.ts'
import { WorkQueue } from '../../client/work-queue.ts'
import { allSynced, processQueue, type Controller, type ControllerContext } from '../controller.ts'
import { podsOf, servicesOf } from '../selected-pods.ts'
import { BY_NODE } from '../shared-informers.ts'
import { sameForServices } from './pods.ts'
import { planEndpoints, ZONE_LABEL } from './plan-endpoints.ts'
import { MANAGED_BY, planSlices, serviceFrame } from './plan-slices.ts'
import { SLICES, SliceWriter } from './slice-writer.ts'
import { TriggerTimes } from './trigger-times.ts'

export type EndpointSliceOptions = Readonly<{
  maxEndpointsPerSlice: number
  concurrentSyncs: number
  /** How long changes of pods are gathered before a Service is looked at. */
  batchPeriodMs: number
}>

/** kube-controller-manager's defaults. */
export const DEFAULT_ENDPOINT_SLICE_OPTIONS: EndpointSliceOptions = { maxEndpointsPerSlice: 100, concurrentSyncs: 5, batchPeriodMs: 0 }

export function endpointSliceController(options: EndpointSliceOptions = DEFAULT_ENDPOINT_SLICE_OPTIONS): Controller {
  return { name: 'endpointslice-controller', run: context => new EndpointSliceController(context, options).run() }
}

class EndpointSliceController {
  readonly #context: ControllerContext
  readonly #options: EndpointSliceOptions
  readonly #queue: WorkQueue
  readonly #writer: SliceWriter
  readonly #triggerTimes = new TriggerTimes()
  readonly #services
  readonly #pods
  readonly #nodes
  readonly #slices

  constructor(context: ControllerContext, options: EndpointSliceOptions) {
    this.#context = context
    this.#options = options
    this.#queue = new WorkQueue(context)
    this.#services = context.informers.of(SERVICES)
    this.#pods = context.informers.of(PODS)
    this.#nodes = context.informers.of(NODES)
    this.#slices = context.informers.of(SLICES)
    this.#writer = new SliceWriter({ client: context.client, cache: this.#slices.cache, clock: context.clock, managedBy: MANAGED_BY })
  }

  async run(): Promise<void> {
    const context = this.#context
    const stop = [
      this.#services.onChange(change => this.#serviceChanged(change)),
      this.#pods.onChange(change => this.#podChanged(change)),
      this.#nodes.onChange(change => {
        if (change.type !== 'modified' || change.object.metadata.labels?.[ZONE_LABEL] !== change.previous.metadata.labels?.[ZONE_LABEL]) this.#nodeChanged(change.key)
      }),
      this.#slices.onChange(change => {
        const service = this.#writer.observe(change)
        if (service !== undefined) this.#queue.add(service)
      }),
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

  async #sync(key: string, signal: AbortSignal): Promise<void> {
    const service = this.#services.cache.get(key)
    // Slices of a Service that is gone go with it (garbage collection).
    if (service === undefined || service.metadata.deletionTimestamp !== undefined) return
    const existing = this.#writer.slicesOf(key)
    if (service.spec?.type === 'ExternalName') return this.#writer.apply({ create: [], update: [], delete: existing }, signal)
    // Without a selector the endpoints are somebody else's business.
    if (service.spec?.selector === undefined || Object.keys(service.spec.selector).length === 0) return
    const pods = podsOf(service, this.#pods.cache)
    const groups = planEndpoints(service, pods, name => this.#nodes.cache.get(name))
    await this.#writer.apply(planSlices(groups, existing, {
      frame: serviceFrame(service),
      maxEndpoints: this.#options.maxEndpointsPerSlice,
      triggerTime: this.#triggerTimes.next(key, service, pods),
    }), signal)
  }

  #reportFailure(key: string, error: unknown): void {
    const service = this.#services.cache.get(key)
    if (service === undefined || isNotFound(error)) return
    const message = error instanceof Error ? error.message : String(error)
    this.#context.events.about(service, { type: 'Warning', reason: 'FailedToUpdateEndpointSlices', message: `Error updating Endpoint Slices for Service ${key}: ${message}` })
  }
}
