// Server-side apply (KEP-555): merge what a manager wants into the object, take out what it no longer wants, and refuse
// to change what others own.

import { cloneJson, type ApiObject, type Draft } from '../object.ts'
import { badRequest, failure, invalidObject, type StatusCause, type StatusError } from '../status/status.ts'
import { difference, EMPTY, formatPath, intersection, isEmpty, members, union, without, type FieldSet } from './field-set.ts'
import { itemProblem } from './items.ts'
import { capUpdaters, formatManagers, isSameManager, readManagers, withManager, type Manager, type Managers } from './managers.ts'
import { mergeApplied, removeFields } from './merge.ts'
import { compareObjects, fieldsOf } from './object-fields.ts'
import { resolveShape, type Shape } from './shape.ts'
import { trackable } from './tracked.ts'
import type { Writer } from './update.ts'

export type ApplyRequest = Writer & Readonly<{ force: boolean; kind: Readonly<{ group: string; kind: string }> }>

/** kubectl keeps this in step with client-side apply. */
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration'

/**
 * The object that results when `applied` is applied to `live` (undefined: it does not exist yet), as a new draft with
 * its managedFields. Run `finishApply` on it after defaulting. Throws 400, 409 (conflicts) and 422.
 */
export function applyObject(live: ApiObject | undefined, applied: ApiObject, shape: Shape, request: ApplyRequest): { draft: Draft; managers: Managers } {
  if (applied.metadata.managedFields !== undefined) throw badRequest('metadata.managedFields must be nil')
  const name = applied.metadata.name ?? live?.metadata.name ?? ''
  const problems = listProblems(applied, shape, '')
  if (problems.length > 0) throw invalidObject(request.kind, name, problems)
  const before = readManagers(live?.metadata.managedFields) ?? []
  const mine = { name: request.manager, operation: 'Apply' as const, apiVersion: request.apiVersion, subresource: request.subresource }
  const last = before.find(candidate => isSameManager(candidate, mine))?.fields ?? EMPTY
  const wanted = trackable(fieldsOf(applied, shape), request)
  const liveBody = withoutManagers(live)
  const others = before.filter(candidate => !isSameManager(candidate, mine))

  const merged = mergeApplied(liveBody, applied, shape) as Draft
  const kept = others.reduce((all, { fields }) => union(all, fields), wanted)
  const pruned = removeFields(merged, difference(last, wanted), kept, shape) as Draft

  const { added, removed, modified } = compareObjects(liveBody, pruned, shape)
  const changed = trackable(union(added, modified), request)
  const gone = trackable(removed, { ...request, hasStatus: false, subresource: '' })
  if (!request.force) refuseConflicts(others, changed)
  const remaining = others.map(candidate => ({ ...candidate, fields: without(difference(candidate.fields, changed), gone) }))
  const previous = before.find(candidate => isSameManager(candidate, mine))
  const managers = withManager([...remaining, ...(previous === undefined ? [] : [previous])], { ...mine, fields: wanted }, request.nowMs)
  return { draft: keepLastApplied(pruned, applied, request.manager), managers }
}

/** Writes the managers into the defaulted draft. */
export function finishApply(draft: Draft, managers: Managers): void {
  const entries = formatManagers(capUpdaters(managers))
  if (entries.length === 0) delete draft.metadata.managedFields
  else draft.metadata.managedFields = entries
}

function refuseConflicts(others: Managers, changed: FieldSet): void {
  const conflicts = others.flatMap(manager => {
    const fields = intersection(manager.fields, changed)
    return isEmpty(fields) ? [] : [...members(fields)].map(path => ({ order: orderOf(manager), who: describeManager(manager), field: formatPath(path) }))
  }).toSorted((a, b) => (a.order < b.order ? -1 : a.order > b.order ? 1 : a.field < b.field ? -1 : a.field > b.field ? 1 : 0))
  if (conflicts.length > 0) throw conflictError(conflicts)
}

/** Upstream sorts by the JSON text that identifies a manager. */
const orderOf = ({ name, operation, apiVersion, subresource }: Manager): string =>
  JSON.stringify({ manager: name, operation, ...(operation === 'Update' ? { apiVersion } : {}), ...(subresource === '' ? {} : { subresource }) })

function describeManager({ name, operation, apiVersion, subresource }: Manager): string {
  const parts = [JSON.stringify(name)]
  if (subresource !== '') parts.push(`with subresource ${JSON.stringify(subresource)}`)
  if (operation === 'Update') parts.push(`using ${apiVersion}`)
  return parts.join(' ')
}

function conflictError(conflicts: readonly Readonly<{ who: string; field: string }>[]): StatusError {
  const causes: StatusCause[] = conflicts.map(({ who, field }) => ({ reason: 'FieldManagerConflict', message: `conflict with ${who}`, field }))
  const [only] = conflicts
  const message = conflicts.length === 1
    ? `Apply failed with 1 conflict: conflict with ${only!.who}: ${only!.field}`
    : `Apply failed with ${conflicts.length} conflicts: ${groupConflicts(conflicts)}`
  return failure({ code: 409, reason: 'Conflict', message, details: { causes } })
}

function groupConflicts(conflicts: readonly Readonly<{ who: string; field: string }>[]): string {
  const byManager = Map.groupBy(conflicts, ({ who }) => who)
  return [...byManager].map(([who, list]) => `conflicts with ${who}:\n${list.map(({ field }) => `- ${field}`).join('\n')}`).join('\n')
}

/** Client-side apply reads the annotation; an object that has one must not go stale when kubectl changes over. */
function keepLastApplied(draft: Draft, applied: ApiObject, manager: string): Draft {
  const annotations = draft.metadata.annotations
  if (manager !== 'kubectl' || annotations?.[LAST_APPLIED] === undefined || applied.metadata.annotations?.[LAST_APPLIED] !== undefined) return draft
  const body = cloneJson(applied)
  if (body.metadata.annotations === undefined) body.metadata.annotations = {}
  const text = `${JSON.stringify(body)}\n`
  return { ...draft, metadata: { ...draft.metadata, annotations: { ...annotations, [LAST_APPLIED]: text } } }
}

function listProblems(value: unknown, shape: Shape, path: string): NonNullable<ReturnType<typeof itemProblem>>[] {
  const resolved = resolveShape(shape, value)
  if (resolved.kind === 'granular' && typeof value === 'object' && value !== null) {
    return Object.entries(value).flatMap(([name, inner]) => listProblems(inner, resolved.field(name).shape, path === '' ? name : `${path}.${name}`))
  }
  if (resolved.kind === 'items' && Array.isArray(value)) {
    const problem = itemProblem(value, resolved, path)
    return problem === undefined ? value.flatMap((item, index) => listProblems(item, resolved.item, `${path}[${index}]`)) : [problem]
  }
  return []
}

function withoutManagers(object: ApiObject | undefined): unknown {
  if (object === undefined) return {}
  const { managedFields: _, ...metadata } = object.metadata
  return { ...object, metadata }
}
