// Mirrors Endpoints of Services without a selector into EndpointSlices, which is what proxies read
// (kube-controller-manager's endpointslice-mirroring-controller).

import { ENDPOINTS, SERVICES } from '../../client/resources.ts'
import { WorkQueue } from '../../client/work-queue.ts'
import { allSynced, processQueue, type Controller } from '../controller.ts'
import { MAX_MIRRORED_PER_SUBSET, MIRROR_MANAGED_BY, mirrorFrame, planMirror, shouldMirror } from './plan-mirror.ts'
import { TRIGGER_TIME_ANNOTATION, planSlices } from './plan-slices.ts'
import { SLICES, SliceWriter } from './slice-writer.ts'

export const endpointSliceMirroringController = (): Controller => ({
  name: 'endpointslice-mirroring-controller',
  run: async context => {
    const services = context.informers.of(SERVICES)
    const endpoints = context.informers.of(ENDPOINTS)
    const slices = context.informers.of(SLICES)
    const writer = new SliceWriter({ client: context.client, cache: slices.cache, clock: context.clock, managedBy: MIRROR_MANAGED_BY })
    const queue = new WorkQueue(context)
    const stop = [
      services.onChange(change => queue.add(change.key)),
      endpoints.onChange(change => queue.add(change.key)),
      slices.onChange(change => {
        const service = writer.observe(change)
        if (service !== undefined) queue.add(service)
      }),
    ]
    try {
      if (!(await allSynced(context, [services, endpoints, slices]))) return
      await processQueue(context, {
        queue, concurrency: 5,
        work: async (key, signal) => {
          const source = endpoints.cache.get(key)
          const service = services.cache.get(key)
          const existing = writer.slicesOf(key)
          if (source === undefined || service === undefined || !shouldMirror(source, service)) {
            return writer.apply({ create: [], update: [], delete: existing }, signal)
          }
          await writer.apply(planSlices(planMirror(source), existing, {
            frame: mirrorFrame(source, service), maxEndpoints: MAX_MIRRORED_PER_SUBSET,
            triggerTime: source.metadata.annotations?.[TRIGGER_TIME_ANNOTATION],
          }), signal)
        },
      })
    } finally {
      for (const unsubscribe of stop) unsubscribe()
      queue.close()
    }
  },
})
