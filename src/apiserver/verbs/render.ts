// Objects in the form the client asked for: as they are, as a table, or metadata only.

import type { ApiObject } from '../../api/object.ts'
import type { Strategy } from '../../api/registry/strategy.ts'
import { badRequest } from '../../api/status/status.ts'
import type { Negotiated } from '../http/negotiate.ts'

export type IncludeObject = 'Metadata' | 'Object' | 'None'

/** How to render, with everything that decides it: two equal renderings of an event are the same bytes. */
export type Rendering =
  | Readonly<{ kind: 'object' }>
  | Readonly<{ kind: 'partial'; metaVersion: string }>
  | Readonly<{ kind: 'table'; metaVersion: string; includeObject: IncludeObject }>

/** Reads `includeObject` where it matters. Throws 400. */
export function renderingOf(negotiated: Negotiated, query: URLSearchParams): Rendering {
  if (negotiated.rendering === 'object') return { kind: 'object' }
  if (negotiated.rendering === 'partial') return { kind: 'partial', metaVersion: negotiated.metaVersion }
  const includeObject = query.get('includeObject') ?? ''
  if (!['', 'Metadata', 'Object', 'None'].includes(includeObject)) {
    throw badRequest(`Unable to convert to Table as requested: includeObject: Invalid value: ${JSON.stringify(includeObject)}: must be 'Metadata', 'Object', 'None', or empty`)
  }
  return { kind: 'table', metaVersion: negotiated.metaVersion, includeObject: (includeObject === '' ? 'Metadata' : includeObject) as IncludeObject }
}

export const partialOf = (object: ApiObject, metaVersion: string): unknown =>
  ({ kind: 'PartialObjectMetadata', apiVersion: `meta.k8s.io/${metaVersion}`, metadata: object.metadata })

export const columnDefinitions = (strategy: Strategy): unknown => strategy.table.columns

/** One row; `nowMs` is what ages are counted to. */
export function tableRow(object: ApiObject, strategy: Strategy, rendering: Extract<Rendering, { kind: 'table' }>, nowMs: number): unknown {
  const { cells, conditions } = strategy.table.row(object, nowMs)
  const shown = rendering.includeObject === 'None' ? null : rendering.includeObject === 'Object' ? object : partialOf(object, rendering.metaVersion)
  return { cells, ...(conditions === undefined ? {} : { conditions }), object: shown }
}

/** A table of one row; `columns` may be left out after the first event of a watch. */
export const singleTable = (
  object: ApiObject, strategy: Strategy, rendering: Extract<Rendering, { kind: 'table' }>, options: Readonly<{ nowMs: number; columns: boolean }>,
): unknown => ({
  kind: 'Table', apiVersion: `meta.k8s.io/${rendering.metaVersion}`, metadata: { resourceVersion: object.metadata.resourceVersion },
  columnDefinitions: options.columns ? columnDefinitions(strategy) : null,
  rows: [tableRow(object, strategy, rendering, options.nowMs)],
})

/** One object in the form asked for. */
export function renderObject(object: ApiObject, strategy: Strategy, rendering: Rendering, nowMs: number): unknown {
  switch (rendering.kind) {
    case 'object': return object
    case 'partial': return partialOf(object, rendering.metaVersion)
    case 'table': return singleTable(object, strategy, rendering, { nowMs, columns: true })
    default: return rendering satisfies never
  }
}
