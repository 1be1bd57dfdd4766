// The order of things in a create and an update, between decoding and storing. The server calls `begin…`, lets the
// allocators act on the draft where the kind has any, then calls `finish…`, which throws 422 Invalid or answers warnings.

import { generateName } from '../metadata/generate-name.ts'
import { metadataWarnings, validateMetadata, validateMetadataUpdate } from '../metadata/validate-metadata.ts'
import { equalJson, formatTime, type ApiObject, type Draft } from '../object.ts'
import { invalid } from '../status/field-error.ts'
import { badRequest, invalidObject, unclassified, type StatusError } from '../status/status.ts'
import type { ApiResource } from './resource.ts'
import type { Strategy, UpdateRules, WriteContext } from './strategy.ts'

export type Target = Readonly<{ resource: ApiResource; strategy: Strategy }>

/** Where a request points: what the URL says. "" where it says nothing. */
export type RequestPath = Readonly<{ namespace: string; name: string }>

/**
 * Settles who owns which field (metadata.managedFields). Called when a draft says what its client wants, defaults included,
 * and before the server adds what is nobody's: allocated addresses, an account's token, what a change of type wipes.
 */
export type TrackFields = (draft: Draft) => void

const nobody: TrackFields = () => {}

/** Makes a decoded body the new object: checks it against the URL, fills system fields, defaults. Throws StatusError. */
export function beginCreate({ resource, strategy }: Target, draft: Draft, path: RequestPath, context: WriteContext, track: TrackFields = nobody): void {
  agreeWithPath(resource, draft, path)
  const { metadata } = draft
  if ((metadata.resourceVersion ?? '') !== '') throw unclassified('resourceVersion should not be set on objects to be created')
  delete metadata.resourceVersion
  delete metadata.selfLink
  delete metadata.deletionTimestamp
  delete metadata.deletionGracePeriodSeconds
  metadata.uid = context.uid
  metadata.creationTimestamp = formatTime(context.nowMs)
  if ((metadata.name ?? '') === '' && (metadata.generateName ?? '') !== '') metadata.name = generateName(metadata.generateName!, context.suffix())
  if (strategy.generationChanges === undefined) delete metadata.generation
  else metadata.generation = 1
  strategy.applyDefaults(draft)
  track(draft)
  strategy.prepareForCreate(draft, context)
  strategy.applyDefaults(draft)
}

/** Validates what `beginCreate` and the allocators made. Throws 422; answers warnings. */
export function finishCreate({ resource, strategy }: Target, object: ApiObject): readonly string[] {
  const { namespaced, custom } = resource
  const errors = [...validateMetadata(object.metadata, { namespaced, custom, nameRule: strategy.nameRule }), ...strategy.validateCreate(object)]
  if (errors.length > 0) throw invalidObject(resource, object.metadata.name ?? '', errors)
  return [...metadataWarnings(object.metadata), ...strategy.warnings(object)]
}

/**
 * Makes a decoded body (or a patched clone) the next state of `old`. `subresource` is '' for the object itself.
 * Does not compare resource versions or uids: that is the store transaction's part (`stalePrecondition`).
 */
export function beginUpdate({ resource, strategy }: Target, draft: Draft, old: ApiObject, path: RequestPath, subresource: string, context: WriteContext, track: TrackFields = nobody): void {
  agreeWithPath(resource, draft, path)
  const { metadata } = draft
  for (const field of ['uid', 'creationTimestamp', 'deletionTimestamp', 'deletionGracePeriodSeconds'] as const) {
    if ((metadata[field] ?? '') === '' && old.metadata[field] !== undefined) Object.assign(metadata, { [field]: old.metadata[field] })
  }
  delete metadata.selfLink
  if (old.metadata.generation === undefined) delete metadata.generation
  else metadata.generation = old.metadata.generation
  strategy.applyDefaults(draft)
  track(draft)
  updateRules({ resource, strategy }, subresource).prepare(draft, old, context)
  if (subresource === '' && strategy.generationChanges !== undefined && strategy.generationChanges(draft, old)) {
    metadata.generation = (old.metadata.generation ?? 0) + 1
  }
}

/** Validates what `beginUpdate` and the allocators made. Throws 422; answers warnings. */
export function finishUpdate({ resource, strategy }: Target, next: ApiObject, old: ApiObject, subresource: string): readonly string[] {
  const { namespaced, custom } = resource
  const errors = [
    ...validateMetadataUpdate(next, old, { namespaced, custom, nameRule: strategy.nameRule }),
    ...updateRules({ resource, strategy }, subresource).validate(next, old),
  ]
  if (errors.length > 0) throw invalidObject(resource, next.metadata.name ?? '', errors)
  return [...metadataWarnings(next.metadata), ...strategy.warnings(next, old)]
}

/** True when storing `next` would change nothing: then the write keeps the old resourceVersion and nobody is told. */
export const isUnchanged = (next: ApiObject, old: ApiObject): boolean =>
  equalJson({ ...next, metadata: { ...next.metadata, resourceVersion: undefined } }, { ...old, metadata: { ...old.metadata, resourceVersion: undefined } })

/** 422 for kinds whose PUT must name the version it replaces. */
export const missingResourceVersion = (resource: ApiResource, name: string): StatusError =>
  invalidObject({ group: resource.group, kind: resource.plural }, name, [invalid('metadata.resourceVersion', 0, 'must be specified for an update')])

function updateRules({ resource, strategy }: Target, subresource: string): UpdateRules {
  if (subresource === '') return strategy.update
  const rules = strategy.subresources[subresource]
  if (rules === undefined) throw new TypeError(`${resource.plural} has no rules for ${subresource}`)
  return rules
}

/** Fills name and namespace from the URL; throws 400 where the body says otherwise. */
export function agreeWithPath(resource: ApiResource, draft: Draft, path: RequestPath): void {
  const { metadata } = draft
  if (path.name !== '') {
    if ((metadata.name ?? '') === '') metadata.name = path.name
    else if (metadata.name !== path.name) {
      throw badRequest(`the name of the object (${metadata.name}) does not match the name on the URL (${path.name})`)
    }
  }
  if (!resource.namespaced) {
    if (metadata.namespace === '') delete metadata.namespace
    return
  }
  if ((metadata.namespace ?? '') === '') metadata.namespace = path.namespace
  else if (metadata.namespace !== path.namespace) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request')
  }
}
