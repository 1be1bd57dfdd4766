// Merging an applied configuration into an object, and removing fields from one (structured-merge-diff: Merge, RemoveItems).

import { cloneJson, isPlainObject, setOwn } from '../object.ts'
import type { FieldSet } from './field-set.ts'
import { itemElement, valueElement } from './items.ts'
import { resolveShape, type Shape } from './shape.ts'

/** A copy of `live` with everything that `applied` says. */
export function mergeApplied(live: unknown, applied: unknown, shape: Shape): unknown {
  const resolved = resolveShape(shape, applied)
  switch (resolved.kind) {
    case 'atomic': return cloneJson(applied)
    case 'granular': {
      if (!isPlainObject(live) || !isPlainObject(applied)) return cloneJson(applied)
      const result: Record<string, unknown> = cloneJson(live)
      for (const name of Object.keys(applied)) {
        const before = Object.hasOwn(live, name) ? live[name] : undefined
        setOwn(result, name, mergeApplied(before, applied[name], resolved.field(name).shape))
      }
      return result
    }
    case 'items': return mergeLists(live, applied, item => itemElement(item, resolved), (before, item) => mergeApplied(before, item, resolved.item))
    case 'values': return mergeLists(live, applied, valueElement, (_, item) => cloneJson(item))
    default: return resolved satisfies never
  }
}

/** Applied items in their order; items that only the object has keep their place among them. */
function mergeLists(
  live: unknown, applied: unknown, identity: (item: unknown) => string | undefined, merge: (before: unknown, item: unknown) => unknown,
): unknown {
  if (!Array.isArray(live) || !Array.isArray(applied)) return cloneJson(applied)
  const before = new Map<string, unknown>()
  for (const item of live) {
    const element = identity(item)
    if (element !== undefined && !before.has(element)) before.set(element, item)
  }
  const wanted = new Set(applied.map(identity))
  const rest = [...applied] as unknown[]
  const done = new Set<string>()
  const result: unknown[] = []
  const emit = (item: unknown): string | undefined => {
    const element = identity(item)
    if (element !== undefined) done.add(element)
    result.push(merge(element === undefined ? undefined : before.get(element), item))
    return element
  }
  for (const item of live) {
    const element = identity(item)
    if (element === undefined || !wanted.has(element)) result.push(cloneJson(item))
    else if (!done.has(element)) while (rest.length > 0 && emit(rest.shift()) !== element);
  }
  for (const item of rest) emit(item)
  return result
}

/** A copy without the members of `fields` and what lies below them. A container that this empties goes, too, unless `kept` has it. */
export function removeFields(value: unknown, fields: FieldSet, kept: FieldSet, shape: Shape): unknown {
  const resolved = resolveShape(shape, value)
  const gone = Symbol('gone')
  const inner = (item: unknown, element: string, itemShape: Shape): unknown => {
    const below = fields.children.get(element)
    if (below === undefined) return item
    const keptBelow = kept.children.get(element)
    // Parts of a struct keep it; parts of a list item do not keep the item.
    if (below.member && (keptBelow === undefined || (element.startsWith('k:') && !keptBelow.member))) return gone
    const left = removeFields(item, below, keptBelow ?? { member: false, children: new Map() }, itemShape)
    const emptied = left !== item && isEmptyContainer(left) && !isEmptyContainer(item)
    return emptied && keptBelow === undefined ? gone : left
  }
  if (resolved.kind === 'granular' && isPlainObject(value)) {
    const result: Record<string, unknown> = {}
    let changed = false
    for (const name of Object.keys(value)) {
      const left = inner(value[name], `f:${name}`, resolved.field(name).shape)
      changed ||= left !== value[name]
      if (left !== gone) setOwn(result, name, left)
    }
    return changed ? result : value
  }
  if ((resolved.kind === 'items' || resolved.kind === 'values') && Array.isArray(value)) {
    const identity = resolved.kind === 'items' ? (item: unknown) => itemElement(item, resolved) : valueElement
    const list = value.map(item => {
      const element = identity(item)
      return element === undefined ? item : inner(item, element, resolved.kind === 'items' ? resolved.item : { kind: 'atomic' })
    })
    return list.every((item, index) => item === value[index]) ? value : list.filter(item => item !== gone)
  }
  return value
}

const isEmptyContainer = (value: unknown): boolean =>
  Array.isArray(value) ? value.length === 0 : isPlainObject(value) && Object.keys(value).length === 0
