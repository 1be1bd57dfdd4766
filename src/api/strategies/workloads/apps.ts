// apps/v1 Deployment, ReplicaSet, DaemonSet, StatefulSet and v1 ReplicationController.

import type { DaemonSetSpec, DeploymentSpec, StatefulSetSpec } from 'kubernetes-types/apps/v1.d.ts'
import type { ReplicationControllerSpec } from 'kubernetes-types/core/v1.d.ts'
import { nonNegative, numberOrPercent, oneOf } from '../../metadata/validate-value.ts'
import { equalJson, type ApiObject } from '../../object.ts'
import { statusRules, type Strategy } from '../../registry/strategy.ts'
import { forbidden, invalid, notSupported, required, type FieldError } from '../../status/field-error.ts'
import { DAEMON_SET_TABLE, DEPLOYMENT_TABLE, REPLICA_SET_TABLE, REPLICATION_CONTROLLER_TABLE, STATEFUL_SET_TABLE } from '../../tables/workloads.ts'
import { asWorkload, templateDefaults, validateSelectorAndTemplate, validateTemplate, validateUnchangedSelector } from './template.ts'

const HISTORY = 10
const PROGRESS_DEADLINE_SECONDS = 600
const QUARTER = '25%'

type Rules = Readonly<{
  defaults: (draft: ApiObject) => void
  validate: (object: ApiObject) => readonly FieldError[]
  validateChange?: (next: ApiObject, old: ApiObject) => readonly FieldError[]
}>

/** The frame of a workload kind: generation follows the spec, /status keeps the labels. */
function workload(base: Strategy, { defaults, validate, validateChange = validateUnchangedSelector }: Rules, own: Partial<Strategy>): Strategy {
  return {
    ...base,
    applyDefaults: defaults,
    prepareForCreate: draft => { draft['status'] = {} },
    validateCreate: validate,
    update: { ...base.update, validate: (next, old) => [...validate(next), ...validateChange(next, old)] },
    subresources: { status: statusRules({ metadata: ['annotations'] }) },
    generationChanges: (next, old) => !equalJson(next['spec'], old['spec']),
    ...own,
  }
}

export const deploymentStrategy = (base: Strategy): Strategy => workload(base, {
  defaults: draft => {
    const { spec } = asWorkload<DeploymentSpec>(draft)
    spec.replicas ??= 1
    spec.strategy ??= {}
    spec.strategy.type ||= 'RollingUpdate'
    if (spec.strategy.type === 'RollingUpdate') {
      spec.strategy.rollingUpdate ??= {}
      spec.strategy.rollingUpdate.maxUnavailable ??= QUARTER
      spec.strategy.rollingUpdate.maxSurge ??= QUARTER
    }
    spec.revisionHistoryLimit ??= HISTORY
    spec.progressDeadlineSeconds ??= PROGRESS_DEADLINE_SECONDS
    templateDefaults(spec.template)
  },
  validate: object => {
    const { spec } = asWorkload<DeploymentSpec>(object)
    return [
      ...nonNegative('spec.replicas', spec.replicas), ...validateSelectorAndTemplate(object),
      ...validateStrategy(spec.strategy, 'spec.strategy', ['Recreate', 'RollingUpdate']),
      ...nonNegative('spec.minReadySeconds', spec.minReadySeconds), ...nonNegative('spec.revisionHistoryLimit', spec.revisionHistoryLimit),
      ...((spec.progressDeadlineSeconds ?? 0) <= (spec.minReadySeconds ?? 0) ? [invalid('spec.progressDeadlineSeconds', spec.progressDeadlineSeconds, 'must be greater than minReadySeconds')] : []),
    ]
  },
}, {
  // Annotations count too: `kubectl rollout undo` and others leave marks there that a controller must see.
  generationChanges: (next, old) => !equalJson(next['spec'], old['spec']) || !equalJson(next.metadata.annotations ?? {}, old.metadata.annotations ?? {}),
  table: DEPLOYMENT_TABLE,
})

