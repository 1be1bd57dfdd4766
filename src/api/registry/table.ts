// Server-side printing: what `kubectl get` shows of a kind (meta.k8s.io/v1 Table).

import type { ApiObject, Json } from '../object.ts'

export type TableColumn = Readonly<{
  name: string
  type: 'string' | 'integer' | 'number' | 'boolean' | 'date'
  /** "name" for the first column. */
  format: string
  description: string
  /** 0 is always shown, 1 only with `-o wide`. */
  priority: number
}>

export type TableRowCondition = Readonly<{ type: 'Completed'; status: 'True'; reason: string; message: string }>
export type TableRow = Readonly<{ cells: readonly Json[]; conditions?: readonly TableRowCondition[] }>

export type TableLayout = Readonly<{
  columns: readonly TableColumn[]
  /** As many cells as there are columns. */
  row: (object: ApiObject, nowMs: number) => TableRow
}>

/** Columns from "Name", "Desired(i)" (integer), "Suspend(b)" (boolean), "+IP" (priority 1): the notation of the tables. */
export const columns = (...names: readonly string[]): readonly TableColumn[] => names.map(notation => {
  const [, wide, name, type = ''] = /^(\+?)(.*?)(\([ib]\))?$/.exec(notation)!
  return {
    name: name!, type: TYPES[type] ?? 'string', format: name === 'Name' ? 'name' : '',
    description: '', priority: wide === '+' ? 1 : 0,
  }
})

const TYPES: Readonly<Record<string, TableColumn['type']>> = { '(i)': 'integer', '(b)': 'boolean' }

/** Kinds without a layout of their own. */
export const DEFAULT_TABLE: TableLayout = {
  columns: [
    { name: 'Name', type: 'string', format: 'name', description: 'Name must be unique within a namespace.', priority: 0 },
    { name: 'Created At', type: 'date', format: '', description: 'When the object was created.', priority: 0 },
  ],
  row: object => ({ cells: [object.metadata.name ?? '', object.metadata.creationTimestamp ?? null] }),
}
