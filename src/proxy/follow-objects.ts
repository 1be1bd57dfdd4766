// From the API server's Services and EndpointSlices to the trackers of all address families.

import type { Service } from 'kubernetes-types/core/v1.d.ts'
import type { EndpointSlice } from 'kubernetes-types/discovery/v1.d.ts'
import type { ApiClient } from '../client/api-client.ts'
import { startInformer, type Informer } from '../client/informer/informer.ts'
import type { KubeObject, Stored } from '../client/objects.ts'
import { ENDPOINT_SLICES, SERVICES, type Resource } from '../client/resources.ts'
import type { Clock } from '../ops/clock.ts'
import type { Logger } from '../ops/log.ts'
import { Parcel } from './parcel.ts'
import type { FamilyProxier } from './sync/family-proxier.ts'
import type { ServiceReading, SliceReading, Tracker } from './tracker/tracker.ts'

export type FollowOptions = Readonly<{ client: ApiClient; proxiers: readonly FamilyProxier[]; clock: Clock; log: Logger; signal: AbortSignal }>

/** Feeds the trackers. Nothing is written before both lists are complete: half a list would cut services off. */
export async function followObjects({ client, proxiers, clock, log, signal }: FollowOptions): Promise<void> {
  const follow = <T extends KubeObject, R>(
    resource: Resource<T>,
    selection: Readonly<{ labelSelector: string; fieldSelector?: string }>,
    { read, take, remove }: Readonly<{
      read: (tracker: Tracker, object: T) => R
      take: (tracker: Tracker, reading: R) => ReturnType<Tracker['applyService']>
      remove: (tracker: Tracker, namespace: string, name: string) => void
    }>,
  ): Informer<Parcel<R>> => {
    const transform = (object: Stored<T>): Parcel<R> => new Parcel(object, proxiers.map(proxier => proxier.read(tracker => read(tracker, object))))
    const informer = startInformer<T, Parcel<R>>({ client, resource, ...selection, transform, log, clock, signal })
    informer.onChange(change => {
      const { namespace = '', name } = change.object.metadata
      if (change.type === 'deleted') for (const proxier of proxiers) proxier.tell(tracker => remove(tracker, namespace, name))
      else for (const [i, reading] of change.object.open().entries()) proxiers[i]!.tell(tracker => take(tracker, reading))
    })
    return informer
  }
  const services = follow<Service, ServiceReading>(SERVICES, { labelSelector: '!service.kubernetes.io/service-proxy-name', fieldSelector: 'spec.clusterIP!=None' }, {
    read: (tracker, service) => tracker.readService(service), take: (tracker, reading) => tracker.takeService(reading), remove: (tracker, namespace, name) => tracker.removeService(namespace, name),
  })
  const slices = follow<EndpointSlice, SliceReading>(ENDPOINT_SLICES, { labelSelector: '!service.kubernetes.io/headless' }, {
    read: (tracker, slice) => tracker.readSlice(slice), take: (tracker, reading) => tracker.takeSlice(reading), remove: (tracker, namespace, name) => tracker.removeSlice(namespace, name),
  })
  await Promise.all([services.synced, slices.synced])
  await Promise.all(proxiers.map(proxier => proxier.run({ signal })))
}
