// What must be in the store before the server is ready, ensured at start and again every few seconds.

import { defaultClusterRoleBindings, defaultClusterRoles, defaultRoleBindings, defaultRoles } from '../authorization/default-roles.ts'
import { equalJson, formatTime, type ApiObject, type Draft } from '../../api/object.ts'
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

/** What programs beside this server look for: how to check its clients' certificates, and since when tokens are tracked. */
export async function ensureConfigMaps(client: InternalClient, catalog: Catalog, options: Readonly<{ clientCaPem: string | undefined; nowMs: number }>, signal: AbortSignal): Promise<void> {
  const resource = catalog.builtin('', 'configmaps')
  const configMap = (name: string, data: Record<string, string>): Draft => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace: 'kube-system', name }, data })
  const holds = (stored: ApiObject, wanted: Draft): boolean => equalJson(stored['data'] ?? {}, wanted['data'])
  const { clientCaPem } = options
  if (clientCaPem !== undefined) await client.put(resource, configMap('extension-apiserver-authentication', { 'client-ca-file': clientCaPem }), holds, signal)
  // Tokens kept in secrets are not made here at all, so the day does not matter; upstream's cleaner asks for one.
  await client.ensure(resource, configMap('kube-apiserver-legacy-service-account-token-tracking', { since: formatTime(options.nowMs).slice(0, 10) }), signal)
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
