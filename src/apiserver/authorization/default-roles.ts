// The roles and bindings that every cluster starts with, as kube-apiserver 1.36 ships them, for the parts that exist
// here: k8s.io/kubernetes/plugin/pkg/auth/authorizer/rbac/bootstrappolicy.

import type { Draft } from '../../api/object.ts'
import type { PolicyRule } from './rules.ts'

const RBAC = 'rbac.authorization.k8s.io'
const READ = ['get', 'list', 'watch'] as const
const WRITE = ['create', 'delete', 'deletecollection', 'patch', 'update'] as const
const ALL = ['*'] as const

const rule = (verbs: readonly string[], group: string | readonly string[], ...resources: readonly string[]): PolicyRule =>
  ({ verbs, apiGroups: [group].flat(), resources })
const named = (names: readonly string[], base: PolicyRule): PolicyRule => ({ ...base, resourceNames: names })
const paths = (...nonResourceURLs: readonly string[]): PolicyRule => ({ verbs: ['get'], nonResourceURLs })
const EVENTS = rule(['create', 'patch', 'update'], ['', 'events.k8s.io'], 'events')

const CORE_OBJECTS = ['configmaps', 'endpoints', 'persistentvolumeclaims', 'pods', 'replicationcontrollers', 'replicationcontrollers/scale', 'serviceaccounts', 'services'] as const
const APPS = ['daemonsets', 'deployments', 'deployments/scale', 'replicasets', 'replicasets/scale', 'statefulsets', 'statefulsets/scale'] as const
const BATCH = ['cronjobs', 'jobs'] as const
const NETWORK = ['ingresses', 'networkpolicies'] as const

const VIEW: readonly PolicyRule[] = [
  rule(READ, '', ...CORE_OBJECTS, 'persistentvolumeclaims/status', 'pods/log', 'pods/status', 'replicationcontrollers/status', 'services/status', 'bindings', 'events', 'limitranges', 'namespaces', 'namespaces/status', 'resourcequotas', 'resourcequotas/status'),
  rule(READ, 'discovery.k8s.io', 'endpointslices'),
  rule(READ, 'apps', 'controllerrevisions', ...APPS, ...['daemonsets', 'deployments', 'replicasets', 'statefulsets'].map(name => `${name}/status`)),
  rule(READ, 'autoscaling', 'horizontalpodautoscalers', 'horizontalpodautoscalers/status'),
  rule(READ, 'batch', ...BATCH, 'cronjobs/status', 'jobs/status'),
  rule(READ, 'policy', 'poddisruptionbudgets', 'poddisruptionbudgets/status'),
  rule(READ, 'networking.k8s.io', ...NETWORK, 'ingresses/status'),
]

const EDIT: readonly PolicyRule[] = [
  rule(READ, '', 'pods/attach', 'pods/exec', 'pods/portforward', 'pods/proxy', 'secrets', 'services/proxy'),
  rule(['impersonate'], '', 'serviceaccounts'),
  rule(WRITE, '', 'pods', 'pods/attach', 'pods/exec', 'pods/portforward', 'pods/proxy'),
  rule(['create'], '', 'pods/eviction', 'serviceaccounts/token'),
  rule(WRITE, '', 'configmaps', 'events', 'persistentvolumeclaims', 'replicationcontrollers', 'replicationcontrollers/scale', 'secrets', 'serviceaccounts', 'services', 'services/proxy'),
  rule(WRITE, 'apps', ...APPS, 'deployments/rollback'),
  rule(WRITE, 'autoscaling', 'horizontalpodautoscalers'),
  rule(WRITE, 'batch', ...BATCH),
  rule(WRITE, 'policy', 'poddisruptionbudgets'),
  rule(WRITE, 'networking.k8s.io', ...NETWORK),
  rule([...WRITE, ...READ], 'coordination.k8s.io', 'leases'),
]

