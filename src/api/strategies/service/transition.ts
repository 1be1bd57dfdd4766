// What an update of a Service carries over from the stored one, and what it wipes when the type changes
// (pkg/registry/core/service/storage: patchAllocatedValues, normalizeClusterIPs, dropTypeDependentFields).

import type { ServiceSpec } from 'kubernetes-types/core/v1.d.ts'
import { equalJson, type ApiObject } from '../../object.ts'
import {
  asService, isExternallyReachable, needsClusterIp, needsHealthCheckNodePort, needsNodePort, nodePortsOf, portsOf, serviceSpec,
} from './service.ts'

/** On create: an old client knows only the singular field. */
export function normalizeNewClusterIps(draft: ApiObject): void {
  const { spec } = asService(draft)
  if ((spec.clusterIP ?? '') !== '' && (spec.clusterIPs?.length ?? 0) === 0) spec.clusterIPs = [spec.clusterIP!]
}

export function carryOver(draft: ApiObject, old: ApiObject): void {
  const next = asService(draft).spec
  const before = serviceSpec(old)
  keepAllocated(next, before)
  normalizeClusterIps(next, before)
  wipeInapplicable(next, before)
  if (next.type !== 'LoadBalancer') clearLoadBalancerStatus(draft)
}

/** A PUT that leaves out what the server allocated means to keep it. */
function keepAllocated(next: ServiceSpec, old: ServiceSpec): void {
  if (needsClusterIp(old) && needsClusterIp(next)) {
    if ((next.clusterIP ?? '') === '') set(next, 'clusterIP', old.clusterIP)
    if ((next.clusterIPs?.length ?? 0) === 0 && next.clusterIP === old.clusterIP) set(next, 'clusterIPs', old.clusterIPs)
  }
  if (needsNodePort(old) && needsNodePort(next)) keepNodePorts(next, old)
  if (needsHealthCheckNodePort(old) && needsHealthCheckNodePort(next) && (next.healthCheckNodePort ?? 0) === 0) {
    set(next, 'healthCheckNodePort', old.healthCheckNodePort)
  }
  // The same holds for the families: a client that does not know them does not want them changed.
  if (needsClusterIp(old) && needsClusterIp(next)) {
    if (next.ipFamilyPolicy === undefined) set(next, 'ipFamilyPolicy', old.ipFamilyPolicy)
    if ((next.ipFamilies?.length ?? 0) === 0 && next.clusterIP === old.clusterIP) set(next, 'ipFamilies', old.ipFamilies)
  }
}

function keepNodePorts(next: ServiceSpec, old: ServiceSpec): void {
  const mine = new Set(nodePortsOf(next))
  const used = new Set(nodePortsOf(old).filter(port => mine.has(port)))
  const byName = new Map(portsOf(old).map(port => [port.name ?? '', port.nodePort ?? 0]))
  const byPort = new Map(portsOf(old).map(port => [`${port.port}/${port.protocol}`, port.nodePort ?? 0]))
  for (const port of portsOf(next)) {
    if ((port.nodePort ?? 0) !== 0) continue
    const kept = [byName.get(port.name ?? ''), byPort.get(`${port.port}/${port.protocol}`)].find(value => value !== undefined && value !== 0 && !used.has(value))
    if (kept === undefined) continue
    port.nodePort = kept
    used.add(kept)
  }
}

function normalizeClusterIps(next: ServiceSpec, old: ServiceSpec): void {
  if ((next.clusterIP ?? '') !== '' && (next.clusterIPs?.length ?? 0) === 0) next.clusterIPs = [next.clusterIP!]
  if ((old.clusterIP ?? '') === (next.clusterIP ?? '')) return
  if (!equalJson(old.clusterIPs ?? [], next.clusterIPs ?? [])) return
  if ((next.clusterIP ?? '') === '') delete next.clusterIPs
  else next.clusterIPs = [next.clusterIP!]
}

/** Only what stopped to apply and what the user did not change in the same request; a changed one fails validation. */
function wipeInapplicable(next: ServiceSpec, old: ServiceSpec): void {
  const wipe = (field: keyof ServiceSpec): void => { if (equalJson(next[field], old[field])) delete next[field] }
  if (needsClusterIp(old) && !needsClusterIp(next)) {
    if (equalJson(next.clusterIPs ?? [], old.clusterIPs ?? [])) {
      delete next.clusterIP
      delete next.clusterIPs
    }
    wipe('ipFamilies')
    wipe('ipFamilyPolicy')
    wipe('internalTrafficPolicy')
  }
  if (needsNodePort(old) && !needsNodePort(next) && next.type !== 'LoadBalancer' && equalJson(nodePortsOf(next), nodePortsOf(old))) {
    for (const port of portsOf(next)) delete port.nodePort
  }
  if (needsHealthCheckNodePort(old) && !needsHealthCheckNodePort(next)) wipe('healthCheckNodePort')
  if (old.type === 'LoadBalancer' && next.type !== 'LoadBalancer') {
    wipe('loadBalancerClass')
    wipe('allocateLoadBalancerNodePorts')
  }
  if (isExternallyReachable(old) && !isExternallyReachable(next)) wipe('externalTrafficPolicy')
}

/** De-provisioning is asynchronous, but a Service of another type has no load balancer to show. */
function clearLoadBalancerStatus(draft: ApiObject): void {
  const { status } = asService(draft)
  if (status?.loadBalancer?.ingress !== undefined) draft['status'] = { ...status, loadBalancer: {} }
}

function set<K extends keyof ServiceSpec>(spec: ServiceSpec, field: K, value: ServiceSpec[K] | undefined): void {
  if (value === undefined) delete spec[field]
  // Lists are copied: the stored object is read only, and allocation appends to them.
  else spec[field] = (Array.isArray(value) ? [...value] : value) as ServiceSpec[K]
}
