// What a cluster looks like from outside: its objects, as the API server tells, in the words of the final table.

import type { Node, Pod, Service } from 'kubernetes-types/core/v1.js'
import type { ApiClient } from '../client/api-client.ts'
import { NODES, PODS, SERVICES } from '../client/resources.ts'
import { formatTable } from './console/table.ts'

export type ClusterState = Readonly<{ nodes: readonly Node[]; pods: readonly Pod[]; services: readonly Service[] }>

export async function readClusterState(client: ApiClient, options: Readonly<{ signal: AbortSignal }>): Promise<ClusterState> {
  const [nodes, pods, services] = await Promise.all([client.listAll(NODES, options), client.listAll(PODS, options), client.listAll(SERVICES, options)])
  return { nodes: nodes.items, pods: pods.items, services: services.items }
}

/** Three short tables: hosts, pods, services. `daemons` says in a few words how each host's daemons are. */
export function formatClusterState(state: ClusterState, daemons: (host: string) => string): string {
  const hosts = state.nodes.map(node => [
    node.metadata!.name!, addressOf(node), node.spec?.podCIDRs?.join(',') ?? '<none>', isReady(node.status?.conditions) ? 'yes' : 'no', daemons(node.metadata!.name!),
  ])
  const pods = state.pods.map(pod => [fullName(pod), pod.spec?.nodeName ?? '<none>', pod.status?.podIP ?? '<none>', pod.status?.phase ?? 'Unknown', isReady(pod.status?.conditions) ? 'yes' : 'no'])
  const services = state.services.map(service => [fullName(service), service.spec?.type ?? 'ClusterIP', service.spec?.clusterIP ?? '<none>', portsOf(service)])
  return [
    formatTable(['HOST', 'ADDRESS', 'POD SUBNET', 'READY', 'DAEMONS'], hosts),
    formatTable(['POD', 'HOST', 'ADDRESS', 'PHASE', 'READY'], pods),
    formatTable(['SERVICE', 'TYPE', 'CLUSTER IP', 'PORTS'], services),
  ].join('\n')
}

export const isNodeReady = (node: Node): boolean => isReady(node.status?.conditions)

const isReady = (conditions: readonly Readonly<{ type: string; status: string }>[] | undefined): boolean =>
  (conditions ?? []).some(condition => condition.type === 'Ready' && condition.status === 'True')

const addressOf = (node: Node): string => node.status?.addresses?.find(address => address.type === 'InternalIP')?.address ?? '<none>'

const fullName = (object: Pod | Service): string => `${object.metadata!.namespace}/${object.metadata!.name}`

/** "80:31544/TCP", as kubectl writes it. */
const portsOf = (service: Service): string =>
  (service.spec?.ports ?? []).map(port => `${port.port}${port.nodePort === undefined ? '' : `:${port.nodePort}`}/${port.protocol ?? 'TCP'}`).join(',')
