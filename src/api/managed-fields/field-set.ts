// Sets of field paths, and their form in managedFields (FieldsV1: `f:` field, `k:` keyed item, `v:` set value, `.` itself).
// Sets are values: operations answer new ones.

import { setOwn, type JsonObject } from '../object.ts'

/** One step of a path, in the notation of FieldsV1: `f:spec`, `k:{"name":"a"}`, `v:"x"`. */
export type PathElement = string

/** A node of the tree: is the path up to here a member, and what lies below. */
export type FieldSet = Readonly<{ member: boolean; children: ReadonlyMap<PathElement, FieldSet> }>

export const EMPTY: FieldSet = { member: false, children: new Map() }
export const LEAF: FieldSet = { member: true, children: new Map() }

export const isEmpty = (set: FieldSet): boolean => !set.member && set.children.size === 0

/** A node, or undefined when nothing would be in it. */
export const node = (member: boolean, children: ReadonlyMap<PathElement, FieldSet>): FieldSet | undefined =>
  member || children.size > 0 ? { member, children } : undefined

export function union(a: FieldSet, b: FieldSet): FieldSet {
  if (isEmpty(a)) return b
  if (isEmpty(b)) return a
  const children = new Map(a.children)
  for (const [element, child] of b.children) {
    const mine = children.get(element)
    children.set(element, mine === undefined ? child : union(mine, child))
  }
  return { member: a.member || b.member, children }
}

/** Members of `a` that are not members of `b`. */
export function difference(a: FieldSet, b: FieldSet): FieldSet {
  const children = new Map<PathElement, FieldSet>()
  for (const [element, child] of a.children) {
    const other = b.children.get(element)
    const rest = other === undefined ? child : difference(child, other)
    if (!isEmpty(rest)) children.set(element, rest)
  }
  return { member: a.member && !b.member, children }
}

/** Like `difference`, but what lies below a member of `b` goes too: who removes a field removes all of it. */
export function without(a: FieldSet, b: FieldSet): FieldSet {
  if (b.member) return EMPTY
  const children = new Map<PathElement, FieldSet>()
  for (const [element, child] of a.children) {
    const other = b.children.get(element)
    const rest = other === undefined ? child : without(child, other)
    if (!isEmpty(rest)) children.set(element, rest)
  }
  return { member: a.member, children }
}

/** Paths that are members of both. */
export function intersection(a: FieldSet, b: FieldSet): FieldSet {
  const children = new Map<PathElement, FieldSet>()
  for (const [element, child] of a.children) {
    const other = b.children.get(element)
    if (other === undefined) continue
    const both = intersection(child, other)
    if (!isEmpty(both)) children.set(element, both)
  }
  return { member: a.member && b.member, children }
}

export function equalSets(a: FieldSet, b: FieldSet): boolean {
  if (a.member !== b.member || a.children.size !== b.children.size) return false
  for (const [element, child] of a.children) {
    const other = b.children.get(element)
    if (other === undefined || !equalSets(child, other)) return false
  }
  return true
}

/** The paths in a set, each as its elements, sorted. */
export function* members(set: FieldSet, prefix: readonly PathElement[] = []): Iterable<readonly PathElement[]> {
  if (set.member && prefix.length > 0) yield prefix
  for (const element of [...set.children.keys()].sort()) yield* members(set.children.get(element)!, [...prefix, element])
}

/** The FieldsV1 object of a set. */
export function formatFields(set: FieldSet): JsonObject {
  const result: JsonObject = {}
  for (const element of [...set.children.keys()].sort()) {
    const child = set.children.get(element)!
    const below = formatFields(child)
    setOwn(result, element, child.member && child.children.size > 0 ? { '.': {}, ...below } : below)
  }
  return result
}

/** Reads a FieldsV1 object; undefined for what is none. */
export function parseFields(fields: unknown, isRoot = true): FieldSet | undefined {
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) return undefined
  const children = new Map<PathElement, FieldSet>()
  let member = false
  const entries = Object.entries(fields)
  for (const [element, value] of entries) {
    if (element === '.') {
      member = true
      continue
    }
    if (!/^(?:f:|k:\{|v:|i:)/.test(element)) return undefined
    const child = parseFields(value, false)
    if (child === undefined) return undefined
    children.set(element, child)
  }
  if (entries.length === 0 && !isRoot) member = true
  return { member: member && !isRoot, children }
}

/** ".spec.containers[name="a"].image", as conflicts name a field. */
export function formatPath(path: readonly PathElement[]): string {
  return path.map(element => {
    const body = element.slice(2)
    switch (element[0]) {
      case 'f': return `.${body}`
      case 'v': return `[=${body}]`
      case 'k': return `[${Object.entries(JSON.parse(body) as Record<string, unknown>).map(([key, value]) => `${key}=${JSON.stringify(value)}`).join(',')}]`
      default: return `[${body}]`
    }
  }).join('')
}