type RollingStrategy = { type?: string; rollingUpdate?: { maxUnavailable?: number | string; maxSurge?: number | string } } | undefined

function validateStrategy(strategy: RollingStrategy, path: string, types: readonly string[]): readonly FieldError[] {
  const { type, rollingUpdate } = strategy ?? {}
  if (!types.includes(type ?? '')) return [notSupported(path, { Type: type ?? '', RollingUpdate: null }, types)]
  const errors: FieldError[] = []
  if (type !== 'RollingUpdate') {
    if (rollingUpdate !== undefined && type === 'Recreate') errors.push(forbidden(`${path}.rollingUpdate`, "may not be specified when strategy `type` is 'Recreate'"))
    return errors
  }
  if (rollingUpdate === undefined) return [...errors, required(`${path}.rollingUpdate`, "this should be defaulted and never be nil")]
  const { maxUnavailable, maxSurge } = rollingUpdate
  errors.push(...numberOrPercent(`${path}.rollingUpdate.maxUnavailable`, maxUnavailable), ...numberOrPercent(`${path}.rollingUpdate.maxSurge`, maxSurge))
  if (isZero(maxUnavailable) && isZero(maxSurge)) errors.push(invalid(`${path}.rollingUpdate.maxUnavailable`, maxUnavailable, 'may not be 0 when `maxSurge` is 0'))
  return errors
}

const isZero = (value: number | string | undefined): boolean => value === undefined || value === 0 || value === '0%'

const REPLICAS_FIELD: Partial<Strategy> = {
  prepareForCreate: draft => { draft['status'] = { replicas: 0 } },
  fieldLabels: ['status.replicas'],
  selectableFields: object => ({ 'status.replicas': String((object as unknown as { status?: { replicas?: number } }).status?.replicas ?? 0) }),
}

export const replicaSetStrategy = (base: Strategy): Strategy => workload(base, {
  defaults: draft => {
    const { spec } = asWorkload(draft)
    spec.replicas ??= 1
    templateDefaults(spec.template)
  },
  validate: object => {
    const { spec } = asWorkload(object)
    return [...nonNegative('spec.replicas', spec.replicas), ...nonNegative('spec.minReadySeconds', spec.minReadySeconds), ...validateSelectorAndTemplate(object)]
  },
}, { ...REPLICAS_FIELD, table: REPLICA_SET_TABLE })

export const replicationControllerStrategy = (base: Strategy): Strategy => workload(base, {
  defaults: draft => {
    const spec = asWorkload(draft).spec as unknown as ReplicationControllerSpec
    const labels = spec.template?.metadata?.labels ?? {}
    if (Object.keys(spec.selector ?? {}).length === 0 && Object.keys(labels).length > 0) spec.selector = { ...labels }
    if (Object.keys(draft.metadata.labels ?? {}).length === 0 && Object.keys(labels).length > 0) draft.metadata.labels = { ...labels }
    spec.replicas ??= 1
    templateDefaults(spec.template)
  },
  validate: object => {
    const spec = asWorkload(object).spec as unknown as ReplicationControllerSpec
    const errors: FieldError[] = [...nonNegative('spec.replicas', spec.replicas)]
    if (Object.keys(spec.selector ?? {}).length === 0) errors.push(required('spec.selector'))
    if (spec.template === undefined) return [...errors, required('spec.template')]
    const labels = spec.template.metadata?.labels ?? {}
    if (Object.entries(spec.selector ?? {}).some(([key, value]) => labels[key] !== value)) {
      errors.push(invalid('spec.template.metadata.labels', labels, '`selector` does not match template `labels`'))
    }
    return [...errors, ...validateTemplate(spec.template, 'spec.template')]
  },
  validateChange: () => [],
}, { ...REPLICAS_FIELD, table: REPLICATION_CONTROLLER_TABLE })