const ADMIN: readonly PolicyRule[] = [
  rule(['create'], 'authorization.k8s.io', 'localsubjectaccessreviews'),
  rule([...WRITE, ...READ], RBAC, 'rolebindings', 'roles'),
]

/** Cluster roles that are unions of others, by label. */
const AGGREGATES = { admin: 'aggregate-to-admin', edit: 'aggregate-to-edit', view: 'aggregate-to-view' } as const

const CLUSTER_ROLES: Readonly<Record<string, readonly PolicyRule[]>> = {
  'cluster-admin': [rule(ALL, '*', '*'), { verbs: ALL, nonResourceURLs: ALL }],
  'system:discovery': [paths('/api', '/api/*', '/apis', '/apis/*', '/healthz', '/livez', '/openapi', '/openapi/*', '/readyz', '/version', '/version/')],
  'system:basic-user': [rule(['create'], 'authorization.k8s.io', 'selfsubjectaccessreviews', 'selfsubjectrulesreviews'), rule(['create'], 'authentication.k8s.io', 'selfsubjectreviews')],
  'system:public-info-viewer': [paths('/healthz', '/healthz/*', '/livez', '/livez/*', '/readyz', '/readyz/*', '/version', '/version/')],
  'system:monitoring': [paths('/healthz', '/healthz/*', '/livez', '/livez/*', '/metrics', '/metrics/slis', '/readyz', '/readyz/*')],
  'system:service-account-issuer-discovery': [paths('/.well-known/openid-configuration', '/.well-known/openid-configuration/', '/openid/v1/jwks', '/openid/v1/jwks/')],
  'system:auth-delegator': [rule(['create'], 'authentication.k8s.io', 'tokenreviews'), rule(['create'], 'authorization.k8s.io', 'subjectaccessreviews')],
  'system:node': [
    rule(['create'], 'authentication.k8s.io', 'tokenreviews'),
    rule(['create'], 'authorization.k8s.io', 'localsubjectaccessreviews', 'subjectaccessreviews'),
    rule(READ, '', 'services'), rule(['create', ...READ], '', 'nodes'), rule(['patch', 'update'], '', 'nodes/status'), rule(['delete', 'patch', 'update'], '', 'nodes'),
    rule(['create', 'delete', ...READ], '', 'pods'), rule(['patch', 'update'], '', 'pods/status'), rule(['create'], '', 'pods/eviction'),
    rule(READ, '', 'configmaps', 'secrets'), rule(['get'], '', 'persistentvolumeclaims', 'persistentvolumes', 'endpoints'),
    rule(['create'], '', 'serviceaccounts/token'), rule(['get', 'list', 'watch'], '', 'serviceaccounts'),
    rule(['create', 'get', 'list', 'watch'], 'certificates.k8s.io', 'certificatesigningrequests'),
    rule(['create', 'delete', 'get', 'patch', 'update'], 'coordination.k8s.io', 'leases'),
    rule(['get'], 'storage.k8s.io', 'volumeattachments'), rule(READ, 'storage.k8s.io', 'csidrivers'),
    rule(['create', 'delete', 'get', 'patch', 'update'], 'storage.k8s.io', 'csinodes'),
    rule(READ, 'node.k8s.io', 'runtimeclasses'), rule(['get', 'list', 'watch'], 'resource.k8s.io', 'resourceclaims'),
    rule(['create', 'deletecollection', 'delete', 'patch', 'update', ...READ], 'resource.k8s.io', 'resourceslices'),
    EVENTS,
  ],
  'system:node-proxier': [
    rule(['get', 'list', 'watch'], '', 'nodes'), rule(['list', 'watch'], '', 'services', 'endpoints'),
    rule(['list', 'watch'], 'discovery.k8s.io', 'endpointslices'), rule(['list', 'watch'], 'networking.k8s.io', 'servicecidrs'), EVENTS,
  ],
  'system:node-problem-detector': [rule(['get'], '', 'nodes'), rule(['patch'], '', 'nodes/status'), EVENTS],
  'system:node-bootstrapper': [rule(['create', 'get', 'list', 'watch'], 'certificates.k8s.io', 'certificatesigningrequests')],
  'system:certificates.k8s.io:certificatesigningrequests:nodeclient': [rule(['create'], 'certificates.k8s.io', 'certificatesigningrequests/nodeclient')],
  'system:certificates.k8s.io:certificatesigningrequests:selfnodeclient': [rule(['create'], 'certificates.k8s.io', 'certificatesigningrequests/selfnodeclient')],
  'system:certificates.k8s.io:kube-apiserver-client-approver': [named(['kubernetes.io/kube-apiserver-client'], rule(['approve'], 'certificates.k8s.io', 'signers'))],
  'system:certificates.k8s.io:kube-apiserver-client-kubelet-approver': [named(['kubernetes.io/kube-apiserver-client-kubelet'], rule(['approve'], 'certificates.k8s.io', 'signers'))],
  'system:certificates.k8s.io:kubelet-serving-approver': [named(['kubernetes.io/kubelet-serving'], rule(['approve'], 'certificates.k8s.io', 'signers'))],
  'system:certificates.k8s.io:legacy-unknown-approver': [named(['kubernetes.io/legacy-unknown'], rule(['approve'], 'certificates.k8s.io', 'signers'))],
  'system:kube-scheduler': [
    EVENTS, rule(['create'], 'coordination.k8s.io', 'leases'), named(['kube-scheduler'], rule(['get', 'update'], 'coordination.k8s.io', 'leases')),
    rule(['create', ...READ], 'coordination.k8s.io', 'leasecandidates'), rule(READ, '', 'nodes'), rule(['delete', ...READ], '', 'pods'),
    rule(['create'], '', 'bindings', 'pods/binding'), rule(['patch', 'update'], '', 'pods/status'),
    rule(READ, '', 'namespaces', 'replicationcontrollers', 'services', 'persistentvolumeclaims', 'persistentvolumes'),
    rule(['patch', 'update'], '', 'persistentvolumeclaims', 'persistentvolumes'),
    rule(READ, 'apps', 'replicasets', 'statefulsets'), rule(READ, 'policy', 'poddisruptionbudgets'),
    rule(READ, 'storage.k8s.io', 'csidrivers', 'csinodes', 'csistoragecapacities', 'storageclasses', 'volumeattachments'),
    rule(['create'], 'authentication.k8s.io', 'tokenreviews'), rule(['create'], 'authorization.k8s.io', 'subjectaccessreviews'),
    rule(READ, 'resource.k8s.io', 'deviceclasses', 'resourceclaims', 'resourceslices'), rule(['patch', 'update'], 'resource.k8s.io', 'resourceclaims', 'resourceclaims/status'),
  ],
  'system:kube-controller-manager': [
    EVENTS, rule(['create'], 'coordination.k8s.io', 'leases'), named(['kube-controller-manager'], rule(['get', 'update'], 'coordination.k8s.io', 'leases')),
    rule(['create'], '', 'secrets', 'serviceaccounts'), rule(['delete'], '', 'secrets'), rule(['get'], '', 'configmaps', 'namespaces', 'secrets', 'serviceaccounts'),
    rule(['update'], '', 'secrets', 'serviceaccounts'), rule(['create'], 'authentication.k8s.io', 'tokenreviews'), rule(['create'], 'authorization.k8s.io', 'subjectaccessreviews'),
    rule(['approve', 'sign'], 'certificates.k8s.io', 'signers'), rule(['list', 'watch'], '*', '*'), rule(['create'], '', 'serviceaccounts/token'),
    // The loops run in one process under one name here, so it holds what upstream splits over system:controller:… roles.
    rule(['create', 'delete', 'patch', 'update', 'get'], 'discovery.k8s.io', 'endpointslices'), rule(['create', 'delete', 'patch', 'update', 'get'], '', 'endpoints'),
    rule(['update'], '', 'endpoints/restricted', 'services/finalizers'), rule(['create'], 'discovery.k8s.io', 'endpointslices/restricted'),
    rule(['get', 'patch', 'update', 'delete'], '', 'nodes'), rule(['patch', 'update'], '', 'nodes/status'),
    rule(['create', 'delete', 'get', 'patch'], '', 'pods'), rule(['patch', 'update'], '', 'pods/status'), rule(['create'], '', 'bindings', 'pods/binding'), rule(['create'], '', 'pods/eviction'),
    rule(['create'], 'apps', 'controllerrevisions', 'replicasets'),
    rule(['delete', 'get', 'update'], '', 'namespaces'), rule(['update', 'patch'], '', 'namespaces/finalize', 'namespaces/status'),
    rule(['delete', 'deletecollection', 'get', 'patch', 'update'], '*', '*'),
    rule(['create', 'update', 'patch'], '', 'configmaps', 'serviceaccounts'), rule(['create', 'patch', 'update'], 'networking.k8s.io', 'ipaddresses', 'servicecidrs', 'servicecidrs/status'),
    rule(['create', 'get', 'update', 'patch', 'delete'], 'coordination.k8s.io', 'leases'),
  ],
}

