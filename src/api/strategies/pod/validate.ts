// Rules of Pods (pkg/apis/core/validation.ValidatePod and ValidatePodUpdate).

import type { Pod, PodSpec, Toleration } from 'kubernetes-types/core/v1.d.ts'
import { cloneJson, equalJson, type ApiObject } from '../../object.ts'
import { forbidden, invalid, type FieldError } from '../../status/field-error.ts'
import { validatePodSpec } from './validate-spec.ts'

export function validatePod(object: ApiObject): readonly FieldError[] {
  const { spec } = object as unknown as Pod
  return validatePodSpec(spec ?? { containers: [] }, 'spec')
}

const MUTABLE = '`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)'

export function validatePodUpdate(next: ApiObject, old: ApiObject): readonly FieldError[] {
  const spec = (next as unknown as Pod).spec ?? { containers: [] }
  const before = (old as unknown as Pod).spec ?? { containers: [] }
  if (equalJson(spec, before)) return []
  const errors: FieldError[] = []
  if ((spec.containers?.length ?? 0) !== (before.containers?.length ?? 0)) return [forbidden('spec.containers', 'pod updates may not add or remove containers')]
  if ((spec.initContainers?.length ?? 0) !== (before.initContainers?.length ?? 0)) {
    return [forbidden('spec.initContainers', 'pod updates may not add or remove containers')]
  }
  errors.push(...validateDeadline(spec, before), ...validateTolerationChange(spec, before), ...validateImages(spec))
  const munged = cloneJson(spec)
  for (const list of ['containers', 'initContainers'] as const) {
    munged[list]?.forEach((container, index) => {
      const image = before[list]?.[index]?.image
      if (image === undefined) delete container.image
      else container.image = image
    })
  }
  copyField(munged, before, 'activeDeadlineSeconds')
  copyField(munged, before, 'tolerations')
  if ((before.terminationGracePeriodSeconds ?? 0) < 0 && spec.terminationGracePeriodSeconds === 1) copyField(munged, before, 'terminationGracePeriodSeconds')
  if (onlyRemovesGates(spec, before)) {
    copyField(munged, before, 'schedulingGates')
    // A gated pod has not been looked at by a scheduler, so its node selector may still be narrowed.
    if ((before.schedulingGates?.length ?? 0) > 0 && narrowsNodeSelector(spec, before)) copyField(munged, before, 'nodeSelector')
  }
  if (!equalJson(munged, before)) {
    errors.push(forbidden('spec', `pod updates may not change fields other than ${MUTABLE}\n${describeDifference(munged, before)}`))
  }
  return errors
}

function validateImages(spec: PodSpec): readonly FieldError[] {
  return (['containers', 'initContainers'] as const).flatMap(list => (spec[list] ?? []).flatMap(({ image = '' }, index) =>
    image === '' || image.trim() !== image ? [image === ''
      ? { reason: 'FieldValueRequired' as const, field: `spec.${list}[${index}].image`, body: 'Required value' }
      : invalid(`spec.${list}[${index}].image`, image, 'must not have leading or trailing whitespace')] : []))
}

function validateDeadline(spec: PodSpec, before: PodSpec): readonly FieldError[] {
  const [next, old] = [spec.activeDeadlineSeconds, before.activeDeadlineSeconds]
  const field = 'spec.activeDeadlineSeconds'
  if (next !== undefined && next < 0) return [invalid(field, next, 'must be between 0 and 2147483647, inclusive')]
  if (next === undefined && old !== undefined) return [invalid(field, next, 'must not update from a positive integer to nil value')]
  if (next !== undefined && old !== undefined && next > old) return [invalid(field, next, 'must be less than or equal to previous value')]
  return []
}

function validateTolerationChange(spec: PodSpec, before: PodSpec): readonly FieldError[] {
  const kept = (before.tolerations ?? []).every(toleration => (spec.tolerations ?? []).some(other => equalJson(withoutSeconds(toleration), withoutSeconds(other))))
  return kept ? [] : [forbidden('spec.tolerations', 'existing toleration can not be modified except its tolerationSeconds')]
}

const withoutSeconds = ({ tolerationSeconds: _, ...rest }: Toleration): Partial<Toleration> => rest

function onlyRemovesGates(spec: PodSpec, before: PodSpec): boolean {
  const names = new Set((before.schedulingGates ?? []).map(({ name }) => name))
  return (spec.schedulingGates ?? []).every(({ name }) => names.has(name))
}

const narrowsNodeSelector = (spec: PodSpec, before: PodSpec): boolean =>
  Object.entries(before.nodeSelector ?? {}).every(([key, value]) => spec.nodeSelector?.[key] === value)

function copyField(target: PodSpec, source: PodSpec, field: keyof PodSpec): void {
  if (source[field] === undefined) delete target[field]
  else Object.assign(target, { [field]: source[field] })
}

/** The changed fields, one line each: upstream prints a Go diff here, which nobody parses. */
function describeDifference(next: PodSpec, old: PodSpec): string {
  const fields = [...new Set([...Object.keys(next), ...Object.keys(old)])] as (keyof PodSpec)[]
  return fields.filter(field => !equalJson(next[field], old[field])).flatMap(field => [
    `- ${field}: ${JSON.stringify(old[field]) ?? 'null'}`, `+ ${field}: ${JSON.stringify(next[field]) ?? 'null'}`,
  ]).join('\n')
}

