// batch/v1 Job: its selector is made from its uid, so that no two jobs can ever own the same pods.
// k8s.io/kubernetes/pkg/registry/batch/job/strategy.go (generateSelector).

import type { JobSpec } from 'kubernetes-types/batch/v1.d.ts'
import { equalJson } from '../../object.ts'
import type { Strategy } from '../../registry/strategy.ts'
import { immutable } from '../../status/field-error.ts'
import { JOB_TABLE } from '../../tables/workloads.ts'
import { asWorkload, templateDefaults, validateSelectorAndTemplate } from './template.ts'

const UID_LABEL = 'batch.kubernetes.io/controller-uid'
const NAME_LABEL = 'batch.kubernetes.io/job-name'
/** What pods of jobs were told apart by before 1.27; clients still select by these. */
const OLD_LABELS = { uid: 'controller-uid', name: 'job-name' } as const
const BACKOFF_LIMIT = 6
/** A pod that always starts again would never be done. */
const RESTART_POLICIES = ['OnFailure', 'Never']

export const jobStrategy = (base: Strategy): Strategy => ({
  ...base,
  prepareForCreate: (draft, context) => {
    base.prepareForCreate(draft, context)
    const { spec } = asWorkload<JobSpec>(draft)
    if (spec.manualSelector === true) return
    const { uid = '', name = '' } = draft.metadata
    spec.template ??= {}
    spec.template.metadata ??= {}
    spec.template.metadata.labels = {
      ...spec.template.metadata.labels, [UID_LABEL]: uid, [NAME_LABEL]: name, [OLD_LABELS.uid]: uid, [OLD_LABELS.name]: name,
    }
    spec.selector = { ...spec.selector, matchLabels: { ...spec.selector?.matchLabels, [UID_LABEL]: uid } }
  },
  applyDefaults: draft => {
    const { spec } = asWorkload<JobSpec>(draft)
    // Neither given means one pod; completions alone, one at a time; parallelism alone, until one succeeds.
    if (spec.completions === undefined && spec.parallelism === undefined) spec.completions = 1
    spec.parallelism ??= 1
    spec.backoffLimit ??= BACKOFF_LIMIT
    spec.completionMode ??= 'NonIndexed'
    spec.suspend ??= false
    Object.assign(spec, { podReplacementPolicy: (spec as { podReplacementPolicy?: string }).podReplacementPolicy ?? 'TerminatingOrFailed' })
    templateDefaults(spec.template)
    const labels = spec.template?.metadata?.labels
    if (labels !== undefined && Object.keys(draft.metadata.labels ?? {}).length === 0) draft.metadata.labels = { ...labels }
  },
  validateCreate: object => validateSelectorAndTemplate(object, RESTART_POLICIES),
  update: {
    ...base.update,
    validate: (next, old) => [
      ...validateSelectorAndTemplate(next, RESTART_POLICIES),
      ...(equalJson(asWorkload(next).spec.selector, asWorkload(old).spec.selector) ? [] : [immutable('spec.selector', asWorkload(next).spec.selector)]),
    ],
  },
  generationChanges: (next, old) => !equalJson(next['spec'], old['spec']),
  table: JOB_TABLE,
})
