// One informer per resource for all controllers, with the indexes they look things up by.

import type { Pod, Service } from 'kubernetes-types/core/v1.js'
import type { EndpointSlice } from 'kubernetes-types/discovery/v1.js'
import type { ApiClient } from '../client/api-client.ts'
import { startInformer, withoutManagedFields, type Informer } from '../client/informer/informer.ts'
import type { IndexFunction } from '../client/informer/object-cache.ts'
import { controllerOf, type KubeObject, type Stored } from '../client/objects.ts'
import { ENDPOINT_SLICES, PODS, SERVICES, resourceName, type Resource } from '../client/resources.ts'
import type { Clock } from '../ops/clock.ts'
import type { Logger } from '../ops/log.ts'
import { SERVICE_NAME_LABEL } from './endpoint-slices/plan-slices.ts'

/** Names of the indexes that every informer has. */
export const BY_NAMESPACE = 'namespace'
/** Value: UID of the managing owner, or `orphansOf` the namespace for objects without one. */
export const BY_CONTROLLER = 'controller'
export const orphansOf = (namespace: string | undefined): string => `orphans of ${namespace ?? ''}`
/** Pods: value is a node's name, or "" for pods that have none yet. */
export const BY_NODE = 'node'
/** Pods: one value per label, `labelIndexValue`. */
export const BY_LABEL = 'label'
/** Services with a selector: the pair that the fewest pods can be expected to share, `labelIndexValue`. */
export const BY_SELECTOR_PAIR = 'selector pair'
/** EndpointSlices: "namespace/service". */
export const BY_SERVICE = 'service'

export const labelIndexValue = (namespace: string, key: string, value: string): string => `${namespace}\n${key}=${value}`

type Indexes = Readonly<Record<string, IndexFunction<never>>>

const SPECIAL: Readonly<Record<string, Indexes>> = {
  [resourceName(PODS)]: {
    [BY_NODE]: (pod: Stored<Pod>) => [pod.spec?.nodeName ?? ''],
    [BY_LABEL]: (pod: Stored<Pod>) =>
      Object.entries(pod.metadata.labels ?? {}).map(([key, value]) => labelIndexValue(pod.metadata.namespace ?? '', key, value)),
  },
  [resourceName(SERVICES)]: {
    [BY_SELECTOR_PAIR]: (service: Stored<Service>) => {
      const pair = Object.entries(service.spec?.selector ?? {})[0]
      return pair === undefined ? [] : [labelIndexValue(service.metadata.namespace ?? '', ...pair)]
    },
  },
  [resourceName(ENDPOINT_SLICES)]: {
    [BY_SERVICE]: (slice: Stored<EndpointSlice>) => {
      const service = slice.metadata.labels?.[SERVICE_NAME_LABEL]
      return service === undefined ? [] : [`${slice.metadata.namespace}/${service}`]
    },
  },
}

const GENERAL: Readonly<Record<string, IndexFunction<Stored<KubeObject>>>> = {
  [BY_NAMESPACE]: object => [object.metadata.namespace ?? ''],
  [BY_CONTROLLER]: object => {
    const owner = controllerOf(object)
    return [owner === undefined ? orphansOf(object.metadata.namespace) : owner.uid]
  },
}

export class SharedInformers {
  readonly #options: Readonly<{ client: ApiClient; log: Logger; clock: Clock; signal: AbortSignal }>
  readonly #informers = new Map<string, Informer<Stored<KubeObject>>>()

  constructor(options: Readonly<{ client: ApiClient; log: Logger; clock: Clock; signal: AbortSignal }>) {
    this.#options = options
  }

  /** The informer of a resource, started by whoever asks first. */
  of<T extends KubeObject>(resource: Resource<T>): Informer<Stored<T>> {
    const name = resourceName(resource)
    let informer = this.#informers.get(name)
    if (informer === undefined) {
      const indexes = { ...GENERAL, ...SPECIAL[name] } as Readonly<Record<string, IndexFunction<Stored<KubeObject>>>>
      informer = startInformer({ ...this.#options, resource: resource as Resource, transform: lean(resource), indexes })
      this.#informers.set(name, informer)
    }
    return informer as unknown as Informer<Stored<T>>
  }

  /** How many of the started informers have filled their caches, for health. */
  unsynced(): readonly string[] {
    return [...this.#informers].filter(([, informer]) => !informer.hasSynced).map(([name]) => name)
  }

  /** Resolves when every informer has stopped. */
  async stopped(): Promise<void> {
    await Promise.all([...this.#informers.values()].map(informer => informer.stopped))
  }
}

/** Objects are kept without what no controller reads; pods, the most numerous, without their volumes and container details. */
const lean = (resource: Resource): ((object: Stored<KubeObject>) => Stored<KubeObject>) =>
  resourceName(resource) === resourceName(PODS) ? (leanPod as (object: Stored<KubeObject>) => Stored<KubeObject>) : withoutManagedFields

function leanPod(pod: Stored<Pod>): Stored<Pod> {
  withoutManagedFields(pod)
  const { spec } = pod
  if (spec === undefined) return pod
  delete spec.volumes
  for (const container of [...spec.containers, ...(spec.initContainers ?? [])]) {
    for (const field of ['env', 'envFrom', 'volumeMounts', 'command', 'args', 'livenessProbe', 'readinessProbe', 'startupProbe', 'securityContext'] as const) delete container[field]
  }
  return pod
}
