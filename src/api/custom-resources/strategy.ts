// The strategy of a custom resource, made from its definition's version.

import type { Shape } from '../managed-fields/shape.ts'
import { ATOMIC, DEDUCED, shapeOfType } from '../managed-fields/shape.ts'
import { equalJson, isPlainObject, type ApiObject, type Json } from '../object.ts'
import { genericStrategy, statusRules, type Strategy } from '../registry/strategy.ts'
import type { TableColumn, TableLayout } from '../registry/table.ts'
import type { CustomResource, PrinterColumn } from './definition.ts'
import { readPath } from './definition.ts'
import { applySchemaDefaults, type StructuralSchema } from './structural-schema.ts'
import { compileSchema } from './validate-schema.ts'

/** Throws when the schema cannot be compiled; definitions are validated before they get here. */
export function customStrategy({ resource, version, schema }: CustomResource): Strategy {
  const base = genericStrategy(resource)
  const validate = compileSchema(schema)
  const hasStatus = version.subresources?.status !== undefined
  const fields = (version.selectableFields ?? []).map(({ jsonPath }) => jsonPath)
  return {
    ...base,
    shape: shapeOfSchema(schema, true),
    applyDefaults: draft => applySchemaDefaults(draft, schema),
    validateCreate: validate,
    update: { ...base.update, validate: next => validate(next) },
    subresources: hasStatus ? { status: statusRules({ metadata: [], validate: next => validate(next) }) } : {},
    warnings: () => (version.deprecated === true ? [version.deprecationWarning ?? `${resource.group}/${version.name} ${resource.kind} is deprecated`] : []),
    // Without a status sub-resource every change but those of metadata counts.
    generationChanges: (next, old) => !equalJson(counted(next, hasStatus), counted(old, hasStatus)),
    fieldLabels: fields.map(path => path.replace(/^\./, '')),
    selectableFields: object => Object.fromEntries(fields.map(path => [path.replace(/^\./, ''), text(readPath(object, path))])),
    table: tableOf(version.additionalPrinterColumns ?? []),
  }
}

const counted = ({ metadata: _metadata, status, ...rest }: ApiObject, hasStatus: boolean): unknown => (hasStatus ? rest : { ...rest, status })

const text = (value: unknown): string => (value === undefined || value === null ? '' : typeof value === 'object' ? JSON.stringify(value) : String(value))

const NAME_COLUMN: TableColumn = { name: 'Name', type: 'string', format: 'name', description: 'Name must be unique within a namespace.', priority: 0 }
const AGE: PrinterColumn = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', description: 'When the object was created.' }

function tableOf(given: readonly PrinterColumn[]): TableLayout {
  const shown = given.length > 0 ? given : [AGE]
  return {
    columns: [NAME_COLUMN, ...shown.map(({ name, type, format = '', description = '', priority = 0 }): TableColumn => ({ name, type: type as TableColumn['type'], format, description, priority }))],
    row: object => ({ cells: [object.metadata.name ?? '', ...shown.map(column => cell(object, column))] }),
  }
}

/** Dates go as they are, kubectl turns them into ages; values of another type than the column's show as nothing. */
function cell(object: ApiObject, { jsonPath, type }: PrinterColumn): Json {
  const value = readPath(object, jsonPath)
  if (value === undefined || value === null) return null
  switch (type) {
    case 'integer': return Number.isInteger(value) ? value as number : null
    case 'number': return typeof value === 'number' ? value : null
    case 'boolean': return typeof value === 'boolean' ? value : null
    default: return text(value)
  }
}

/** Which values are owned whole and which part by part (x-kubernetes-list-type, -map-type). */
function shapeOfSchema(schema: StructuralSchema, root = false): Shape {
  const { properties, additionalProperties: additional, items } = schema
  if (schema['x-kubernetes-map-type'] === 'atomic') return ATOMIC
  if (schema.type === 'array') {
    const listType = schema['x-kubernetes-list-type']
    if (listType === 'set') return { kind: 'values' }
    if (listType !== 'map' || items === undefined) return ATOMIC
    const keys = (schema['x-kubernetes-list-map-keys'] ?? []) as readonly string[]
    const defaults = Object.fromEntries(keys.flatMap(key => {
      const value = items.properties?.[key]?.default
      return value === undefined ? [] : [[key, value]]
    }))
    return { kind: 'items', keys, defaults, item: shapeOfSchema(items) }
  }
  if (properties === undefined && !isPlainObject(additional)) return schema.type === 'object' || schema.type === undefined ? DEDUCED : ATOMIC
  return {
    kind: 'granular',
    field: name => {
      if (root && name === 'metadata') return { shape: shapeOfType('meta/v1.ObjectMeta'), always: true }
      const known = properties !== undefined && Object.hasOwn(properties, name) ? properties[name] : undefined
      if (known !== undefined) return { shape: shapeOfSchema(known), always: false }
      return { shape: isPlainObject(additional) ? shapeOfSchema(additional as StructuralSchema) : DEDUCED, always: false }
    },
  }
}
