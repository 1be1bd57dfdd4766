// Defaults of kinds that are otherwise stored as they come: controllers and schedulers read these fields without asking
// whether they are there.

import type { HorizontalPodAutoscaler } from 'kubernetes-types/autoscaling/v2.d.ts'
import type { CronJob } from 'kubernetes-types/batch/v1.d.ts'
import type { PersistentVolume, PersistentVolumeClaim } from 'kubernetes-types/core/v1.d.ts'
import type { StorageClass } from 'kubernetes-types/storage/v1.d.ts'
import type { ApiObject, Draft } from '../object.ts'
import type { Strategy } from '../registry/strategy.ts'
import { templateDefaults } from './workloads/template.ts'

type Defaults = (draft: Draft) => void

const SUCCESSFUL_JOBS = 3
const FAILED_JOBS = 1
const CPU_PERCENT = 80

/** Adds defaults to a kind's rules. */
export const defaulted = (defaults: Defaults) => (base: Strategy): Strategy => ({ ...base, applyDefaults: defaults })

export const cronJobDefaults: Defaults = draft => {
  const { spec } = draft as unknown as CronJob
  if (spec === undefined) return
  spec.concurrencyPolicy ||= 'Allow'
  spec.suspend ??= false
  spec.successfulJobsHistoryLimit ??= SUCCESSFUL_JOBS
  spec.failedJobsHistoryLimit ??= FAILED_JOBS
  templateDefaults(spec.jobTemplate?.spec?.template)
}

/** Of v2, the stored version. */
export const autoscalerDefaults: Defaults = draft => {
  const { spec } = draft as unknown as HorizontalPodAutoscaler
  if (spec === undefined) return
  spec.minReplicas ??= 1
  if (draft.apiVersion !== 'autoscaling/v2' || (spec.metrics?.length ?? 0) > 0) return
  spec.metrics = [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: CPU_PERCENT } } }]
}

export const claimDefaults: Defaults = draft => {
  const { spec } = draft as unknown as PersistentVolumeClaim
  if (spec !== undefined) spec.volumeMode ??= 'Filesystem'
}

/** The protection finalizer is upstream's admission; a controller takes it off when no pod uses the claim. */
export const claimStrategy = (base: Strategy): Strategy => ({
  ...defaulted(claimDefaults)(base),
  prepareForCreate: draft => {
    draft['status'] = { phase: 'Pending' }
  },
})

export const volumeDefaults: Defaults = draft => {
  const { spec } = draft as unknown as PersistentVolume
  if (spec === undefined) return
  spec.persistentVolumeReclaimPolicy ||= 'Retain'
  spec.volumeMode ??= 'Filesystem'
}

export const storageClassDefaults: Defaults = draft => {
  const storageClass = draft as unknown as StorageClass
  storageClass.reclaimPolicy ??= 'Delete'
  storageClass.volumeBindingMode ??= 'Immediate'
}

export const priorityClassDefaults: Defaults = (draft: ApiObject) => {
  draft['preemptionPolicy'] ??= 'PreemptLowerPriority'
}
