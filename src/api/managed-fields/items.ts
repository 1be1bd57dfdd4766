// Identity of list items.

import { isPlainObject } from '../object.ts'
import { invalid, type FieldError } from '../status/field-error.ts'
import type { PathElement } from './field-set.ts'
import type { Shape } from './shape.ts'

type Items = Extract<Shape, { kind: 'items' }>

/** The path element of an item: its keys in order, defaults filled in; undefined when one is missing. */
export function itemElement(item: unknown, { keys, defaults }: Items): PathElement | undefined {
  if (!isPlainObject(item)) return undefined
  const identity: Record<string, unknown> = {}
  for (const key of [...keys].sort()) {
    const value = item[key] ?? defaults[key]
    if (value === undefined) return undefined
    identity[key] = value
  }
  return `k:${JSON.stringify(identity)}`
}

export const valueElement = (value: unknown): PathElement => `v:${JSON.stringify(value)}`

/** Why a list cannot be told apart; for lists that a client applies. */
export function itemProblem(list: readonly unknown[], shape: Items, path: string): FieldError | undefined {
  const seen = new Set<PathElement>()
  for (const [index, item] of list.entries()) {
    const element = itemElement(item, shape)
    const at = `${path}[${index}]`
    if (element === undefined) {
      const missing = shape.keys.find(key => !isPlainObject(item) || (item[key] ?? shape.defaults[key]) === undefined)
      return invalid(at, item, `associative list with keys has an element that omits key field ${JSON.stringify(missing)} (and doesn't have default value)`)
    }
    if (seen.has(element)) return invalid(at, item, `duplicate entries for key ${element.slice(2)}`)
    seen.add(element)
  }
  return undefined
}
