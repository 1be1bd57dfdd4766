// How fields merge under server-side apply, which OpenAPI shows as `x-kubernetes-list-type`, `…-list-map-keys` and
// `…-map-type` (the `+listType`, `+listMapKey` and `+structType` markers of k8s.io/api 1.36). What is not listed:
// lists are atomic, maps and structs granular.

/** Lists whose items are told apart by the values of some fields. By "Type.field" without the type's package. */
export const LIST_MAP_KEYS: Readonly<Record<string, readonly string[]>> = {
  'ServiceSpec.ports': ['port', 'protocol'],
  'PodSpec.containers': ['name'],
  'PodSpec.initContainers': ['name'],
  'PodSpec.ephemeralContainers': ['name'],
  'PodSpec.volumes': ['name'],
  'PodSpec.imagePullSecrets': ['name'],
  'PodSpec.topologySpreadConstraints': ['topologyKey', 'whenUnsatisfiable'],
  'PodSpec.hostAliases': ['ip'],
  'PodSpec.schedulingGates': ['name'],
  'PodSpec.resourceClaims': ['name'],
  'PodStatus.podIPs': ['ip'],
  'PodStatus.resourceClaimStatuses': ['name'],
  'Container.ports': ['containerPort', 'protocol'],
  'Container.env': ['name'],
  'Container.volumeMounts': ['mountPath'],
  'Container.volumeDevices': ['devicePath'],
  'EphemeralContainer.ports': ['containerPort', 'protocol'],
  'EphemeralContainer.env': ['name'],
  'EphemeralContainer.volumeMounts': ['mountPath'],
  'EphemeralContainer.volumeDevices': ['devicePath'],
  'ResourceRequirements.claims': ['name'],
  'NodeStatus.addresses': ['type'],
  'ObjectMeta.ownerReferences': ['uid'],
  'ServiceAccount.secrets': ['name'],
  'CSINodeSpec.drivers': ['name'],
  'ContainerStatus.allocatedResourcesStatus': ['name'],
  'ContainerStatus.volumeMounts': ['mountPath'],
  'ResourceStatus.resources': ['resourceID'],
  'ResourceClaimStatus.devices': ['driver', 'device', 'pool', 'shareID'],
  'ResourceClaimStatus.reservedFor': ['uid'],
  'MutatingAdmissionPolicySpec.matchConditions': ['name'],
  'MutatingWebhook.matchConditions': ['name'],
  'MutatingWebhookConfiguration.webhooks': ['name'],
  'ValidatingAdmissionPolicySpec.matchConditions': ['name'],
  'ValidatingAdmissionPolicySpec.variables': ['name'],
  'ValidatingWebhook.matchConditions': ['name'],
  'ValidatingWebhookConfiguration.webhooks': ['name'],
  'JSONSchemaProps.x-kubernetes-validations': ['rule'],
}

/** Lists of conditions are told apart by type, but for those of Jobs. */
const CONDITIONS_KEYS = ['type'] as const
const ATOMIC_CONDITIONS = 'batch/v1.JobStatus'

export const LIST_SETS: ReadonlySet<string> = new Set([
  'ObjectMeta.finalizers', 'NodeSpec.podCIDRs', 'Endpoint.addresses', 'UncountedTerminatedPods.failed', 'UncountedTerminatedPods.succeeded',
  'PodFailurePolicyOnExitCodesRequirement.values', 'ContainerRestartRuleOnExitCodes.values', 'NodeAllocatableResourceClaimStatus.containers',
  'ValidatingAdmissionPolicyBindingSpec.validationActions', 'CSIDriverSpec.volumeLifecycleModes', 'NonResourcePolicyRule.nonResourceURLs',
  'NonResourcePolicyRule.verbs', 'ResourcePolicyRule.apiGroups', 'ResourcePolicyRule.namespaces', 'ResourcePolicyRule.resources', 'ResourcePolicyRule.verbs',
])

export const ATOMIC_MAPS: ReadonlySet<string> = new Set(['ServiceSpec.selector', 'PodSpec.nodeSelector', 'ReplicationControllerSpec.selector', 'Scheduling.nodeSelector'])

/** By name, or by id where types of several groups share one. */
export const ATOMIC_STRUCTS: ReadonlySet<string> = new Set([
  'LabelSelector', 'ObjectReference', 'LocalObjectReference', 'ConfigMapKeySelector', 'SecretKeySelector', 'ObjectFieldSelector', 'ResourceFieldSelector',
  'NodeSelector', 'NodeSelectorTerm', 'ServiceBackendPort', 'RoleRef', 'rbac/v1.Subject', 'TypedLocalObjectReference', 'OwnerReference', 'FileKeySelector',
  'ScopeSelector', 'TopologySelectorTerm', 'SecretReference', 'EndpointAddress', 'EndpointPort', 'autoscaling/v1.CrossVersionObjectReference',
  'MatchResources', 'NamedRuleWithOperations', 'ParamKind', 'ParamRef', 'Variable',
])

/** Values that a list item's key has when the item leaves it out. */
export const KEY_DEFAULTS: Readonly<Record<string, string>> = { 'ServicePort.protocol': 'TCP', 'ContainerPort.protocol': 'TCP' }

/** "ServiceSpec" of "core/v1.ServiceSpec". */
export const plainName = (id: string): string => id.slice(id.lastIndexOf('.') + 1)

export const listMapKeys = (id: string, field: string): readonly string[] | undefined =>
  LIST_MAP_KEYS[`${plainName(id)}.${field}`] ?? (field === 'conditions' && id !== ATOMIC_CONDITIONS ? CONDITIONS_KEYS : undefined)

export const isListSet = (id: string, field: string): boolean => LIST_SETS.has(`${plainName(id)}.${field}`)

export const isAtomicMap = (id: string, field: string): boolean => ATOMIC_MAPS.has(`${plainName(id)}.${field}`)

export const isAtomicStruct = (id: string): boolean => ATOMIC_STRUCTS.has(plainName(id)) || ATOMIC_STRUCTS.has(id)

/** A reference that is granular although its type is atomic elsewhere. */
export const isGranularField = (id: string, field: string): boolean => id === 'core/v1.PersistentVolumeSpec' && field === 'claimRef'
