// The managers of an object: metadata.managedFields as sets, and back. Identity, order and limits as in
// k8s.io/apimachinery/pkg/util/managedfields.

import { formatTime, type ManagedFieldsEntry } from '../object.ts'
import { EMPTY, equalSets, formatFields, isEmpty, parseFields, union, type FieldSet } from './field-set.ts'

export type Manager = Readonly<{
  name: string
  operation: 'Apply' | 'Update'
  apiVersion: string
  subresource: string
  /** RFC 3339; undefined when the client that wrote the entry left it out. */
  time: string | undefined
  fields: FieldSet
}>

export type Managers = readonly Manager[]

const MAX_UPDATERS = 10
const OLD_UPDATERS = 'ancient-changes'

/** An Update entry is also told apart by the version that was written. */
export const isSameManager = (a: Manager, b: Pick<Manager, 'name' | 'operation' | 'apiVersion' | 'subresource'>): boolean =>
  a.name === b.name && a.operation === b.operation && a.subresource === b.subresource && (a.operation === 'Apply' || a.apiVersion === b.apiVersion)

/** Reads entries. Undefined when one is malformed, in which case tracking starts anew: a write never fails on it. */
export function readManagers(entries: readonly ManagedFieldsEntry[] | undefined): Managers | undefined {
  const managers: Manager[] = []
  for (const { manager = '', operation, apiVersion = '', subresource = '', time, fieldsType, fieldsV1 } of entries ?? []) {
    const fields = parseFields(fieldsV1 ?? {})
    if (fields === undefined || (operation !== 'Apply' && operation !== 'Update') || fieldsType !== 'FieldsV1') return undefined
    managers.push({ name: manager, operation, apiVersion, subresource, time, fields })
  }
  return managers
}

/** Entries in the order that upstream keeps: appliers first, then by time, name, version and sub-resource. */
export function formatManagers(managers: Managers): ManagedFieldsEntry[] {
  return managers.filter(({ fields }) => !isEmpty(fields)).toSorted(byPlace).map(({ name, operation, apiVersion, subresource, time, fields }) => ({
    manager: name, operation, apiVersion, ...(time === undefined ? {} : { time }), fieldsType: 'FieldsV1', fieldsV1: formatFields(fields),
    ...(subresource === '' ? {} : { subresource }),
  }))
}

function byPlace(a: Manager, b: Manager): number {
  for (const key of ['operation', 'time', 'name', 'apiVersion', 'subresource'] as const) {
    const [left, right] = [a[key] ?? '', b[key] ?? '']
    if (left !== right) return left < right ? -1 : 1
  }
  return 0
}

/** Replaces or adds a manager; its time moves only when its fields do. */
export function withManager(managers: Managers, changed: Omit<Manager, 'time'>, nowMs: number): Managers {
  const before = managers.find(candidate => isSameManager(candidate, changed))
  if (before !== undefined && equalSets(before.fields, changed.fields) && before.apiVersion === changed.apiVersion) return managers
  const next: Manager = { ...changed, time: formatTime(nowMs) }
  return before === undefined ? [...managers, next] : managers.map(candidate => (candidate === before ? next : candidate))
}

/** Merges the oldest Update entries while there are too many. */
export function capUpdaters(managers: Managers): Managers {
  let result = managers.filter(({ fields }) => !isEmpty(fields))
  for (;;) {
    const updaters = result.filter(({ operation }) => operation === 'Update').toSorted(byPlace)
    if (updaters.length <= MAX_UPDATERS) return result
    const oldest = updaters.find(({ name }) => name !== OLD_UPDATERS)!
    const bucket = updaters.find(({ name, apiVersion }) => name === OLD_UPDATERS && apiVersion === oldest.apiVersion)
    const merged: Manager = {
      ...oldest, name: OLD_UPDATERS, subresource: '', fields: union(bucket?.fields ?? EMPTY, oldest.fields),
    }
    // The first merge of a version only renames an entry; the next one saves it.
    result = [...result.filter(candidate => candidate !== oldest && candidate !== bucket), merged]
  }
}
