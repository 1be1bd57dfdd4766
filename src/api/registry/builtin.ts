// The table of built-in resources: group order, versions, names, scopes, sub-resources and storage keys as
// kube-apiserver 1.36 has them (`kubectl api-resources -o wide`, /registry in its etcd).

import { VERBS, type ApiResource, type Depth, type GroupVersionKind, type Subresource, type Verb } from './resource.ts'

type Row = Readonly<{
  short?: readonly string[]
  cluster?: true
  categories?: readonly string[]
  sub?: readonly Subresource[]
  verbs?: readonly Verb[]
  depth?: Depth
  /** Key prefix, where it is not the plural. */
  key?: string
  storedAs?: GroupVersionKind
}>

const GET_PUT_PATCH = ['get', 'patch', 'update'] as const
const CONNECT = ['create', 'get'] as const
const PROXY = ['create', 'delete', 'get', 'patch', 'update'] as const
const ALL = { categories: ['all'] } as const
const EXTENSIONS = { categories: ['api-extensions'] } as const

const core = (kind: string): GroupVersionKind => ({ group: '', version: 'v1', kind })
const scale: Subresource = { name: 'scale', kind: { group: 'autoscaling', version: 'v1', kind: 'Scale' }, verbs: GET_PUT_PATCH }
const sub = (name: string, kind: GroupVersionKind, verbs: readonly Verb[] = GET_PUT_PATCH): Subresource => ({ name, kind, verbs })

/** Builds one group version's rows: plural, kind, and whatever departs from the usual. */
function groupVersion(group: string, version: string, rows: Readonly<Record<string, readonly [kind: string, row?: Row & { status?: true }]>>): readonly ApiResource[] {
  return Object.entries(rows).map(([plural, [kind, row = {}]]) => ({
    group, version, plural, kind,
    singular: kind.toLowerCase(),
    listKind: `${kind}List`,
    namespaced: row.cluster !== true,
    shortNames: row.short ?? [],
    categories: row.categories ?? [],
    verbs: row.verbs ?? VERBS,
    subresources: [...(row.status === true ? [sub('status', { group, version, kind })] : []), ...(row.sub ?? [])],
    depth: row.depth ?? 'full',
    storage: { prefix: row.key ?? `/${plural}/`, kind: row.storedAs ?? { group, version, kind } },
    custom: false,
  }))
}

const B = { depth: 'generic' } as const
const CREATE_ONLY = { depth: 'virtual', verbs: ['create'] } as const
const C = { cluster: true } as const
const S = { status: true } as const

