// What a cluster of real hosts has besides kube-apiserver's defaults, so that hosts can join: kubeadm's names and grants
// (kubeadm's phases bootstrap-token and upload-config), the settings that all hosts share, and nodes' right to serve Services.

import type { ConfigMap } from 'kubernetes-types/core/v1.js'
import type { ClusterRoleBinding, Role, RoleBinding, Subject } from 'kubernetes-types/rbac/v1.js'
import { CLUSTER_INFO, JOINING_NODES_GROUP } from '../../api/bootstrap-token/bootstrap-token.ts'
import type { ApiClient } from '../../client/api-client.ts'
import { isNotFound } from '../../client/errors.ts'
import type { KubeObject } from '../../client/objects.ts'
import { CONFIG_MAPS, type Resource } from '../../client/resources.ts'
import { formatNetConfig, type ClusterSettings } from '../settings.ts'
import { stringify } from 'yaml'

const RBAC = 'rbac.authorization.k8s.io'
export const ROLES: Resource<Role> = { group: RBAC, version: 'v1', plural: 'roles', kind: 'Role', namespaced: true }
export const ROLE_BINDINGS: Resource<RoleBinding> = { group: RBAC, version: 'v1', plural: 'rolebindings', kind: 'RoleBinding', namespaced: true }
export const CLUSTER_ROLE_BINDINGS: Resource<ClusterRoleBinding> = { group: RBAC, version: 'v1', plural: 'clusterrolebindings', kind: 'ClusterRoleBinding', namespaced: false }

export const CLUSTER_SETTINGS = { namespace: 'kube-system', name: 'weft-cluster' } as const

const group = (name: string): Subject => ({ apiGroup: RBAC, kind: 'Group', name })
const user = (name: string): Subject => ({ apiGroup: RBAC, kind: 'User', name })

const clusterRoleBinding = (name: string, role: string, subject: Subject): readonly [Resource, KubeObject] =>
  [CLUSTER_ROLE_BINDINGS, { metadata: { name }, roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: role }, subjects: [subject] } as ClusterRoleBinding]

/** A role that lets `subjects` read one ConfigMap, and its binding. */
const readable = ({ namespace, name }: Readonly<{ namespace: string; name: string }>, role: string, subjects: readonly Subject[]): readonly (readonly [Resource, KubeObject])[] => [
  [ROLES, { metadata: { namespace, name: role }, rules: [{ apiGroups: [''], resources: ['configmaps'], resourceNames: [name], verbs: ['get'] }] } as Role],
  [ROLE_BINDINGS, { metadata: { namespace, name: role }, roleRef: { apiGroup: RBAC, kind: 'Role', name: role }, subjects: [...subjects] } as RoleBinding],
]

export function clusterObjects(options: Readonly<{ settings: ClusterSettings; apiServer: string; authorityPem: string }>): readonly (readonly [Resource, KubeObject])[] {
  const { settings, apiServer, authorityPem } = options
  return [
    [CONFIG_MAPS, { metadata: { ...CLUSTER_INFO }, data: { kubeconfig: formatClusterInfo(apiServer, authorityPem) } } as ConfigMap],
    ...readable(CLUSTER_INFO, 'kubeadm:bootstrap-signer-clusterinfo', [user('system:anonymous')]),
    clusterRoleBinding('kubeadm:kubelet-bootstrap', 'system:node-bootstrapper', group(JOINING_NODES_GROUP)),
    clusterRoleBinding('kubeadm:node-autoapprove-bootstrap', 'system:certificates.k8s.io:certificatesigningrequests:nodeclient', group(JOINING_NODES_GROUP)),
    clusterRoleBinding('kubeadm:node-autoapprove-certificate-rotation', 'system:certificates.k8s.io:certificatesigningrequests:selfnodeclient', group('system:nodes')),
    // Agent and proxy of a host use its node's credentials: reading Services is all they need beyond a node's own role.
    clusterRoleBinding('weft:nodes-serve-services', 'system:node-proxier', group('system:nodes')),
    [CONFIG_MAPS, {
      metadata: { ...CLUSTER_SETTINGS },
      data: { 'net-conf.json': formatNetConfig(settings), 'pod-cidr': settings.podCidr, 'service-cidr': settings.serviceCidr, backend: settings.backend, 'proxy-mode': settings.proxyMode },
    } as ConfigMap],
    ...readable(CLUSTER_SETTINGS, 'weft:cluster-settings', [group(JOINING_NODES_GROUP), group('system:nodes')]),
  ]
}

/** A kubeconfig with a cluster and no user: what anybody may know. */
const formatClusterInfo = (server: string, authorityPem: string): string => stringify({
  apiVersion: 'v1', kind: 'Config', clusters: [{ name: '', cluster: { 'certificate-authority-data': Buffer.from(authorityPem).toString('base64'), server } }],
  contexts: [], 'current-context': '', preferences: {}, users: [],
}, { lineWidth: 0 })

/** Makes each object, or brings its data, rules and subjects back to what they should be. Signatures in cluster-info stay. */
export async function ensureClusterObjects(client: ApiClient, objects: readonly (readonly [Resource, KubeObject])[], options: Readonly<{ signal: AbortSignal }>): Promise<void> {
  for (const [resource, object] of objects) {
    const { name = '', namespace } = object.metadata ?? {}
    const { metadata: _, ...content } = object as KubeObject & Record<string, unknown>
    try {
      await client.patch(resource, { name, namespace }, { type: 'merge', body: content }, options)
    } catch (error) {
      if (!isNotFound(error)) throw error
      await client.create(resource, object, options)
    }
  }
}
