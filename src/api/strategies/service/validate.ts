// Rules of a Service, in the wording of pkg/apis/core/validation.ValidateService.

import type { Service, ServicePort, ServiceSpec } from 'kubernetes-types/core/v1.d.ts'
import { dns1123Label, dns1123Subdomain, ianaPortName, qualifiedName } from '../../metadata/names.ts'
import { oneOf, portNumber, TRANSPORT_PROTOCOLS } from '../../metadata/validate-value.ts'
import { validateCidr, validateEndpointIp, validateIp } from '../../metadata/validate-ip.ts'
import { equalJson, type ApiObject } from '../../object.ts'
import { duplicate, forbidden, invalid, required, type FieldError } from '../../status/field-error.ts'
import { validateLabels } from '../../metadata/validate-metadata.ts'
import { isExternallyReachable, isHeadless, needsClusterIp, needsHealthCheckNodePort, portsOf, serviceSpec } from './service.ts'
import { validateClusterIpFields } from './validate-cluster-ips.ts'

const TYPES = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'] as const
const AFFINITIES = ['ClientIP', 'None'] as const
const TRAFFIC_POLICIES = ['Cluster', 'Local'] as const
const DISTRIBUTIONS = ['PreferClose', 'PreferSameZone', 'PreferSameNode'] as const
const MAX_AFFINITY_SECONDS = 86_400
const TOPOLOGY_ANNOTATIONS = ['service.kubernetes.io/topology-aware-hints', 'service.kubernetes.io/topology-mode'] as const

export function validateService(object: ApiObject, old?: ApiObject): readonly FieldError[] {
  const spec = serviceSpec(object)
  const before = old === undefined ? undefined : serviceSpec(old)
  return [
    ...validateTopologyAnnotations(object),
    ...validatePorts(spec),
    ...oneOf('spec.type', spec.type, TYPES, { needed: true }),
    ...validateLabels(spec.selector, 'spec.selector'),
    ...validateAffinity(spec),
    ...validateClusterIpFields(spec, before),
    ...validateExternalName(spec),
    ...(spec.externalIPs ?? []).flatMap((text, index) =>
      validateEndpointIp(`spec.externalIPs[${index}]`, text, { grandfathered: before?.externalIPs?.includes(text) ?? false })),
    ...validateLoadBalancerFields(spec, before),
    ...validateTrafficPolicies(spec),
    ...oneOf('spec.trafficDistribution', spec.trafficDistribution, DISTRIBUTIONS),
    ...(before === undefined ? [] : validateChange(spec, before)),
  ]
}

/** Of /status. */
export const validateServiceStatus = (object: ApiObject, old?: ApiObject): readonly FieldError[] => {
  const ingress = (object as unknown as Service).status?.loadBalancer?.ingress ?? []
  const path = 'status.loadBalancer'
  const isLoadBalancer = serviceSpec(object).type === 'LoadBalancer'
  const known = new Set(((old as unknown as Service | undefined)?.status?.loadBalancer?.ingress ?? []).map(({ ip }) => ip))
  return [
    ...(!isLoadBalancer && ingress.length > 0 ? [forbidden(`${path}.ingress`, "may only be used when `spec.type` is 'LoadBalancer'")] : []),
    ...ingress.flatMap(({ ip = '', hostname = '', ipMode }, index) => {
      const at = `${path}.ingress[${index}]`
      return [
        ...(ip === '' ? [] : validateIp(`${at}.ip`, ip, { grandfathered: known.has(ip) })),
        ...(ip === '' && ipMode !== undefined ? [forbidden(`${at}.ipMode`, 'may not be specified when `ip` is not set')] : []),
        ...(ip !== '' ? oneOf(`${at}.ipMode`, ipMode, ['Proxy', 'VIP']) : []),
        ...(hostname === '' ? [] : dns1123Subdomain(hostname).map(problem => invalid(`${at}.hostname`, hostname, problem))),
      ]
    }),
  ]
}

