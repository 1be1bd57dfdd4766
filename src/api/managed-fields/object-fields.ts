// Which fields an object has, and how two objects differ, as sets of paths (structured-merge-diff: ToFieldSet, Compare).

import { equalJson, isPlainObject } from '../object.ts'
import { EMPTY, LEAF, node, type FieldSet, type PathElement } from './field-set.ts'
import { itemElement, valueElement } from './items.ts'
import { resolveShape, type Shape } from './shape.ts'

/** The fields of a value. */
export function fieldsOf(value: unknown, shape: Shape): FieldSet {
  const children = childrenOf(value, resolveShape(shape, value))
  if (children === undefined) return EMPTY
  const set = new Map<PathElement, FieldSet>()
  for (const { element, value: inner, shape: innerShape, isItem } of children) {
    const resolved = resolveShape(innerShape, inner)
    const below = fieldsOf(inner, innerShape)
    const leaf = childrenOf(inner, resolved) === undefined || below.children.size === 0
    set.set(element, { member: leaf || isItem, children: below.children })
  }
  return { member: false, children: set }
}

export type Comparison = Readonly<{ added: FieldSet; removed: FieldSet; modified: FieldSet }>

/** How `after` differs from `before`. A part that is new as a whole is listed with everything below it. */
export function compareObjects(before: unknown, after: unknown, shape: Shape): Comparison {
  const [added, removed, modified] = compare(before, after, shape)
  return { added: added ?? EMPTY, removed: removed ?? EMPTY, modified: modified ?? EMPTY }
}

type Three = readonly [added: FieldSet | undefined, removed: FieldSet | undefined, modified: FieldSet | undefined]
const SAME: Three = [undefined, undefined, undefined]

function compare(before: unknown, after: unknown, shape: Shape): Three {
  if (before === after) return SAME
  if (before === undefined) return [addedFields(after, shape), undefined, undefined]
  const left = childrenOf(before, resolveShape(shape, before))
  const right = after === undefined ? undefined : childrenOf(after, resolveShape(shape, after))
  const isLeaf = (left === undefined || left.length === 0) && (after === undefined || right === undefined || right.length === 0)
  if (isLeaf || left === undefined || (right === undefined && after !== undefined)) {
    if (after === undefined) return [undefined, LEAF, undefined]
    return equalJson(before, after) ? SAME : [undefined, undefined, LEAF]
  }
  const others = new Map(left.map(child => [child.element, child]))
  const sets = [new Map<PathElement, FieldSet>(), new Map<PathElement, FieldSet>(), new Map<PathElement, FieldSet>()] as const
  const note = (element: PathElement, three: Three, { wholly }: { wholly: number | undefined }): void => {
    three.forEach((set, index) => {
      const found = wholly === index ? { member: true, children: set?.children ?? new Map<PathElement, FieldSet>() } : set
      if (found !== undefined) sets[index]!.set(element, found)
    })
  }
  for (const child of right ?? []) {
    const other = others.get(child.element)
    others.delete(child.element)
    const isNew = other === undefined
    note(child.element, compare(other?.value, child.value, child.shape), { wholly: isNew && !child.always ? 0 : undefined })
  }
  for (const child of others.values()) note(child.element, compare(child.value, undefined, child.shape), { wholly: child.always ? undefined : 1 })
  return [node(false, sets[0]), node(false, sets[1]), node(false, sets[2])]
}

/** What is new as a whole, with everything below it: most of what creates do. */
function addedFields(after: unknown, shape: Shape): FieldSet | undefined {
  const parts = childrenOf(after, resolveShape(shape, after))
  if (parts === undefined || parts.length === 0) return LEAF
  const children = new Map<PathElement, FieldSet>()
  for (const { element, value, shape: innerShape, always } of parts) {
    const below = addedFields(value, innerShape)
    if (!always) children.set(element, { member: true, children: below?.children ?? EMPTY.children })
    else if (below !== undefined) children.set(element, below)
  }
  return node(false, children)
}

export type Child = Readonly<{ element: PathElement; value: unknown; shape: Shape; always: boolean; isItem: boolean }>

/** The parts of a value that are owned one by one; undefined for what is owned whole. */
export function childrenOf(value: unknown, shape: Exclude<Shape, { kind: 'deduced' }>): readonly Child[] | undefined {
  switch (shape.kind) {
    case 'atomic': return undefined
    case 'granular': {
      if (!isPlainObject(value)) return undefined
      const children: Child[] = []
      for (const name of Object.keys(value)) {
        const inner = value[name]
        if (inner === undefined) continue
        const { shape: innerShape, always } = shape.field(name)
        children.push({ element: `f:${name}`, value: inner, shape: innerShape, always, isItem: false })
      }
      return children
    }
    case 'items': {
      if (!Array.isArray(value)) return undefined
      const children: Child[] = []
      for (const item of value) {
        const element = itemElement(item, shape)
        // An item that cannot be told apart (stored before the key was needed) belongs to nobody.
        if (element !== undefined) children.push({ element, value: item, shape: shape.item, always: false, isItem: true })
      }
      return children
    }
    case 'values': {
      if (!Array.isArray(value)) return undefined
      return value.map(item => ({ element: valueElement(item), value: item, shape: { kind: 'atomic' as const }, always: false, isItem: true }))
    }
    default: return shape satisfies never
  }
}