export const daemonSetStrategy = (base: Strategy): Strategy => workload(base, {
  defaults: draft => {
    const { spec } = asWorkload<DaemonSetSpec>(draft)
    spec.updateStrategy ??= {}
    spec.updateStrategy.type ||= 'RollingUpdate'
    if (spec.updateStrategy.type === 'RollingUpdate') {
      spec.updateStrategy.rollingUpdate ??= {}
      spec.updateStrategy.rollingUpdate.maxUnavailable ??= 1
      spec.updateStrategy.rollingUpdate.maxSurge ??= 0
    }
    spec.revisionHistoryLimit ??= HISTORY
    templateDefaults(spec.template)
  },
  validate: object => {
    const { spec } = asWorkload<DaemonSetSpec>(object)
    return [
      ...validateSelectorAndTemplate(object), ...nonNegative('spec.minReadySeconds', spec.minReadySeconds),
      ...nonNegative('spec.revisionHistoryLimit', spec.revisionHistoryLimit),
      ...validateStrategy(spec.updateStrategy, 'spec.updateStrategy', ['RollingUpdate', 'OnDelete']),
    ]
  },
}, { prepareForCreate: draft => { draft['status'] = { currentNumberScheduled: 0, numberMisscheduled: 0, desiredNumberScheduled: 0, numberReady: 0 } }, table: DAEMON_SET_TABLE })

const STATEFUL_MUTABLE = "'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds'"
const STATEFUL_FREE = ['replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy', 'minReadySeconds'] as const

export const statefulSetStrategy = (base: Strategy): Strategy => workload(base, {
  defaults: draft => {
    const { spec } = asWorkload<StatefulSetSpec>(draft)
    spec.serviceName ??= ''
    spec.podManagementPolicy ||= 'OrderedReady'
    spec.updateStrategy ??= {}
    spec.updateStrategy.type ||= 'RollingUpdate'
    if (spec.updateStrategy.type === 'RollingUpdate') {
      spec.updateStrategy.rollingUpdate ??= {}
      spec.updateStrategy.rollingUpdate.partition ??= 0
    }
    spec.persistentVolumeClaimRetentionPolicy ??= {}
    spec.persistentVolumeClaimRetentionPolicy.whenDeleted ||= 'Retain'
    spec.persistentVolumeClaimRetentionPolicy.whenScaled ||= 'Retain'
    spec.replicas ??= 1
    spec.revisionHistoryLimit ??= HISTORY
    templateDefaults(spec.template)
  },
  validate: object => {
    const { spec } = asWorkload<StatefulSetSpec>(object)
    return [
      ...oneOf('spec.podManagementPolicy', spec.podManagementPolicy, ['OrderedReady', 'Parallel'], { needed: true }),
      ...(['OnDelete', 'RollingUpdate'].includes(spec.updateStrategy?.type ?? '') ? []
        : [invalid('spec.updateStrategy', { Type: spec.updateStrategy?.type ?? '', RollingUpdate: null }, "must be 'RollingUpdate' or 'OnDelete'")]),
      ...nonNegative('spec.replicas', spec.replicas), ...nonNegative('spec.minReadySeconds', spec.minReadySeconds),
      ...validateSelectorAndTemplate(object),
    ]
  },
  validateChange: (next, old) => {
    const fixed = (object: ApiObject): Record<string, unknown> =>
      Object.fromEntries(Object.entries(asWorkload(object).spec).filter(([field]) => !STATEFUL_FREE.includes(field as 'replicas')))
    return equalJson(fixed(next), fixed(old)) ? [] : [forbidden('spec', `updates to statefulset spec for fields other than ${STATEFUL_MUTABLE} are forbidden`)]
  },
}, { prepareForCreate: draft => { draft['status'] = { replicas: 0, availableReplicas: 0 } }, table: STATEFUL_SET_TABLE })
