// v1 Pod.

import type { Pod, PodSpec } from 'kubernetes-types/core/v1.d.ts'
import { cloneJson, equalJson, formatTime, type ApiObject, type Draft } from '../../object.ts'
import { restore, statusRules, type Strategy, type UpdateRules } from '../../registry/strategy.ts'
import { POD_TABLE } from '../../tables/pod.ts'
import { addFailureTolerations } from './admission.ts'
import { podSpecDefaults } from './defaults.ts'
import { qosClassOf } from './quality.ts'
import { validatePod, validatePodUpdate } from './validate.ts'

const GATED = { type: 'PodScheduled', status: 'False', reason: 'SchedulingGated', message: 'Scheduling is blocked due to non-empty scheduling gates' } as const

export const podSpecOf = (object: ApiObject): PodSpec => ((object as unknown as Pod).spec ?? { containers: [] })

export const podStrategy = (base: Strategy): Strategy => ({
  ...base,
  applyDefaults: draft => {
    draft['spec'] ??= {}
    const spec = draft['spec'] as PodSpec
    podSpecDefaults(spec)
    spec.enableServiceLinks ??= true
    if (spec.hostNetwork === true) for (const port of (spec.containers ?? []).flatMap(({ ports = [] }) => ports)) port.hostPort ||= port.containerPort
    const status = draft['status'] as Pod['status'] | undefined
    if ((status?.podIP ?? '') === '' && status?.podIPs?.[0] !== undefined) draft['status'] = { ...status, podIP: status.podIPs[0].ip }
    // Clients that do not know the list change the one address.
    else if ((status?.podIP ?? '') !== '' && status!.podIPs?.[0]?.ip !== status!.podIP) draft['status'] = { ...status, podIPs: [{ ip: status!.podIP }] }
  },
  prepareForCreate: (draft, { nowMs }) => {
    const spec = podSpecOf(draft)
    draft['status'] = {
      phase: 'Pending', qosClass: qosClassOf(spec),
      ...((spec.schedulingGates?.length ?? 0) === 0 ? {} : { conditions: [{ ...GATED, lastTransitionTime: formatTime(nowMs) }] }),
    }
  },
  validateCreate: validatePod,
  update: {
    prepare: (draft, old, context) => {
      base.update.prepare(draft, old, context)
      // Whoever takes the tolerations of a failed node away gets them back.
      addFailureTolerations(podSpecOf(draft))
    },
    validate: validatePodUpdate,
  },
  subresources: {
    status: podStatusRules,
    ephemeralcontainers: onlySpec((draft, spec) => { if (draft.ephemeralContainers !== undefined) spec.ephemeralContainers = draft.ephemeralContainers }),
    resize: onlySpec((draft, spec) => {
      for (const list of ['containers', 'initContainers'] as const) {
        for (const container of spec[list] ?? []) {
          const wanted = draft[list]?.find(({ name }) => name === container.name)
          if (wanted?.resources !== undefined) container.resources = wanted.resources
        }
      }
    }),
  },
  fieldLabels: [
    'spec.nodeName', 'spec.restartPolicy', 'spec.schedulerName', 'spec.serviceAccountName', 'spec.hostNetwork',
    'status.phase', 'status.podIP', 'status.podIPs', 'status.nominatedNodeName',
  ],
  fieldLabelAliases: { 'spec.host': 'spec.nodeName', 'status.podIPs': 'status.podIP' },
  selectableFields: object => {
    const { spec, status } = object as unknown as Pod
    return {
      'spec.nodeName': spec?.nodeName ?? '', 'spec.restartPolicy': spec?.restartPolicy ?? '', 'spec.schedulerName': spec?.schedulerName ?? '',
      'spec.serviceAccountName': spec?.serviceAccountName ?? '', 'spec.hostNetwork': String(spec?.hostNetwork ?? false),
      'status.phase': status?.phase ?? '', 'status.podIP': status?.podIPs?.[0]?.ip ?? status?.podIP ?? '', 'status.nominatedNodeName': status?.nominatedNodeName ?? '',
    }
  },
  generationChanges: (next, old) => !equalJson(next['spec'], old['spec']),
  deleteReturnsObject: true,
  gracePeriodSeconds: (object, asked) => {
    const { spec, status } = object as unknown as Pod
    const finished = status?.phase === 'Succeeded' || status?.phase === 'Failed'
    // Nobody would ever answer for a pod that no node has, or that has ended.
    if (finished || (spec?.nodeName ?? '') === '') return 0
    const seconds = asked ?? spec?.terminationGracePeriodSeconds ?? 30
    return seconds < 0 ? 1 : seconds
  },
  table: POD_TABLE,
})

const plainStatus = statusRules({ metadata: ['labels', 'annotations'] })

const podStatusRules: UpdateRules = {
  prepare: (draft, old, context) => {
    plainStatus.prepare(draft, old, context)
    const status = draft['status'] as Pod['status'] | undefined
    const before = old['status'] as Pod['status'] | undefined
    // The class is settled at creation; a kubelet that leaves it out does not mean to remove it.
    if (status !== undefined && (status.qosClass ?? '') === '' && before?.qosClass !== undefined) draft['status'] = { ...status, qosClass: before.qosClass }
  },
  validate: plainStatus.validate,
}

/** Rules of a sub-resource that changes a part of the spec: everything else is the stored object's. */
function onlySpec(take: (draft: PodSpec, spec: PodSpec) => void): UpdateRules {
  return {
    prepare: (draft: Draft, old) => {
      const wanted = podSpecOf(draft)
      const spec = cloneJson(podSpecOf(old))
      take(wanted, spec)
      const { managedFields, resourceVersion } = draft.metadata
      draft.metadata = { ...old.metadata }
      delete draft.metadata.managedFields
      delete draft.metadata.resourceVersion
      if (managedFields !== undefined) draft.metadata.managedFields = managedFields
      if (resourceVersion !== undefined) draft.metadata.resourceVersion = resourceVersion
      restore(draft, old, 'status')
      draft['spec'] = spec
    },
    validate: validatePod,
  }
}
