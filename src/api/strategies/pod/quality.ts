// The quality of service class of a pod, from what its containers ask for and may use (pkg/apis/core/v1/helper/qos).

import type { PodSpec } from 'kubernetes-types/core/v1.d.ts'
import { parseQuantity } from '../../metadata/quantity.ts'

const COUNTED = ['cpu', 'memory'] as const

export function qosClassOf(spec: PodSpec): 'Guaranteed' | 'Burstable' | 'BestEffort' {
  const containers = [...(spec.initContainers ?? []), ...(spec.containers ?? [])]
  const amount = (list: Readonly<Record<string, string>> | undefined, name: string): bigint => parseQuantity(list?.[name]) ?? 0n
  const asks = containers.some(({ resources }) => COUNTED.some(name => amount(resources?.requests, name) > 0n || amount(resources?.limits, name) > 0n))
  if (!asks) return 'BestEffort'
  const fixed = containers.every(({ resources }) => COUNTED.every(name => {
    const limit = amount(resources?.limits, name)
    return limit > 0n && (resources?.requests?.[name] === undefined || amount(resources.requests, name) === limit)
  }))
  return fixed ? 'Guaranteed' : 'Burstable'
}
