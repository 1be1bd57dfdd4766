// What must be in the store before the server is ready, ensured at start and again every few seconds.

import { defaultClusterRoleBindings, defaultClusterRoles, defaultRoleBindings, defaultRoles } from '../authorization/default-roles.ts'
import type { Draft } from '../../api/object.ts'
import type { Catalog } from '../catalog.ts'
import type { InternalClient } from '../internal-client.ts'

const SYSTEM_NAMESPACES = ['default', 'kube-system', 'kube-public', 'kube-node-lease'] as const
const RBAC = 'rbac.authorization.k8s.io'

/** kube-apiserver's two built-in priority classes. */
const PRIORITY_CLASSES = [
  { name: 'system-cluster-critical', value: 2_000_000_000, description: 'Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.' },
  { name: 'system-node-critical', value: 2_000_001_000, description: 'Used for system critical pods that must not be moved from their current node.' },
] as const

export async function ensureNamespaces(client: InternalClient, catalog: Catalog, signal: AbortSignal): Promise<void> {
  const resource = catalog.builtin('', 'namespaces')
  for (const name of SYSTEM_NAMESPACES) await client.ensure(resource, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } }, signal)
}

export async function ensureDefaults(client: InternalClient, catalog: Catalog, signal: AbortSignal): Promise<void> {
  const groups: readonly (readonly [group: string, plural: string, drafts: readonly Draft[]])[] = [
    [RBAC, 'clusterroles', defaultClusterRoles()],
    [RBAC, 'clusterrolebindings', defaultClusterRoleBindings()],
    [RBAC, 'roles', defaultRoles()],
    [RBAC, 'rolebindings', defaultRoleBindings()],
    ['scheduling.k8s.io', 'priorityclasses', PRIORITY_CLASSES.map(({ name, value, description }) => ({
      apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass', metadata: { name }, value, description, preemptionPolicy: 'PreemptLowerPriority',
    }))],
  ]
  for (const [group, plural, drafts] of groups) {
    const resource = catalog.builtin(group, plural)
    await Promise.all(drafts.map(draft => client.ensure(resource, draft, signal)))
  }
}
