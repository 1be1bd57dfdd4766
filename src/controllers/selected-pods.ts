// Which pods a Service selects, and which Services select a pod, at a cost that follows the answer's size.

import type { Pod, Service } from 'kubernetes-types/core/v1.js'
import type { ReadCache } from '../client/informer/object-cache.ts'
import type { Stored } from '../client/objects.ts'
import { BY_LABEL, BY_SELECTOR_PAIR, labelIndexValue } from './shared-informers.ts'

/** Pods of the Service's namespace that carry every pair of its selector. None for a Service without one. */
export function podsOf(service: Stored<Service>, pods: ReadCache<Stored<Pod>>): readonly Stored<Pod>[] {
  const pairs = Object.entries(service.spec?.selector ?? {})
  if (pairs.length === 0) return []
  const candidates = pairs
    .map(([key, value]) => pods.byIndex(BY_LABEL, labelIndexValue(service.metadata.namespace ?? '', key, value)))
    .sort((a, b) => a.length - b.length)[0]!
  return candidates.filter(pod => selects(service, pod))
}

/** Services of the pod's namespace whose selector it satisfies. */
export function servicesOf(pod: Stored<Pod>, services: ReadCache<Stored<Service>>): readonly Stored<Service>[] {
  return Object.entries(pod.metadata.labels ?? {})
    .flatMap(([key, value]) => services.byIndex(BY_SELECTOR_PAIR, labelIndexValue(pod.metadata.namespace ?? '', key, value)))
    .filter(service => selects(service, pod))
}

const selects = (service: Stored<Service>, pod: Stored<Pod>): boolean =>
  Object.entries(service.spec?.selector ?? {}).every(([key, value]) => pod.metadata.labels?.[key] === value)