function validatePorts(spec: ServiceSpec): readonly FieldError[] {
  const ports = portsOf(spec)
  if (ports.length === 0 && !isHeadless(spec) && spec.type !== 'ExternalName') return [required('spec.ports')]
  const errors: FieldError[] = []
  const names = new Set<string>()
  ports.forEach((port, index) => {
    errors.push(...validatePort(port, `spec.ports[${index}]`, { spec, nameNeeded: ports.length > 1, names }))
  })
  const numbers = new Set<string>()
  const nodePorts = new Set<string>()
  ports.forEach((port, index) => {
    const key = `${port.protocol}/${port.port}`
    if (numbers.has(key)) {
      // Upstream shows its internal type here, with just the two fields that collide.
      errors.push(duplicate(`spec.ports[${index}]`, { Name: '', Protocol: port.protocol, AppProtocol: null, Port: port.port, TargetPort: 0, NodePort: 0 }))
    }
    numbers.add(key)
    if ((port.nodePort ?? 0) === 0) return
    const nodeKey = `${port.protocol}/${port.nodePort}`
    if (nodePorts.has(nodeKey)) errors.push(duplicate(`spec.ports[${index}].nodePort`, port.nodePort))
    nodePorts.add(nodeKey)
  })
  return errors
}

function validatePort(port: ServicePort, at: string, { spec, nameNeeded, names }: { spec: ServiceSpec; nameNeeded: boolean; names: Set<string> }): readonly FieldError[] {
  const errors: FieldError[] = []
  const name = port.name ?? ''
  if (name === '' && nameNeeded) errors.push(required(`${at}.name`))
  if (name !== '') {
    errors.push(...dns1123Label(name).map(problem => invalid(`${at}.name`, name, problem)))
    if (names.has(name)) errors.push(duplicate(`${at}.name`, name))
    names.add(name)
  }
  errors.push(...portNumber(`${at}.port`, port.port))
  errors.push(...oneOf(`${at}.protocol`, port.protocol, TRANSPORT_PROTOCOLS, { needed: true }))
  errors.push(...validateTargetPort(port.targetPort, `${at}.targetPort`))
  if (port.appProtocol !== undefined) errors.push(...qualifiedName(port.appProtocol).map(problem => invalid(`${at}.appProtocol`, port.appProtocol, problem)))
  const nodePort = port.nodePort ?? 0
  if (nodePort !== 0 && (spec.type === 'ClusterIP' || spec.type === 'ExternalName')) {
    errors.push(forbidden(`${at}.nodePort`, `may not be used when \`type\` is '${spec.type}'`))
  } else if (nodePort !== 0) {
    errors.push(...portNumber(`${at}.nodePort`, nodePort))
  }
  return errors
}

function validateTargetPort(target: number | string | undefined, field: string): readonly FieldError[] {
  if (typeof target === 'string') return ianaPortName(target).map(problem => invalid(field, target, problem))
  return portNumber(field, target)
}

function validateAffinity(spec: ServiceSpec): readonly FieldError[] {
  const errors = [...oneOf('spec.sessionAffinity', spec.sessionAffinity, AFFINITIES, { needed: true })]
  const config = spec.sessionAffinityConfig
  const path = 'spec.sessionAffinityConfig'
  if (spec.sessionAffinity === 'ClientIP') {
    const seconds = config?.clientIP?.timeoutSeconds
    if (seconds === undefined) errors.push(required(`${path}.clientIP`, 'when session affinity type is ClientIP'))
    else if (seconds <= 0 || seconds > MAX_AFFINITY_SECONDS) {
      errors.push(invalid(`${path}.clientIP.timeoutSeconds`, seconds, `must be greater than 0 and less than ${MAX_AFFINITY_SECONDS}`))
    }
  } else if (config !== undefined) {
    errors.push(forbidden(path, `must not be set when session affinity is ${spec.sessionAffinity}`))
  }
  return errors
}