/**
 * The service accounts in kube-system under which upstream's controllers run with --use-service-account-credentials.
 * Upstream has rules of its own for each; here each holds what kube-controller-manager holds under one name.
 */
const CONTROLLERS = [
  'attachdetach-controller', 'certificate-controller', 'clusterrole-aggregation-controller', 'cronjob-controller', 'daemon-set-controller', 'deployment-controller',
  'device-taint-eviction-controller', 'disruption-controller', 'endpoint-controller', 'endpointslice-controller', 'endpointslicemirroring-controller', 'ephemeral-volume-controller',
  'expand-controller', 'generic-garbage-collector', 'horizontal-pod-autoscaler', 'job-controller', 'legacy-service-account-token-cleaner', 'namespace-controller', 'node-controller',
  'persistent-volume-binder', 'pod-garbage-collector', 'pv-protection-controller', 'pvc-protection-controller', 'replicaset-controller', 'replication-controller',
  'resource-claim-controller', 'resourcequota-controller', 'root-ca-cert-publisher', 'route-controller', 'selinux-warning-controller', 'service-account-controller',
  'service-cidrs-controller', 'service-controller', 'statefulset-controller', 'storage-version-migrator-controller', 'ttl-after-finished-controller', 'ttl-controller',
  'validatingadmissionpolicy-status-controller', 'volumeattributesclass-protection-controller',
] as const

