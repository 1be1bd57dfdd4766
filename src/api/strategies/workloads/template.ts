// What all workload kinds share: a pod template, a selector that must match it, a number of replicas.

import type { PodTemplateSpec } from 'kubernetes-types/core/v1.d.ts'
import type { LabelSelector } from 'kubernetes-types/meta/v1.d.ts'
import { labelValue, qualifiedName } from '../../metadata/names.ts'
import { validateAnnotations, validateLabels } from '../../metadata/validate-metadata.ts'
import { equalJson, type ApiObject } from '../../object.ts'
import { labelSelectorOf, matchesLabels } from '../../selectors/label-selector.ts'
import { forbidden, immutable, invalid, notSupported, required, type FieldError } from '../../status/field-error.ts'
import { podSpecDefaults } from '../pod/defaults.ts'
import { validatePodSpec } from '../pod/validate-spec.ts'

export type Workload = {
  spec: {
    replicas?: number
    selector?: LabelSelector
    template?: PodTemplateSpec
    minReadySeconds?: number
    revisionHistoryLimit?: number
    [field: string]: unknown
  }
}

/** A workload's draft with a spec to fill. */
export function asWorkload<T = unknown>(draft: ApiObject): Workload & { spec: T } {
  draft['spec'] ??= {}
  return draft as unknown as Workload & { spec: T }
}

export function templateDefaults(template: PodTemplateSpec | undefined): void {
  if (template === undefined) return
  template.spec ??= { containers: [] }
  podSpecDefaults(template.spec)
}

/** The `spec.selector` and `spec.template` of Deployment, ReplicaSet, DaemonSet, StatefulSet and Job. */
export function validateSelectorAndTemplate(object: ApiObject, restartPolicies: readonly string[] = ['Always']): readonly FieldError[] {
  const { selector, template } = asWorkload(object).spec
  const errors: FieldError[] = []
  if (selector === undefined) {
    if (object.kind !== 'DaemonSet') errors.push(required('spec.selector'))
  } else {
    errors.push(...validateLabelSelector(selector, 'spec.selector'))
    if (errors.length > 0) errors.push(invalid('spec.selector', selector, 'invalid label selector'))
    if (Object.keys(selector.matchLabels ?? {}).length + (selector.matchExpressions?.length ?? 0) === 0) {
      errors.push(invalid('spec.selector', selector, `empty selector is invalid for ${object.kind.toLowerCase()}`))
    }
  }
  const labels = template?.metadata?.labels
  const parsed = labelSelectorOf(selector)
  // No selector at all matches nothing, so the template's labels cannot match it.
  if (parsed === undefined ? selector === undefined : !matchesLabels(parsed, labels)) {
    errors.push(invalid('spec.template.metadata.labels', labels ?? null, '`selector` does not match template `labels`'))
  }
  return [...errors, ...validateTemplate(template ?? {}, 'spec.template', restartPolicies)]
}

export function validateTemplate(template: PodTemplateSpec, path: string, restartPolicies: readonly string[] = ['Always']): readonly FieldError[] {
  const spec = template.spec ?? { containers: [] }
  return [
    ...validateLabels(template.metadata?.labels, `${path}.labels`),
    ...validateAnnotations(template.metadata?.annotations, `${path}.annotations`),
    ...validatePodSpec(spec, `${path}.spec`),
    ...(spec.restartPolicy === undefined || restartPolicies.includes(spec.restartPolicy) ? [] : [notSupported(`${path}.spec.restartPolicy`, spec.restartPolicy, restartPolicies)]),
    ...(spec.activeDeadlineSeconds === undefined || !restartPolicies.includes('Always') ? [] : [forbidden(`${path}.spec.activeDeadlineSeconds`, 'activeDeadlineSeconds in ReplicaSet is not Supported')]),
  ]
}

export const validateUnchangedSelector = (next: ApiObject, old: ApiObject): readonly FieldError[] =>
  equalJson(asWorkload(next).spec.selector, asWorkload(old).spec.selector) ? [] : [immutable('spec.selector', asWorkload(next).spec.selector)]

const OPERATORS = ['In', 'NotIn', 'Exists', 'DoesNotExist'] as const

/** A meta/v1 LabelSelector, wherever one stands. */
export function validateLabelSelector(selector: LabelSelector, path: string): readonly FieldError[] {
  const errors: FieldError[] = [...validateLabels(selector.matchLabels, `${path}.matchLabels`)]
  ;(selector.matchExpressions ?? []).forEach(({ key = '', operator = '', values = [] }, index) => {
    const at = `${path}.matchExpressions[${index}]`
    errors.push(...qualifiedName(key).map(problem => invalid(`${at}.key`, key, problem)))
    if (operator === 'In' || operator === 'NotIn') {
      if (values.length === 0) errors.push(required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'"))
    } else if (operator === 'Exists' || operator === 'DoesNotExist') {
      if (values.length > 0) errors.push(forbidden(`${at}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"))
    } else if (!OPERATORS.includes(operator as 'In')) {
      errors.push(invalid(`${at}.operator`, operator, 'not a valid selector operator'))
    }
    values.forEach((value, position) => errors.push(...labelValue(value).map(problem => invalid(`${at}.values[${position}]`, value, problem))))
  })
  return errors
}
