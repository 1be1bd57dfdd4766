// Defaults of a Service (pkg/apis/core/v1/defaults.go). What comes from allocation (cluster IPs, families, node
// ports) is not here.

import type { ApiObject } from '../../object.ts'
import { asService, isExternallyReachable } from './service.ts'

const CLIENT_IP_TIMEOUT_SECONDS = 10_800

export function serviceDefaults(draft: ApiObject): void {
  const { spec, status } = asService(draft)
  spec.sessionAffinity ||= 'None'
  if (spec.sessionAffinity === 'None') delete spec.sessionAffinityConfig
  if (spec.sessionAffinity === 'ClientIP') {
    spec.sessionAffinityConfig ??= {}
    spec.sessionAffinityConfig.clientIP ??= {}
    spec.sessionAffinityConfig.clientIP.timeoutSeconds ??= CLIENT_IP_TIMEOUT_SECONDS
  }
  spec.type ||= 'ClusterIP'
  for (const port of spec.ports ?? []) {
    port.protocol ||= 'TCP'
    if (port.targetPort === undefined || port.targetPort === 0 || port.targetPort === '') port.targetPort = port.port
  }
  if (isExternallyReachable(spec)) spec.externalTrafficPolicy ||= 'Cluster'
  if (spec.type !== 'ExternalName') spec.internalTrafficPolicy ||= 'Cluster'
  if (spec.type === 'LoadBalancer') spec.allocateLoadBalancerNodePorts ??= true
  if (spec.type === 'LoadBalancer') {
    for (const ingress of status?.loadBalancer?.ingress ?? []) if ((ingress.ip ?? '') !== '') ingress.ipMode ??= 'VIP'
  }
}