const eviction = sub('eviction', { group: 'policy', version: 'v1', kind: 'Eviction' }, ['create'])
const token = sub('token', { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest' }, ['create'])

const CORE = groupVersion('', 'v1', {
  bindings: ['Binding', CREATE_ONLY],
  componentstatuses: ['ComponentStatus', { short: ['cs'], ...C, depth: 'virtual', verbs: ['get', 'list'] }],
  configmaps: ['ConfigMap', { short: ['cm'] }],
  endpoints: ['Endpoints', { short: ['ep'], key: '/services/endpoints/' }],
  events: ['Event', { short: ['ev'] }],
  limitranges: ['LimitRange', { short: ['limits'], ...B }],
  namespaces: ['Namespace', {
    short: ['ns'], ...C, ...S, verbs: VERBS.filter(verb => verb !== 'deletecollection'), sub: [sub('finalize', core('Namespace'), ['update'])],
  }],
  nodes: ['Node', { short: ['no'], ...C, ...S, key: '/minions/', sub: [sub('proxy', core('NodeProxyOptions'), PROXY)] }],
  persistentvolumeclaims: ['PersistentVolumeClaim', { short: ['pvc'], ...B, ...S }],
  persistentvolumes: ['PersistentVolume', { short: ['pv'], ...C, ...B, ...S }],
  pods: ['Pod', {
    short: ['po'], ...ALL, ...S,
    sub: [
      sub('attach', core('PodAttachOptions'), CONNECT), sub('binding', core('Binding'), ['create']), eviction,
      sub('ephemeralcontainers', core('Pod')), sub('exec', core('PodExecOptions'), CONNECT), sub('log', core('Pod'), ['get']),
      sub('portforward', core('PodPortForwardOptions'), CONNECT), sub('proxy', core('PodProxyOptions'), PROXY), sub('resize', core('Pod')),
    ],
  }],
  podtemplates: ['PodTemplate', B],
  replicationcontrollers: ['ReplicationController', { short: ['rc'], ...ALL, ...S, key: '/controllers/', sub: [scale] }],
  resourcequotas: ['ResourceQuota', { short: ['quota'], ...B, ...S }],
  secrets: ['Secret'],
  serviceaccounts: ['ServiceAccount', { short: ['sa'], sub: [token] }],
  services: ['Service', { short: ['svc'], ...ALL, ...S, key: '/services/specs/', sub: [sub('proxy', core('ServiceProxyOptions'), PROXY)] }],
})

const beta = (kind: string): GroupVersionKind => ({ group: 'admissionregistration.k8s.io', version: 'v1beta1', kind })

const HPA: Row & { status: true } = {
  short: ['hpa'], ...ALL, ...B, ...S, storedAs: { group: 'autoscaling', version: 'v2', kind: 'HorizontalPodAutoscaler' },
}

/** In discovery order: the group whose row comes first wins an ambiguous name; the preferred version comes first. */
export const BUILTIN_RESOURCES: readonly ApiResource[] = [
  ...CORE,
  ...groupVersion('apiregistration.k8s.io', 'v1', {
    apiservices: ['APIService', { ...C, ...B, ...S, ...EXTENSIONS, key: '/apiregistration.k8s.io/apiservices/' }],
  }),
  ...groupVersion('apps', 'v1', {
    controllerrevisions: ['ControllerRevision', B],
    daemonsets: ['DaemonSet', { short: ['ds'], ...ALL, ...S }],
    deployments: ['Deployment', { short: ['deploy'], ...ALL, ...S, sub: [scale] }],
    replicasets: ['ReplicaSet', { short: ['rs'], ...ALL, ...S, sub: [scale] }],
    statefulsets: ['StatefulSet', { short: ['sts'], ...ALL, ...S, sub: [scale] }],
  }),
  ...groupVersion('events.k8s.io', 'v1', { events: ['Event', { short: ['ev'], storedAs: core('Event') }] }),
  ...groupVersion('authentication.k8s.io', 'v1', {
    selfsubjectreviews: ['SelfSubjectReview', { ...CREATE_ONLY, ...C }],
    tokenreviews: ['TokenReview', { ...CREATE_ONLY, ...C }],
  }),
  ...groupVersion('authorization.k8s.io', 'v1', {
    localsubjectaccessreviews: ['LocalSubjectAccessReview', CREATE_ONLY],
    selfsubjectaccessreviews: ['SelfSubjectAccessReview', { ...CREATE_ONLY, ...C }],
    selfsubjectrulesreviews: ['SelfSubjectRulesReview', { ...CREATE_ONLY, ...C }],
    subjectaccessreviews: ['SubjectAccessReview', { ...CREATE_ONLY, ...C }],
  }),
  ...groupVersion('autoscaling', 'v2', { horizontalpodautoscalers: ['HorizontalPodAutoscaler', HPA] }),
  ...groupVersion('autoscaling', 'v1', { horizontalpodautoscalers: ['HorizontalPodAutoscaler', HPA] }),
  ...groupVersion('batch', 'v1', {
    cronjobs: ['CronJob', { short: ['cj'], ...ALL, ...B, ...S }],
    jobs: ['Job', { ...ALL, ...B, ...S }],
  }),
  ...groupVersion('certificates.k8s.io', 'v1', {
    certificatesigningrequests: ['CertificateSigningRequest', {
      short: ['csr'], ...C, ...S,
      sub: [sub('approval', { group: 'certificates.k8s.io', version: 'v1', kind: 'CertificateSigningRequest' })],
    }],
  }),
  ...groupVersion('networking.k8s.io', 'v1', {
    ingressclasses: ['IngressClass', C],
    ingresses: ['Ingress', { short: ['ing'], ...S, key: '/ingress/' }],
    ipaddresses: ['IPAddress', { short: ['ip'], ...C }],
    networkpolicies: ['NetworkPolicy', { short: ['netpol'] }],
    servicecidrs: ['ServiceCIDR', { ...C, ...S }],
  }),
  ...groupVersion('policy', 'v1', { poddisruptionbudgets: ['PodDisruptionBudget', { short: ['pdb'], ...S }] }),
  ...groupVersion('rbac.authorization.k8s.io', 'v1', {
    clusterrolebindings: ['ClusterRoleBinding', C],
    clusterroles: ['ClusterRole', C],
    rolebindings: ['RoleBinding'],
    roles: ['Role'],
  }),
  ...groupVersion('storage.k8s.io', 'v1', {
    csidrivers: ['CSIDriver', { ...C, ...B }],
    csinodes: ['CSINode', { ...C, ...B }],
    csistoragecapacities: ['CSIStorageCapacity', B],
    storageclasses: ['StorageClass', { short: ['sc'], ...C, ...B }],
    volumeattachments: ['VolumeAttachment', { ...C, ...B, ...S }],
    volumeattributesclasses: ['VolumeAttributesClass', { short: ['vac'], ...C, ...B }],
  }),
  ...groupVersion('admissionregistration.k8s.io', 'v1', {
    // New in v1, so that 1.36 still stores them as the version before.
    mutatingadmissionpolicies: ['MutatingAdmissionPolicy', { ...C, ...B, ...EXTENSIONS, storedAs: beta('MutatingAdmissionPolicy') }],
    mutatingadmissionpolicybindings: ['MutatingAdmissionPolicyBinding', { ...C, ...B, ...EXTENSIONS, storedAs: beta('MutatingAdmissionPolicyBinding') }],
    mutatingwebhookconfigurations: ['MutatingWebhookConfiguration', { ...C, ...B, ...EXTENSIONS }],
    validatingadmissionpolicies: ['ValidatingAdmissionPolicy', { ...C, ...B, ...S, ...EXTENSIONS }],
    validatingadmissionpolicybindings: ['ValidatingAdmissionPolicyBinding', { ...C, ...B, ...EXTENSIONS }],
    validatingwebhookconfigurations: ['ValidatingWebhookConfiguration', { ...C, ...B, ...EXTENSIONS }],
  }),
  ...groupVersion('apiextensions.k8s.io', 'v1', {
    customresourcedefinitions: ['CustomResourceDefinition', {
      short: ['crd', 'crds'], ...C, ...S, ...EXTENSIONS, key: '/apiextensions.k8s.io/customresourcedefinitions/',
    }],
  }),
  ...groupVersion('scheduling.k8s.io', 'v1', { priorityclasses: ['PriorityClass', { short: ['pc'], ...C, ...B }] }),
  ...groupVersion('coordination.k8s.io', 'v1', { leases: ['Lease'] }),
  ...groupVersion('node.k8s.io', 'v1', { runtimeclasses: ['RuntimeClass', { ...C, ...B }] }),
  ...groupVersion('discovery.k8s.io', 'v1', { endpointslices: ['EndpointSlice'] }),
  ...groupVersion('resource.k8s.io', 'v1', {
    deviceclasses: ['DeviceClass', { ...C, ...B }],
    resourceclaims: ['ResourceClaim', { ...B, ...S }],
    resourceclaimtemplates: ['ResourceClaimTemplate', B],
    resourceslices: ['ResourceSlice', { ...C, ...B }],
  }),
  ...groupVersion('flowcontrol.apiserver.k8s.io', 'v1', {
    flowschemas: ['FlowSchema', { ...C, ...B, ...S }],
    prioritylevelconfigurations: ['PriorityLevelConfiguration', { ...C, ...B, ...S }],
  }),
]
