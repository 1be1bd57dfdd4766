// Which lists a strategic merge patch merges instead of replacing, by the kind's structure: the `patchStrategy` and
// `patchMergeKey` tags of the upstream types (k8s.io/api 1.36), which kubectl has compiled in as well.

/** How a strategic merge patch treats one field. Absent fields: maps merge, lists are replaced. */
export type MergeRule = Readonly<{
  /** Lists of maps merge by this key; `'primitive'`: a list of values that merges as a set. */
  key?: string
  /** `$retainKeys` may drop the other keys of the map (or of each item). Shown in schemas; the directive works anywhere. */
  retainKeys?: true
  /** A map that is replaced as a whole. */
  replace?: true
  /** Rules below the map, or below each item of the list. */
  fields?: MergeRules
}>

export type MergeRules = Readonly<{ [field: string]: MergeRule }>

const by = (key: string, fields?: MergeRules): MergeRule => (fields === undefined ? { key } : { key, fields })
const conditions: MergeRules = { conditions: by('type') }
const PRIMITIVE: MergeRule = { key: 'primitive' }

const METADATA: MergeRule = { fields: { ownerReferences: by('uid'), finalizers: PRIMITIVE } }

const CONTAINER: MergeRules = {
  ports: by('containerPort'), env: by('name'), volumeMounts: by('mountPath'), volumeDevices: by('devicePath'),
}

const POD_SPEC: MergeRules = {
  volumes: { key: 'name', retainKeys: true },
  containers: by('name', CONTAINER), initContainers: by('name', CONTAINER), ephemeralContainers: by('name', CONTAINER),
  imagePullSecrets: by('name'), schedulingGates: by('name'),
  resourceClaims: { key: 'name', retainKeys: true },
  hostAliases: by('ip'), topologySpreadConstraints: by('topologyKey'),
}

const TEMPLATE: MergeRule = { fields: { metadata: METADATA, spec: { fields: POD_SPEC } } }

const withTemplate = (spec: MergeRules = {}): MergeRules => ({
  spec: { fields: { template: TEMPLATE, ...spec } }, status: { fields: conditions },
})

const CLAIM: MergeRules = { status: { fields: conditions } }

const CONTAINER_STATUS: MergeRule = { fields: { volumeMounts: by('mountPath'), allocatedResourcesStatus: by('name') } }
const WEBHOOKS: MergeRules = { webhooks: by('name', { matchConditions: by('name') }) }
const POLICY: MergeRules = { spec: { fields: { matchConditions: by('name'), variables: by('name') } } }

/** By "group/Kind". `metadata` is the same for all and added by `mergeRulesOf`. */
const RULES: Readonly<Record<string, MergeRules>> = {
  '/Service': { spec: { fields: { ports: by('port') } }, status: { fields: conditions } },
  '/Pod': { spec: { fields: POD_SPEC }, status: { fields: { conditions: by('type'), podIPs: by('ip'), hostIPs: by('ip'), resourceClaimStatuses: { key: 'name', retainKeys: true },
    containerStatuses: CONTAINER_STATUS, initContainerStatuses: CONTAINER_STATUS, ephemeralContainerStatuses: CONTAINER_STATUS } } },
  '/PodTemplate': { template: TEMPLATE },
  '/Node': {
    spec: { fields: { podCIDRs: PRIMITIVE } },
    status: { fields: { conditions: by('type'), addresses: by('type') } },
  },
  '/Namespace': CLAIM,
  '/PersistentVolumeClaim': CLAIM,
  '/ReplicationController': withTemplate(),
  '/ServiceAccount': { secrets: by('name') },
  'apps/Deployment': withTemplate({ strategy: { retainKeys: true } }),
  'apps/ReplicaSet': withTemplate(),
  'apps/DaemonSet': withTemplate(),
  'apps/StatefulSet': withTemplate(),
  'batch/Job': withTemplate(),
  'batch/CronJob': { spec: { fields: { jobTemplate: { fields: { metadata: METADATA, spec: { fields: { template: TEMPLATE } } } } } } },
  'policy/PodDisruptionBudget': { spec: { fields: { selector: { replace: true } } }, status: { fields: conditions } },
  'networking.k8s.io/ServiceCIDR': CLAIM,
  '/ComponentStatus': conditions,
  'autoscaling/HorizontalPodAutoscaler': CLAIM,
  'apiregistration.k8s.io/APIService': CLAIM,
  'flowcontrol.apiserver.k8s.io/FlowSchema': CLAIM,
  'flowcontrol.apiserver.k8s.io/PriorityLevelConfiguration': CLAIM,
  'resource.k8s.io/ResourceClaim': { status: { fields: { reservedFor: by('uid') } } },
  'admissionregistration.k8s.io/MutatingWebhookConfiguration': WEBHOOKS,
  'admissionregistration.k8s.io/ValidatingWebhookConfiguration': WEBHOOKS,
  'admissionregistration.k8s.io/MutatingAdmissionPolicy': { spec: { fields: { matchConditions: by('name') } } },
  'admissionregistration.k8s.io/ValidatingAdmissionPolicy': POLICY,
  'storage.k8s.io/CSINode': { spec: { fields: { drivers: by('name') } } },
}

/** The rules of a kind; kinds without an entry merge metadata only. */
export const mergeRulesOf = (group: string, kind: string): MergeRules => ({ metadata: METADATA, ...RULES[`${group}/${kind}`] })