const TO_MASTERS = [{ kind: 'Group', name: 'system:masters' }] as const
const group = (name: string) => ({ kind: 'Group', name })
const user = (name: string) => ({ kind: 'User', name })

const CLUSTER_ROLE_BINDINGS: Readonly<Record<string, readonly Readonly<{ kind: string; name: string }>[]>> = {
  'cluster-admin': TO_MASTERS,
  'system:discovery': [group('system:authenticated')],
  'system:basic-user': [group('system:authenticated')],
  'system:public-info-viewer': [group('system:authenticated'), group('system:unauthenticated')],
  'system:monitoring': [group('system:monitoring')],
  'system:service-account-issuer-discovery': [group('system:serviceaccounts')],
  // Upstream leaves this binding empty and asks the node authorizer instead.
  'system:node': [group('system:nodes')],
  'system:node-proxier': [user('system:kube-proxy')],
  'system:kube-scheduler': [user('system:kube-scheduler')],
  'system:kube-controller-manager': [user('system:kube-controller-manager')],
}

/** Everyone may read, and its keeper may write, what extension servers authenticate by. */
const AUTHENTICATION_READER = {
  role: { namespace: 'kube-system', name: 'extension-apiserver-authentication-reader', rules: [named(['extension-apiserver-authentication'], rule(READ, '', 'configmaps'))] },
  users: ['system:kube-controller-manager', 'system:kube-scheduler'],
} as const

