// The rules every object's metadata keeps, whatever its kind (k8s.io/apimachinery/pkg/api/validation/objectmeta.go).

import type { ApiObject, ObjectMeta, OwnerReference } from '../object.ts'
import { equalJson, isPlainObject } from '../object.ts'
import { forbidden, immutable, invalid, required, tooLong, type FieldError } from '../status/field-error.ts'
import { asPrefix, dns1123Label, labelValue, qualifiedName, type TextRule } from './names.ts'

export const MAX_ANNOTATION_BYTES = 256 * 1024
const PLAIN_FINALIZERS: ReadonlySet<string> = new Set(['orphan', 'foregroundDeletion', 'kubernetes', 'customresourcecleanup.apiextensions.k8s.io'])

export type MetadataRules = Readonly<{
  namespaced: boolean
  nameRule: TextRule
  /** Custom resources may have finalizers without a domain; built-in ones only the well-known ones. */
  custom?: boolean
}>

/** Problems of metadata on create; also everything that holds for any stored object. */
export function validateMetadata(meta: ObjectMeta, { namespaced, nameRule, custom = false }: MetadataRules, path = 'metadata'): FieldError[] {
  const errors: FieldError[] = []
  if (meta.generateName !== undefined && meta.generateName !== '') {
    errors.push(...asPrefix(nameRule)(meta.generateName).map(problem => invalid(`${path}.generateName`, meta.generateName, problem)))
  }
  const name = meta.name ?? ''
  if (name === '') errors.push(required(`${path}.name`, 'name or generateName is required'))
  else errors.push(...nameRule(name).map(problem => invalid(`${path}.name`, name, problem)))
  const namespace = meta.namespace ?? ''
  if (!namespaced && namespace !== '') errors.push(forbidden(`${path}.namespace`, 'not allowed on this type'))
  if (namespaced && namespace === '') errors.push(required(`${path}.namespace`))
  if (namespaced && namespace !== '') {
    errors.push(...dns1123Label(namespace).map(problem => invalid(`${path}.namespace`, namespace, problem)))
  }
  if ((meta.generation ?? 0) < 0) errors.push(invalid(`${path}.generation`, meta.generation, 'must be greater than or equal to 0'))
  errors.push(...validateLabels(meta.labels, `${path}.labels`))
  errors.push(...validateAnnotations(meta.annotations, `${path}.annotations`))
  errors.push(...validateOwnerReferences(meta.ownerReferences ?? [], `${path}.ownerReferences`))
  errors.push(...validateFinalizers(meta.finalizers ?? [], `${path}.finalizers`, custom))
  return errors
}

/** Problems of changed metadata: what may never change, and no new finalizer on a terminating object. */
export function validateMetadataUpdate(next: ApiObject, old: ApiObject, rules: MetadataRules): FieldError[] {
  const errors: FieldError[] = []
  for (const field of ['name', 'namespace', 'uid', 'creationTimestamp', 'deletionTimestamp', 'deletionGracePeriodSeconds'] as const) {
    if ((next.metadata[field] ?? null) !== (old.metadata[field] ?? null)) errors.push(immutable(`metadata.${field}`, next.metadata[field]))
  }
  if ((next.metadata.generation ?? 0) < (old.metadata.generation ?? 0)) {
    errors.push(invalid('metadata.generation', next.metadata.generation, 'must not be decremented'))
  }
  if (old.metadata.deletionTimestamp !== undefined) {
    const before = new Set(old.metadata.finalizers)
    const added = (next.metadata.finalizers ?? []).filter(finalizer => !before.has(finalizer))
    if (added.length > 0) {
      const list = `[]string{${added.map(finalizer => JSON.stringify(finalizer)).join(', ')}}`
      errors.push(forbidden('metadata.finalizers', `no new finalizers can be added if the object is being deleted, found new finalizers ${list}`))
    }
  }
  // What was accepted once stays acceptable: only changed parts are checked again.
  const { name: _name, ...rest } = old.metadata
  if (!equalJson({ ...next.metadata, resourceVersion: undefined, managedFields: undefined, name: undefined }, { ...rest, resourceVersion: undefined, managedFields: undefined })) {
    errors.push(...validateMetadata(next.metadata, { ...rules, nameRule: () => [] }))
  }
  return errors
}

