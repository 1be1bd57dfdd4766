// Defaults of a pod's spec, wherever one stands: in Pods and in the templates of workloads (pkg/apis/core/v1/defaults.go).

import type { Container, PodSpec, Probe, Volume } from 'kubernetes-types/core/v1.d.ts'

const VOLUME_MODE = 0o644
const TOKEN_SECONDS = 3600

/** Fills one pod spec. */
export function podSpecDefaults(spec: PodSpec): void {
  spec.dnsPolicy ||= 'ClusterFirst'
  spec.restartPolicy ||= 'Always'
  spec.terminationGracePeriodSeconds ??= 30
  spec.securityContext ??= {}
  spec.schedulerName ||= 'default-scheduler'
  for (const volume of spec.volumes ?? []) volumeDefaults(volume)
  for (const container of containersOf(spec)) containerDefaults(container, spec)
  mirrorServiceAccount(spec)
}

/** `serviceAccount` is the old name of `serviceAccountName`; both are always shown. */
export function mirrorServiceAccount(spec: PodSpec): void {
  if ((spec.serviceAccountName ?? '') === '' && (spec.serviceAccount ?? '') !== '') spec.serviceAccountName = spec.serviceAccount!
  if ((spec.serviceAccountName ?? '') !== '') spec.serviceAccount = spec.serviceAccountName!
}

/** Init, ordinary and ephemeral containers, in this order. */
export const containersOf = (spec: PodSpec): readonly Container[] =>
  [...(spec.initContainers ?? []), ...(spec.containers ?? []), ...((spec.ephemeralContainers ?? []) as Container[])]

function containerDefaults(container: Container, spec: PodSpec): void {
  container.imagePullPolicy ||= pullPolicyOf(container.image ?? '')
  container.terminationMessagePath ||= '/dev/termination-log'
  container.terminationMessagePolicy ||= 'File'
  container.resources ??= {}
  // A limit without a request asks for as much as it allows.
  for (const [name, quantity] of Object.entries(container.resources.limits ?? {})) {
    container.resources.requests ??= {}
    container.resources.requests[name] ??= quantity
  }
  for (const port of container.ports ?? []) {
    port.protocol ||= 'TCP'
    if (spec.hostNetwork === true && (port.hostPort ?? 0) === 0) port.hostPort = port.containerPort
  }
  for (const { valueFrom } of container.env ?? []) {
    if (valueFrom?.fieldRef !== undefined) valueFrom.fieldRef.apiVersion ||= 'v1'
    if (valueFrom?.resourceFieldRef !== undefined) valueFrom.resourceFieldRef.divisor ||= '0'
  }
  for (const probe of [container.livenessProbe, container.readinessProbe, container.startupProbe]) if (probe !== undefined) probeDefaults(probe)
  for (const hook of [container.lifecycle?.postStart, container.lifecycle?.preStop]) if (hook?.httpGet !== undefined) httpDefaults(hook.httpGet)
}

/** `latest`, said or meant, is asked for every time; a pinned image is not. */
function pullPolicyOf(image: string): string {
  const name = image.slice(image.lastIndexOf('/') + 1)
  if (name.includes('@')) return 'IfNotPresent'
  const tag = name.includes(':') ? name.slice(name.indexOf(':') + 1) : 'latest'
  return tag === 'latest' ? 'Always' : 'IfNotPresent'
}

function probeDefaults(probe: Probe): void {
  probe.timeoutSeconds ||= 1
  probe.periodSeconds ||= 10
  probe.successThreshold ||= 1
  probe.failureThreshold ||= 3
  if (probe.httpGet !== undefined) httpDefaults(probe.httpGet)
  if (probe.grpc !== undefined) probe.grpc.service ??= ''
}

function httpDefaults(action: { path?: string; scheme?: string }): void {
  action.path ||= '/'
  action.scheme ||= 'HTTP'
}

function volumeDefaults(volume: Volume): void {
  if (Object.keys(volume).every(field => field === 'name')) volume.emptyDir = {}
  for (const source of [volume.configMap, volume.secret, volume.downwardAPI, volume.projected]) if (source !== undefined) source.defaultMode ??= VOLUME_MODE
  if (volume.hostPath !== undefined) volume.hostPath.type ??= ''
  for (const { fieldRef } of volume.downwardAPI?.items ?? []) if (fieldRef !== undefined) fieldRef.apiVersion ||= 'v1'
  for (const source of volume.projected?.sources ?? []) {
    if (source.serviceAccountToken !== undefined) source.serviceAccountToken.expirationSeconds ??= TOKEN_SECONDS
    for (const { fieldRef } of source.downwardAPI?.items ?? []) if (fieldRef !== undefined) fieldRef.apiVersion ||= 'v1'
  }
}