function validateExternalName(spec: ServiceSpec): readonly FieldError[] {
  if (spec.type !== 'ExternalName') return []
  const name = (spec.externalName ?? '').replace(/\.$/, '')
  return name === '' ? [required('spec.externalName')] : dns1123Subdomain(name).map(problem => invalid('spec.externalName', name, problem))
}

function validateLoadBalancerFields(spec: ServiceSpec, before: ServiceSpec | undefined): readonly FieldError[] {
  const errors: FieldError[] = []
  const only = (field: string): FieldError => forbidden(field, "may only be used when `type` is 'LoadBalancer'")
  const ranges = spec.loadBalancerSourceRanges ?? []
  if (spec.type === 'LoadBalancer') {
    if (spec.allocateLoadBalancerNodePorts === undefined) errors.push(required('spec.allocateLoadBalancerNodePorts'))
    ranges.forEach((text, index) => errors.push(...validateCidr(`spec.LoadBalancerSourceRanges[${index}]`, text.trim(), {
      grandfathered: before?.loadBalancerSourceRanges?.includes(text) ?? false,
    })))
    if (spec.loadBalancerClass !== undefined) {
      errors.push(...qualifiedName(spec.loadBalancerClass).map(problem => invalid('spec.loadBalancerClass', spec.loadBalancerClass, problem)))
    }
    return errors
  }
  if (spec.allocateLoadBalancerNodePorts !== undefined) errors.push(only('spec.allocateLoadBalancerNodePorts'))
  if (ranges.length > 0) errors.push(only('spec.LoadBalancerSourceRanges'))
  if (spec.loadBalancerClass !== undefined) errors.push(only('spec.loadBalancerClass'))
  return errors
}

function validateTrafficPolicies(spec: ServiceSpec): readonly FieldError[] {
  const errors: FieldError[] = []
  const external = spec.externalTrafficPolicy ?? ''
  if (!isExternallyReachable(spec)) {
    if (external !== '') errors.push(invalid('spec.externalTrafficPolicy', external, 'may only be set for externally-accessible services'))
  } else {
    errors.push(...oneOf('spec.externalTrafficPolicy', spec.externalTrafficPolicy, TRAFFIC_POLICIES, { needed: true }))
  }
  const healthPort = spec.healthCheckNodePort ?? 0
  if (!needsHealthCheckNodePort(spec)) {
    if (healthPort !== 0) {
      errors.push(invalid('spec.healthCheckNodePort', healthPort, "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"))
    }
  } else if (healthPort !== 0) {
    errors.push(...portNumber('spec.healthCheckNodePort', healthPort))
  }
  if (needsClusterIp(spec)) errors.push(...oneOf('spec.internalTrafficPolicy', spec.internalTrafficPolicy, TRAFFIC_POLICIES, { needed: true }))
  return errors
}

function validateTopologyAnnotations(object: ApiObject): readonly FieldError[] {
  const [hints, mode] = TOPOLOGY_ANNOTATIONS.map(key => object.metadata.annotations?.[key])
  if (hints === undefined || mode === undefined || hints === mode) return []
  const message = 'must match annotations[service.kubernetes.io/topology-aware-hints] when both are specified'
  return [invalid('metadata.annotations[service.kubernetes.io/topology-mode]', mode, message)]
}

function validateChange(spec: ServiceSpec, before: ServiceSpec): readonly FieldError[] {
  const errors: FieldError[] = []
  if (needsHealthCheckNodePort(before) && needsHealthCheckNodePort(spec) && !equalJson(before.healthCheckNodePort, spec.healthCheckNodePort)) {
    errors.push(forbidden('spec.healthCheckNodePort', 'field is immutable'))
  }
  if (before.type === 'LoadBalancer' && spec.type === 'LoadBalancer' && before.loadBalancerClass !== spec.loadBalancerClass) {
    errors.push(invalid('spec.loadBalancerClass', spec.loadBalancerClass, 'may not change once set'))
  }
  return errors
}
