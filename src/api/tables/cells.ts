// Cells that many kinds show alike.

import type { LabelSelector } from 'kubernetes-types/meta/v1.d.ts'
import type { PodTemplateSpec } from 'kubernetes-types/core/v1.d.ts'
import type { ApiObject } from '../object.ts'
import { columns, type TableLayout } from '../registry/table.ts'
import { formatAge } from './age.ts'

export const NONE = '<none>'
export const UNKNOWN = '<unknown>'
export const UNSET = '<unset>'

export const nameOf = (object: ApiObject): string => object.metadata.name ?? ''
export const ageOf = (object: ApiObject, nowMs: number): string => formatAge(object.metadata.creationTimestamp, nowMs)

/** A table of name, own columns, age and wide columns; `cells` answers the own ones, `wide` the last ones. */
export function layout<T>({ own, wide = [], cells, wideCells = () => [] }: {
  own: readonly string[]
  wide?: readonly string[]
  cells: (object: T & ApiObject, nowMs: number) => readonly (string | number | boolean)[]
  wideCells?: (object: T & ApiObject) => readonly (string | number)[]
}): TableLayout {
  return {
    columns: columns('Name', ...own, 'Age', ...wide.map(name => `+${name}`)),
    row: (object, nowMs) => {
      const typed = object as T & ApiObject
      return { cells: [nameOf(object), ...cells(typed, nowMs), ageOf(object, nowMs), ...wideCells(typed)] }
    },
  }
}

/** `a=b,c=d` sorted by key, or `<none>`. */
export const formatLabels = (labels: Readonly<Record<string, string>> | undefined): string =>
  Object.keys(labels ?? {}).length === 0 ? NONE : Object.keys(labels!).sort().map(key => `${key}=${labels![key]}`).join(',')

/** A LabelSelector as kubectl writes it: `a=b,k in (x,y),!z`; `<none>` when it selects everything. */
export function formatSelector(selector: LabelSelector | undefined): string {
  const terms = Object.keys(selector?.matchLabels ?? {}).sort().map(key => `${key}=${selector!.matchLabels![key]}`)
  for (const { key, operator, values = [] } of selector?.matchExpressions ?? []) {
    const list = `(${[...values].sort().join(',')})`
    if (operator === 'In') terms.push(`${key} in ${list}`)
    else if (operator === 'NotIn') terms.push(`${key} notin ${list}`)
    else terms.push(operator === 'Exists' ? key : `!${key}`)
  }
  return terms.length === 0 ? NONE : terms.join(',')
}

export const WORKLOAD_WIDE = ['Containers', 'Images', 'Selector'] as const

/** Names and images of a template's containers. */
export function containerCells(template: PodTemplateSpec | undefined): readonly [names: string, images: string] {
  const containers = template?.spec?.containers ?? []
  return [containers.map(({ name }) => name).join(','), containers.map(({ image }) => image ?? '').join(',')]
}

/** The first `max` items joined by commas, then ` + N more...`. */
export function formatFirst(items: readonly string[], max: number, none: string): string {
  if (items.length === 0) return none
  const rest = items.length - max
  return rest > 0 ? `${items.slice(0, max).join(',')} + ${rest} more...` : items.join(',')
}
