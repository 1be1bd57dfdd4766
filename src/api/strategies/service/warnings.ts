// Lint of Services that is no error (pkg/api/service/warnings.go).

import type { ApiObject } from '../../object.ts'
import { isHeadless, serviceSpec } from './service.ts'

export function serviceWarnings(object: ApiObject): readonly string[] {
  const spec = serviceSpec(object)
  const warnings: string[] = []
  if ((spec.externalIPs?.length ?? 0) > 0) {
    warnings.push('spec.externalIPs is deprecated and may no longer be implemented in some clusters')
  }
  if (isHeadless(spec)) {
    if ((spec.loadBalancerIP ?? '') !== '') warnings.push("spec.loadBalancerIP is ignored when spec.clusterIP is \"None\"")
    if ((spec.externalIPs?.length ?? 0) > 0) warnings.push("spec.externalIPs is ignored when spec.clusterIP is \"None\"")
    if (spec.sessionAffinity !== undefined && spec.sessionAffinity !== 'None') {
      warnings.push("spec.SessionAffinity is ignored when spec.clusterIP is \"None\"")
    }
  }
  if (spec.trafficDistribution === 'PreferClose') {
    warnings.push('spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"')
  }
  return warnings
}
