// Ownership after a write that is no apply: whoever changes a field owns it alone, an unchanged one stays with its owners.

import type { ApiObject, Draft } from '../object.ts'
import { difference, isEmpty, union, without, EMPTY } from './field-set.ts'
import { capUpdaters, formatManagers, isSameManager, readManagers, withManager, type Managers } from './managers.ts'
import { compareObjects } from './object-fields.ts'
import type { Shape } from './shape.ts'
import { trackable } from './tracked.ts'

/** Who writes, where and when. */
export type Writer = Readonly<{ manager: string; apiVersion: string; subresource: string; hasStatus: boolean; nowMs: number }>

/**
 * Sets metadata.managedFields of `draft`, which replaces `old` (undefined: it is new). What the client sent in that
 * field is taken for the current state when it is readable: an empty list resets it.
 */
export function trackUpdate(draft: Draft, old: ApiObject | undefined, shape: Shape, writer: Writer): void {
  const before = managersBefore(draft, old)
  delete draft.metadata.managedFields
  const { added, removed, modified } = compareObjects(withoutManagers(old), draft, shape)
  const changed = trackable(union(added, modified), writer)
  const gone = trackable(removed, { ...writer, hasStatus: false, subresource: '' })
  const managers = updateOwners(before, { changed, gone }, writer)
  const entries = formatManagers(capUpdaters(managers))
  if (entries.length > 0) draft.metadata.managedFields = entries
}

type Change = Readonly<{ changed: ReturnType<typeof union>; gone: ReturnType<typeof union> }>

function updateOwners(before: Managers, { changed, gone }: Change, { manager, apiVersion, subresource, nowMs }: Writer): Managers {
  const mine = { name: manager, operation: 'Update' as const, apiVersion, subresource }
  let managers: Managers = before.map(candidate =>
    isSameManager(candidate, mine) ? candidate : { ...candidate, fields: without(difference(candidate.fields, changed), gone) })
  const own = before.find(candidate => isSameManager(candidate, mine))?.fields ?? EMPTY
  const fields = without(union(own, changed), gone)
  if (isEmpty(fields)) return managers.filter(candidate => !isSameManager(candidate, mine))
  managers = withManager(managers, { ...mine, fields }, nowMs)
  return managers
}

/** `managedFields: []` and `[{}]` reset; something unreadable counts as what was stored. */
export function managersBefore(draft: ApiObject, old: ApiObject | undefined): Managers {
  const given = draft.metadata.managedFields
  const stored = (): Managers => readManagers(old?.metadata.managedFields) ?? []
  if (given === undefined) return stored()
  if (given.length === 0 || (given.length === 1 && Object.keys(given[0]!).length === 0)) return []
  return readManagers(given) ?? stored()
}

function withoutManagers(object: ApiObject | undefined): unknown {
  if (object === undefined) return {}
  const { managedFields: _, ...metadata } = object.metadata
  return { ...object, metadata }
}