export function validateLabels(labels: unknown, path: string): FieldError[] {
  if (!isPlainObject(labels)) return []
  return Object.entries(labels).flatMap(([key, value]) => [
    ...qualifiedName(key).map(problem => invalid(path, key, problem)),
    ...labelValue(String(value)).map(problem => invalid(path, value, problem)),
  ])
}

export function validateAnnotations(annotations: unknown, path: string): FieldError[] {
  if (!isPlainObject(annotations)) return []
  const errors: FieldError[] = []
  let bytes = 0
  for (const [key, value] of Object.entries(annotations)) {
    errors.push(...qualifiedName(key.toLowerCase()).map(problem => invalid(path, key, problem)))
    bytes += Buffer.byteLength(key) + Buffer.byteLength(String(value))
  }
  if (bytes > MAX_ANNOTATION_BYTES) errors.push(tooLong(path, MAX_ANNOTATION_BYTES))
  return errors
}

function validateOwnerReferences(references: readonly OwnerReference[], path: string): FieldError[] {
  const errors: FieldError[] = []
  let controller: OwnerReference | undefined
  references.forEach(reference => {
    for (const field of ['apiVersion', 'kind', 'name', 'uid'] as const) {
      if ((reference[field] ?? '') === '') errors.push(invalid(`${path}.${field}`, '', `${field === 'apiVersion' ? 'version ' : ''}must not be empty`))
    }
    if (reference.kind === 'Event' && (reference.apiVersion === 'v1' || reference.apiVersion?.startsWith('events.k8s.io/'))) {
      errors.push(invalid(path, reference, `${reference.apiVersion}, Kind=Event is disallowed from being an owner`))
    }
    if (reference.controller !== true) return
    if (controller !== undefined) {
      errors.push(invalid(path, references, `Only one reference can have Controller set to true. Found "true" in references for ${controller.name} and ${reference.name}`))
    }
    controller = reference
  })
  return errors
}

function validateFinalizers(finalizers: readonly string[], path: string, custom: boolean): FieldError[] {
  const errors = finalizers.flatMap((finalizer, index) => [
    ...qualifiedName(finalizer).map(problem => invalid(`${path}[${index}]`, finalizer, problem)),
    ...(!custom && !finalizer.includes('/') && !PLAIN_FINALIZERS.has(finalizer)
      ? [invalid(`${path}[${index}]`, finalizer, 'name is neither a standard finalizer name nor is it fully qualified')] : []),
  ])
  if (finalizers.includes('orphan') && finalizers.includes('foregroundDeletion')) {
    errors.push(invalid(path, finalizers, 'finalizer orphan and foregroundDeletion cannot be both set'))
  }
  return errors
}

/** Warnings (not errors) about metadata: the same owner twice, finalizers that other writers might use as well. */
export function metadataWarnings(meta: ObjectMeta): readonly string[] {
  const seen = new Set<string>()
  const doubled = new Set<string>()
  for (const { uid } of meta.ownerReferences ?? []) (seen.has(uid) ? doubled : seen).add(uid)
  const plain = (meta.finalizers ?? []).filter(finalizer => !finalizer.includes('/') && !PLAIN_FINALIZERS.has(finalizer))
  return [...plain.map(finalizer =>
    `metadata.finalizers: ${JSON.stringify(finalizer)}: prefer a domain-qualified finalizer name including a path (/) to avoid accidental conflicts with other finalizer writers`),
  ...[...doubled].map(uid =>
    `metadata.ownerReferences contains duplicate entries; API server dedups owner references in 1.20+, and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: ${uid}`)]
}
