// What ownership of fields needs to know of a type: which values are owned whole and which part by part.

import type { Json } from '../object.ts'
import { isAtomicMap, isAtomicStruct, isGranularField, isListSet, KEY_DEFAULTS, listMapKeys, plainName } from '../schema/list-types.ts'
import { typeOf, typeOfKind, type FieldType } from '../schema/types.ts'
import type { GroupVersionKind } from '../registry/resource.ts'

export type Shape =
  /** Scalars, atomic lists, maps and structs: one owner for the whole value. */
  | Readonly<{ kind: 'atomic' }>
  /** Structs and maps, key by key. `always`: the key is part of every object, so that its mere presence is nobody's. */
  | Readonly<{ kind: 'granular'; field: (name: string) => ShapedField }>
  /** Lists whose items are told apart by some of their fields. */
  | Readonly<{ kind: 'items'; keys: readonly string[]; defaults: Readonly<Record<string, Json>>; item: Shape }>
  /** Lists of plain values without order. */
  | Readonly<{ kind: 'values' }>
  /** Without a schema: objects are granular, everything else is atomic. */
  | Readonly<{ kind: 'deduced' }>

export const ATOMIC: Shape = { kind: 'atomic' }
export const DEDUCED: Shape = { kind: 'deduced' }

/** The shape of a built-in kind. */
export function shapeOfKind(kind: GroupVersionKind): Shape | undefined {
  const type = typeOfKind(kind)
  return type === undefined ? undefined : shapeOfType(type.id)
}

/** The shape of a named type. Made on the way down, so that types which contain themselves are no problem. */
export function shapeOfType(id: string): Shape {
  return isAtomicStruct(id) ? ATOMIC : granularShape(id)
}

type ShapedField = Readonly<{ shape: Shape; always: boolean }>
const UNKNOWN_FIELD: ShapedField = { shape: DEDUCED, always: false }

function granularShape(id: string): Shape {
  // Only fields of the type are kept, so what clients send cannot make it grow.
  const made = new Map<string, ShapedField>()
  const make = (name: string): ShapedField => {
    const field = typeOf(id).fields.get(name)
    if (field === undefined) return UNKNOWN_FIELD
    const shaped = { shape: shapeOfField(id, name, field.type), always: field.required || ALWAYS.has(name) }
    made.set(name, shaped)
    return shaped
  }
  return { kind: 'granular', field: name => made.get(name) ?? make(name) }
}

const ALWAYS: ReadonlySet<string> = new Set(['metadata', 'spec', 'status', 'template', 'strategy', 'updateStrategy', 'loadBalancer'])

function shapeOfField(id: string, name: string, type: FieldType): Shape {
  switch (type.kind) {
    case 'scalar': return ATOMIC
    case 'object': return isGranularField(id, name) ? granularShape(type.type) : shapeOfType(type.type)
    case 'map': return isAtomicMap(id, name) ? ATOMIC : mapShape(type.of)
    case 'list': {
      if (isListSet(id, name)) return { kind: 'values' }
      const keys = listMapKeys(id, name)
      if (keys === undefined || type.of.kind !== 'object') return ATOMIC
      const itemType = plainName(type.of.type)
      const defaults = Object.fromEntries(keys.flatMap(key => {
        const value = KEY_DEFAULTS[`${itemType}.${key}`]
        return value === undefined ? [] : [[key, value]]
      }))
      // An atomic struct is still told apart by its key, but owned whole.
      return { kind: 'items', keys, defaults, item: shapeOfType(type.of.type) }
    }
    default: return type satisfies never
  }
}

function mapShape(of: FieldType): Shape {
  const shape = of.kind === 'object' ? shapeOfType(of.type) : of.kind === 'map' ? mapShape(of.of) : ATOMIC
  const value = { shape, always: false }
  return { kind: 'granular', field: () => value }
}

/** What a shape is for a given value: deduced ones depend on it. */
export function resolveShape(shape: Shape, value: unknown): Exclude<Shape, { kind: 'deduced' }> {
  if (shape.kind !== 'deduced') return shape
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  return isObject ? { kind: 'granular', field: () => ({ shape: DEDUCED, always: false }) } : { kind: 'atomic' }
}
