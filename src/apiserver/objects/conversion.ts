// Resources that are served in another version than they are stored in: events of two groups, and the older
// HorizontalPodAutoscaler. Pure.

import { isPlainObject, type ApiObject } from '../../api/object.ts'
import { formatGroupVersion, type ApiResource } from '../../api/registry/resource.ts'
import { convertEvent } from '../../api/strategies/core/event.ts'

export const isStoredAsServed = ({ group, version, storage }: ApiResource): boolean => storage.kind.group === group && storage.kind.version === version

/** An object of the resource's version in its stored version. */
export function toStorage(resource: ApiResource, object: ApiObject): ApiObject {
  if (resource.plural === 'events') return convertEvent(object, 'v1')
  if (resource.plural === 'horizontalpodautoscalers') return autoscalerV2(object)
  return object
}

/** A stored object in the version in which the resource serves it. */
export function fromStorage(resource: ApiResource, object: ApiObject): ApiObject {
  const apiVersion = formatGroupVersion(resource)
  if (resource.plural === 'events') return convertEvent(object, 'events.k8s.io/v1')
  if (resource.plural === 'horizontalpodautoscalers') return { ...autoscalerV1(object), apiVersion }
  return { ...object, apiVersion }
}

/** What another server stored in an older version, in the version that is stored here. */
export function upgradeForeign({ storage }: ApiResource, object: ApiObject): ApiObject {
  const apiVersion = formatGroupVersion(storage.kind)
  if (object.apiVersion === apiVersion) return object
  return storage.kind.kind === 'CustomResourceDefinition' ? { ...definitionV1(object), apiVersion } : { ...object, apiVersion }
}

/** kube-apiserver still stores definitions as v1beta1, where what all versions share stands once, beside them. */
function definitionV1(object: ApiObject): ApiObject {
  const { version: _version, validation, subresources, additionalPrinterColumns: columns, conversion, versions, ...spec } = (object['spec'] ?? {}) as Record<string, unknown>
  const { webhookClientConfig, conversionReviewVersions, ...strategy } = (conversion ?? {}) as Record<string, unknown>
  const shared = {
    ...(validation === undefined ? {} : { schema: validation }), ...(subresources === undefined ? {} : { subresources }),
    ...(columns === undefined ? {} : { additionalPrinterColumns: columns }),
  }
  return {
    ...object,
    spec: {
      ...spec,
      conversion: { ...strategy, ...(webhookClientConfig === undefined ? {} : { webhook: { clientConfig: webhookClientConfig, conversionReviewVersions } }) },
      versions: ((versions ?? []) as readonly Record<string, unknown>[]).map(version => {
        const whole: Record<string, unknown> = { ...shared, ...version }
        const printed = whole['additionalPrinterColumns'] as readonly Record<string, unknown>[] | undefined
        return printed === undefined ? whole : { ...whole, additionalPrinterColumns: printed.map(({ JSONPath, ...column }) => ({ jsonPath: JSONPath, ...column })) }
      }),
    },
  }
}

type Metric = { type?: string; resource?: { name?: string; target?: { type?: string; averageUtilization?: number }; current?: { averageUtilization?: number } } }

const isCpu = (metric: Metric): boolean => metric.type === 'Resource' && metric.resource?.name === 'cpu'

/** autoscaling/v1 knows the processor's utilisation only; what else v2 has rides along in annotations upstream and is kept by v2 clients here. */
function autoscalerV2(object: ApiObject): ApiObject {
  const { targetCPUUtilizationPercentage: percentage, ...spec } = (object['spec'] ?? {}) as Record<string, unknown>
  const metrics = typeof percentage === 'number' ? { metrics: [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: percentage } } }] } : {}
  return { ...object, spec: { ...spec, ...metrics } }
}

function autoscalerV1(object: ApiObject): ApiObject {
  const { metrics, behavior: _behavior, ...spec } = (object['spec'] ?? {}) as Record<string, unknown>
  const cpu = Array.isArray(metrics) ? (metrics as Metric[]).find(isCpu)?.resource?.target?.averageUtilization : undefined
  const status = isPlainObject(object['status']) ? object['status'] : undefined
  const { currentMetrics, conditions: _conditions, ...shownStatus } = status ?? {}
  const current = Array.isArray(currentMetrics) ? (currentMetrics as Metric[]).find(isCpu)?.resource?.current?.averageUtilization : undefined
  return {
    ...object, spec: { ...spec, ...(cpu === undefined ? {} : { targetCPUUtilizationPercentage: cpu }) },
    ...(status === undefined ? {} : { status: { ...shownStatus, ...(current === undefined ? {} : { currentCPUUtilizationPercentage: current }) } }),
  }
}
