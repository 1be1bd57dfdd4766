// Descriptors of the resources Weft's daemons talk to: where each lives in the API, and its type.

import type { ControllerRevision, DaemonSet, Deployment, ReplicaSet, StatefulSet } from 'kubernetes-types/apps/v1.js'
import type { CertificateSigningRequest } from 'kubernetes-types/certificates/v1.js'
import type { Lease } from 'kubernetes-types/coordination/v1.js'
import type {
  ConfigMap, Endpoints, Event, Namespace, Node, Pod, Secret, Service, ServiceAccount,
} from 'kubernetes-types/core/v1.js'
import type { EndpointSlice } from 'kubernetes-types/discovery/v1.js'
import type { NetworkPolicy } from 'kubernetes-types/networking/v1.js'
import type { PodDisruptionBudget } from 'kubernetes-types/policy/v1.js'
import type { KubeObject } from './objects.ts'

/** One resource of the API. `T` is the type of its objects and exists only for the compiler. */
export type Resource<T extends KubeObject = KubeObject> = Readonly<{
  /** "" is the core group. */
  group: string
  version: string
  plural: string
  kind: string
  namespaced: boolean
  /** Ask for `PartialObjectMetadata` only: the objects then carry nothing but their metadata. */
  metadataOnly?: boolean
}> & { readonly __object?: T }

/** "v1" or "apps/v1". */
export const apiVersionOf = (resource: Resource): string =>
  resource.group === '' ? resource.version : `${resource.group}/${resource.version}`

/** "pods" or "deployments.apps": how messages and metrics name a resource. */
export const resourceName = (resource: Resource): string =>
  resource.group === '' ? resource.plural : `${resource.plural}.${resource.group}`

const core = (plural: string, kind: string, namespaced: boolean) => ({ group: '', version: 'v1', plural, kind, namespaced })
const apps = (plural: string, kind: string) => ({ group: 'apps', version: 'v1', plural, kind, namespaced: true })

export const CONFIG_MAPS: Resource<ConfigMap> = core('configmaps', 'ConfigMap', true)
export const ENDPOINTS: Resource<Endpoints> = core('endpoints', 'Endpoints', true)
export const EVENTS: Resource<Event> = core('events', 'Event', true)
export const NAMESPACES: Resource<Namespace> = core('namespaces', 'Namespace', false)
export const NODES: Resource<Node> = core('nodes', 'Node', false)
export const PODS: Resource<Pod> = core('pods', 'Pod', true)
export const SECRETS: Resource<Secret> = core('secrets', 'Secret', true)
export const SERVICES: Resource<Service> = core('services', 'Service', true)
export const SERVICE_ACCOUNTS: Resource<ServiceAccount> = core('serviceaccounts', 'ServiceAccount', true)
export const DEPLOYMENTS: Resource<Deployment> = apps('deployments', 'Deployment')
export const DAEMON_SETS: Resource<DaemonSet> = apps('daemonsets', 'DaemonSet')
export const REPLICA_SETS: Resource<ReplicaSet> = apps('replicasets', 'ReplicaSet')
export const STATEFUL_SETS: Resource<StatefulSet> = apps('statefulsets', 'StatefulSet')
export const CONTROLLER_REVISIONS: Resource<ControllerRevision> = apps('controllerrevisions', 'ControllerRevision')
export const ENDPOINT_SLICES: Resource<EndpointSlice> = {
  group: 'discovery.k8s.io', version: 'v1', plural: 'endpointslices', kind: 'EndpointSlice', namespaced: true,
}
export const LEASES: Resource<Lease> = {
  group: 'coordination.k8s.io', version: 'v1', plural: 'leases', kind: 'Lease', namespaced: true,
}
export const NETWORK_POLICIES: Resource<NetworkPolicy> = {
  group: 'networking.k8s.io', version: 'v1', plural: 'networkpolicies', kind: 'NetworkPolicy', namespaced: true,
}

/** networking.k8s.io/v1 ServiceCIDR, younger than the type package. */
export type ServiceCidr = KubeObject & Readonly<{ spec?: Readonly<{ cidrs?: readonly string[] }> }>
export const SERVICE_CIDRS: Resource<ServiceCidr> = { group: 'networking.k8s.io', version: 'v1', plural: 'servicecidrs', kind: 'ServiceCIDR', namespaced: false }
export const POD_DISRUPTION_BUDGETS: Resource<PodDisruptionBudget> = {
  group: 'policy', version: 'v1', plural: 'poddisruptionbudgets', kind: 'PodDisruptionBudget', namespaced: true,
}
export const CERTIFICATE_SIGNING_REQUESTS: Resource<CertificateSigningRequest> = {
  group: 'certificates.k8s.io', version: 'v1', plural: 'certificatesigningrequests', kind: 'CertificateSigningRequest', namespaced: false,
}
