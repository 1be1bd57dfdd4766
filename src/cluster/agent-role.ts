// What the agents may do: flannel's own minimal role, and events.

import type { ClusterRole, ClusterRoleBinding, PolicyRule } from 'kubernetes-types/rbac/v1.js'
import type { ApiClient } from '../client/api-client.ts'
import type { Resource } from '../client/resources.ts'

/** Group of the agents' client certificates. */
export const AGENTS_GROUP = 'weft:agents'

const NAME = 'weft-agent'
const API_GROUP = 'rbac.authorization.k8s.io'
const CLUSTER_ROLES: Resource<ClusterRole> = { group: API_GROUP, version: 'v1', plural: 'clusterroles', kind: 'ClusterRole', namespaced: false }
const CLUSTER_ROLE_BINDINGS: Resource<ClusterRoleBinding> = { group: API_GROUP, version: 'v1', plural: 'clusterrolebindings', kind: 'ClusterRoleBinding', namespaced: false }

/** deploy/weft.yml gives the same. */
export const AGENT_RULES: readonly PolicyRule[] = [
  { apiGroups: [''], resources: ['pods'], verbs: ['get'] },
  { apiGroups: [''], resources: ['nodes'], verbs: ['get', 'list', 'watch'] },
  { apiGroups: [''], resources: ['nodes/status'], verbs: ['patch'] },
  { apiGroups: ['', 'events.k8s.io'], resources: ['events'], verbs: ['create', 'patch', 'update'] },
]

export async function grantAgentRole(client: ApiClient, options: Readonly<{ signal: AbortSignal }>): Promise<void> {
  await client.create(CLUSTER_ROLES, {
    metadata: { name: NAME },
    rules: [...AGENT_RULES],
  }, options)
  await client.create(CLUSTER_ROLE_BINDINGS, {
    metadata: { name: NAME },
    roleRef: { apiGroup: API_GROUP, kind: 'ClusterRole', name: NAME },
    subjects: [{ apiGroup: API_GROUP, kind: 'Group', name: AGENTS_GROUP }],
  }, options)
}