const METADATA = { labels: { 'kubernetes.io/bootstrapping': 'rbac-defaults' }, annotations: { 'rbac.authorization.kubernetes.io/autoupdate': 'true' } } as const
const apiVersion = `${RBAC}/v1`

const clusterRole = (name: string, rules: readonly PolicyRule[], aggregation?: object, labels: object = {}): Draft => ({
  apiVersion, kind: 'ClusterRole', metadata: { name, labels: { ...METADATA.labels, ...labels }, annotations: { ...METADATA.annotations } }, rules,
  ...(aggregation === undefined ? {} : { aggregationRule: aggregation }),
})

const aggregation = (label: string): object => ({ clusterRoleSelectors: [{ matchLabels: { [`${RBAC}/${label}`]: 'true' } }] })
const aggregateTo = (...names: readonly string[]): object => Object.fromEntries(names.map(name => [`${RBAC}/aggregate-to-${name}`, 'true']))

/** Fresh drafts of all default cluster roles. Aggregating ones start with the rules that they will be given. */
export const defaultClusterRoles = (): readonly Draft[] => [
  ...Object.entries(CLUSTER_ROLES).map(([name, rules]) => clusterRole(name, rules)),
  ...CONTROLLERS.map(name => clusterRole(`system:controller:${name}`, name === 'clusterrole-aggregation-controller' ? [rule(['escalate', ...READ, 'patch', 'update'], RBAC, 'clusterroles')] : CLUSTER_ROLES['system:kube-controller-manager']!)),
  clusterRole('admin', [...ADMIN, ...EDIT, ...VIEW], aggregation(AGGREGATES.admin)),
  clusterRole('edit', [...EDIT, ...VIEW], aggregation(AGGREGATES.edit), aggregateTo('admin')),
  clusterRole('view', VIEW, aggregation(AGGREGATES.view), aggregateTo('edit')),
  clusterRole('system:aggregate-to-admin', ADMIN, undefined, aggregateTo('admin')),
  clusterRole('system:aggregate-to-edit', EDIT, undefined, aggregateTo('edit')),
  clusterRole('system:aggregate-to-view', VIEW, undefined, aggregateTo('view')),
]

const clusterRoleBinding = (name: string, subjects: readonly object[]): Draft => ({
  apiVersion, kind: 'ClusterRoleBinding', metadata: { name, labels: { ...METADATA.labels }, annotations: { ...METADATA.annotations } },
  roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name }, subjects,
})

export const defaultClusterRoleBindings = (): readonly Draft[] => [
  ...Object.entries(CLUSTER_ROLE_BINDINGS).map(([name, subjects]) => clusterRoleBinding(name, subjects.map(subject => ({ ...subject, apiGroup: RBAC })))),
  ...CONTROLLERS.map(name => clusterRoleBinding(`system:controller:${name}`, [{ kind: 'ServiceAccount', name, namespace: 'kube-system' }])),
]

export const defaultRoles = (): readonly Draft[] => {
  const { namespace, name, rules } = AUTHENTICATION_READER.role
  return [{ apiVersion, kind: 'Role', metadata: { name, namespace, labels: { ...METADATA.labels }, annotations: { ...METADATA.annotations } }, rules }]
}

export const defaultRoleBindings = (): readonly Draft[] => {
  const { namespace, name } = AUTHENTICATION_READER.role
  return [{
    apiVersion, kind: 'RoleBinding', metadata: { name, namespace, labels: { ...METADATA.labels }, annotations: { ...METADATA.annotations } },
    roleRef: { apiGroup: RBAC, kind: 'Role', name }, subjects: AUTHENTICATION_READER.users.map(who => ({ apiGroup: RBAC, kind: 'User', name: who })),
  }]
}
