// Keeps Endpoints equal to what Services select (kube-controller-manager's endpoints-controller).

import type { Endpoints, Service } from 'kubernetes-types/core/v1.js'
import { equalJson } from '../../api/object.ts'
import { isNotFound } from '../../client/errors.ts'
import { keyOf, refOf, type Stored } from '../../client/objects.ts'
import { OwnWrites } from '../../client/own-writes.ts'
import { ENDPOINTS, PODS, SERVICES } from '../../client/resources.ts'
import { WorkQueue } from '../../client/work-queue.ts'
import { allSynced, processQueue, type Controller, type ControllerContext } from '../controller.ts'
import { sameForServices } from '../endpoint-slices/pods.ts'
import { TRIGGER_TIME_ANNOTATION } from '../endpoint-slices/plan-slices.ts'
import { TriggerTimes } from '../endpoint-slices/trigger-times.ts'
import { podsOf, servicesOf } from '../selected-pods.ts'
import { endpointsLabels, isManagedEndpoints, planSubsets } from './plan-subsets.ts'

const OVER_CAPACITY_ANNOTATION = 'endpoints.kubernetes.io/over-capacity'
/** Set by old leader elections that use Endpoints as their lock: not ours to delete. */
export const LEADER_ANNOTATION = 'control-plane.alpha.kubernetes.io/leader'

export const endpointsController = (): Controller => ({ name: 'endpoints-controller', run: context => new EndpointsController(context).run() })

class EndpointsController {
  readonly #context: ControllerContext
  readonly #queue: WorkQueue
  readonly #ownWrites: OwnWrites<Stored<Endpoints>>
  readonly #triggerTimes = new TriggerTimes()
  readonly #services
  readonly #pods
  readonly #endpoints

  constructor(context: ControllerContext) {
    this.#context = context
    this.#queue = new WorkQueue(context)
    this.#ownWrites = new OwnWrites(context.clock)
    this.#services = context.informers.of(SERVICES)
    this.#pods = context.informers.of(PODS)
    this.#endpoints = context.informers.of(ENDPOINTS)
  }

  async run(): Promise<void> {
    const stop = [
      this.#services.onChange(change => {
        if (change.type === 'deleted') this.#triggerTimes.forget(change.key)
        this.#queue.add(change.key)
      }),
      this.#pods.onChange(change => {
        if (change.type === 'modified' && sameForServices(change.previous, change.object)) return
        for (const pod of change.type === 'modified' ? [change.previous, change.object] : [change.object]) {
          for (const service of servicesOf(pod, this.#services.cache)) this.#queue.add(keyOf(service))
        }
      }),
      this.#endpoints.onChange(change => {
        this.#ownWrites.observe(change)
        if (isManagedEndpoints(change.object.metadata.labels)) this.#queue.add(change.key)
      }),
    ]
    try {
      if (!(await allSynced(this.#context, [this.#services, this.#pods, this.#endpoints]))) return
      await processQueue(this.#context, { queue: this.#queue, concurrency: 5, work: (key, signal) => this.#sync(key, signal) })
    } finally {
      for (const unsubscribe of stop) unsubscribe()
      this.#queue.close()
    }
  }

  async #sync(key: string, signal: AbortSignal): Promise<void> {
    const service = this.#services.cache.get(key)
    const cached = this.#endpoints.cache.get(key)
    const current = this.#ownWrites.over(cached === undefined ? [] : [cached], object => keyOf(object) === key)[0]
    if (service === undefined) return this.#remove(current, signal)
    if (service.spec?.type === 'ExternalName' || Object.keys(service.spec?.selector ?? {}).length === 0) return
    try {
      await this.#write(service, current, signal)
    } catch (error) {
      this.#ownWrites.forget(key)
      throw error
    }
  }

  async #write(service: Stored<Service>, current: Stored<Endpoints> | undefined, signal: AbortSignal): Promise<void> {
    const { client } = this.#context
    const key = keyOf(service)
    const pods = podsOf(service, this.#pods.cache)
    const { subsets, truncated } = planSubsets(service, pods)
    const labels = endpointsLabels(service)
    const { [OVER_CAPACITY_ANNOTATION]: wasTruncated, ...annotations } = current?.metadata.annotations ?? {}
    const same = equalJson(current?.subsets ?? [], subsets) && equalJson(current?.metadata.labels ?? {}, labels) && (wasTruncated !== undefined) === truncated
    const triggerTime = this.#triggerTimes.next(key, service, pods)
    if (current !== undefined && same) return
    delete annotations[TRIGGER_TIME_ANNOTATION]
    if (triggerTime !== undefined) annotations[TRIGGER_TIME_ANNOTATION] = triggerTime
    if (truncated) annotations[OVER_CAPACITY_ANNOTATION] = 'truncated'
    const { name, namespace } = service.metadata
    const metadata = { ...(current?.metadata ?? { name, namespace: namespace! }), labels, annotations }
    const write = current === undefined ? client.create.bind(client) : client.update.bind(client)
    this.#ownWrites.wrote(await write(ENDPOINTS, { metadata, subsets } as Endpoints, { signal }))
  }

  /** The Service is gone, and what it had goes with it. */
  async #remove(current: Stored<Endpoints> | undefined, signal: AbortSignal): Promise<void> {
    if (current === undefined || current.metadata.annotations?.[LEADER_ANNOTATION] !== undefined) return
    try {
      await this.#context.client.delete(ENDPOINTS, refOf(keyOf(current)), { signal, preconditions: { uid: current.metadata.uid } })
      this.#ownWrites.deleted(current)
    } catch (error) {
      if (!isNotFound(error)) throw error
    }
  }
}
