// v1 Namespace.

import type { Namespace } from 'kubernetes-types/core/v1.d.ts'
import { dns1123Label } from '../../metadata/names.ts'
import type { ApiObject, Draft } from '../../object.ts'
import { restore, statusRules, type Strategy, type UpdateRules } from '../../registry/strategy.ts'
import { invalid, type FieldError } from '../../status/field-error.ts'
import { NAMESPACE_TABLE } from '../../tables/core.ts'

export const NAMESPACE_FINALIZER = 'kubernetes'
export const NAME_LABEL = 'kubernetes.io/metadata.name'

const phaseOf = (object: ApiObject): string => (object as unknown as Namespace).status?.phase ?? ''

export const namespaceStrategy = (base: Strategy): Strategy => ({
  ...base,
  nameRule: dns1123Label,
  applyDefaults: draft => {
    if ((draft.metadata.name ?? '') === '') return
    draft.metadata.labels = { ...draft.metadata.labels, [NAME_LABEL]: draft.metadata.name! }
  },
  prepareForCreate: draft => {
    const finalizers = (draft as unknown as Namespace).spec?.finalizers ?? []
    draft['spec'] = { finalizers: finalizers.includes(NAMESPACE_FINALIZER) ? finalizers : [...finalizers, NAMESPACE_FINALIZER] }
    draft['status'] = { phase: 'Active' }
  },
  update: {
    ...base.update,
    prepare: (draft, old) => {
      restore(draft, old, 'spec')
      restore(draft, old, 'status')
    },
  },
  subresources: { status: statusRules({ metadata: ['labels', 'annotations'], validate: validatePhase }), finalize: finalizeRules },
  fieldLabels: ['status.phase'],
  selectableFields: object => ({ 'status.phase': phaseOf(object) }),
  deleteReturnsObject: true,
  table: NAMESPACE_TABLE,
})

/** PUT /finalize changes the finalizers of the spec and nothing else. */
const finalizeRules: UpdateRules = {
  prepare: (draft: Draft, old) => {
    restore(draft, old, 'status')
    draft.metadata = { ...old.metadata, ...(draft.metadata.resourceVersion === undefined ? {} : { resourceVersion: draft.metadata.resourceVersion }) }
  },
  validate: () => [],
}

function validatePhase(next: ApiObject): readonly FieldError[] {
  const deleted = next.metadata.deletionTimestamp !== undefined
  const phase = phaseOf(next)
  if (!deleted && phase !== 'Active') return [invalid('status.phase', phase, "may only be 'Active' if `deletionTimestamp` is empty")]
  if (deleted && phase !== 'Terminating') return [invalid('status.phase', phase, "may only be 'Terminating' if `deletionTimestamp` is not empty")]
  return []
}
