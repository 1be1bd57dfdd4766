// What a pod asks of the network, as containerd's and CRI-O's CNI requests carry it.

import type { Pod } from 'kubernetes-types/core/v1.js'
import type { Stored } from '../client/objects.ts'

export type NetworkRequest = Readonly<{
  hostNetwork: boolean
  /** Undefined fields of the pod are the cluster's defaults: its own name. Host-network pods are called like their node. */
  hostName: string
  args: readonly (readonly [string, string])[]
  capabilities: Readonly<Record<string, unknown>>
}>

/** Linux takes host names of up to 64 bytes (HOST_NAME_MAX); kubelet cuts pod names at 63 and drops what then trails. */
const HOST_NAME_CHARACTERS = 63

export function networkRequestOf(pod: Stored<Pod>, sandboxId: string): NetworkRequest {
  const { name, namespace = '', uid, annotations = {} } = pod.metadata
  const hostNetwork = pod.spec?.hostNetwork === true
  const portMappings = (pod.spec?.containers ?? []).flatMap(container => container.ports ?? [])
    .filter(port => port.hostPort !== undefined && port.hostPort > 0)
    .map(port => ({ hostPort: port.hostPort, containerPort: port.containerPort, protocol: (port.protocol ?? 'TCP').toLowerCase(), ...(port.hostIP !== undefined && port.hostIP !== '' && { hostIP: port.hostIP }) }))
  const bandwidth = bandwidthOf(annotations)
  return {
    hostNetwork,
    hostName: hostNetwork ? (pod.spec?.nodeName ?? name) : (pod.spec?.hostname || name).slice(0, HOST_NAME_CHARACTERS).replace(/[-.]+$/, ''),
    args: [
      ['IgnoreUnknown', '1'], ['K8S_POD_NAMESPACE', namespace], ['K8S_POD_NAME', name],
      ['K8S_POD_INFRA_CONTAINER_ID', sandboxId], ['K8S_POD_UID', uid],
    ],
    capabilities: { ...(portMappings.length > 0 && { portMappings }), ...(bandwidth !== undefined && { bandwidth }) },
  }
}

const RATE_UNITS: Readonly<Record<string, number>> = { '': 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12, Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40 }

/** What containerd sends as burst for a pod that only names a rate (bits). */
const UNLIMITED_BURST = 4_294_967_295

/** The annotations kubernetes.io/ingress-bandwidth and egress-bandwidth: bits per second as a quantity. */
function bandwidthOf(annotations: Readonly<Record<string, string>>): Readonly<Record<string, number>> | undefined {
  const rate = (direction: 'ingress' | 'egress'): number | undefined => {
    const [, number, unit = ''] = /^(\d+(?:\.\d+)?)([kMGT]i?)?$/.exec(annotations[`kubernetes.io/${direction}-bandwidth`] ?? '') ?? []
    return number === undefined ? undefined : Math.round(Number(number) * (RATE_UNITS[unit] ?? RATE_UNITS[unit.replace('i', '')]!))
  }
  const [ingress, egress] = [rate('ingress'), rate('egress')]
  if (ingress === undefined && egress === undefined) return undefined
  return {
    ...(ingress !== undefined && { ingressRate: ingress, ingressBurst: UNLIMITED_BURST }),
    ...(egress !== undefined && { egressRate: egress, egressBurst: UNLIMITED_BURST }),
  }
}
