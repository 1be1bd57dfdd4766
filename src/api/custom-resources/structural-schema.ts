// Structural schemas of custom resources: pruning and defaulting (apiextensions.k8s.io/v1 JSONSchemaProps).
// Semantics: k8s.io/apiextensions-apiserver/pkg/apiserver/schema/{pruning,defaulting}.

import { cloneJson, isPlainObject, type ApiObject, type Json } from '../object.ts'

/** The parts of JSONSchemaProps that are acted upon; a schema may carry more. */
export type StructuralSchema = {
  readonly type?: string
  readonly properties?: Readonly<Record<string, StructuralSchema>>
  readonly additionalProperties?: boolean | StructuralSchema
  readonly items?: StructuralSchema
  readonly default?: Json
  readonly nullable?: boolean
  readonly [keyword: string]: unknown
}

const PRESERVE = 'x-kubernetes-preserve-unknown-fields'
const EMBEDDED = 'x-kubernetes-embedded-resource'
const TYPE_META = ['apiVersion', 'kind', 'metadata'] as const

/** Removes what the schema does not know, in place; answers the paths that went ("spec.foo"). */
export function prune(object: ApiObject, schema: StructuralSchema): readonly string[] {
  const gone: string[] = []
  pruneMap(object, schema, '', true, gone)
  return gone
}

function pruneValue(value: unknown, schema: StructuralSchema, path: string, gone: string[]): void {
  if (Array.isArray(value)) {
    if (schema.items !== undefined) value.forEach((item, i) => pruneValue(item, schema.items!, `${path}[${i}]`, gone))
  } else if (isPlainObject(value)) {
    pruneMap(value, schema, path, schema[EMBEDDED] === true, gone)
  }
}

function pruneMap(value: Record<string, unknown>, schema: StructuralSchema, path: string, isObject: boolean, gone: string[]): void {
  for (const key of Object.keys(value)) {
    if (isObject && (TYPE_META as readonly string[]).includes(key)) continue
    const at = path === '' ? key : `${path}.${key}`
    const known = own(schema.properties, key)
    const additional = schema.additionalProperties
    if (known !== undefined) pruneValue(value[key], known, at, gone)
    else if (isPlainObject(additional)) pruneValue(value[key], additional, at, gone)
    else if (additional !== true && schema[PRESERVE] !== true) {
      delete value[key]
      gone.push(at)
    }
  }
}

/** Fills defaults in place. Nulls that the schema does not allow count as absent where there is a default. */
export function applySchemaDefaults(value: unknown, schema: StructuralSchema): void {
  if (Array.isArray(value)) {
    if (schema.items !== undefined) for (const item of value) applySchemaDefaults(item, schema.items)
    return
  }
  if (!isPlainObject(value)) return
  for (const [key, property] of Object.entries(schema.properties ?? {})) {
    const present = own(value, key)
    const missing = present === undefined || (present === null && property.nullable !== true)
    if (missing && property.default !== undefined) value[key] = cloneJson(property.default)
    if (value[key] !== undefined) applySchemaDefaults(value[key], property)
  }
  const additional = schema.additionalProperties
  if (isPlainObject(additional)) {
    for (const key of Object.keys(value)) if (own(schema.properties, key) === undefined) applySchemaDefaults(value[key], additional)
  }
}

/** Names such as "constructor" are ordinary fields here. */
const own = <T>(map: Readonly<Record<string, T>> | undefined, key: string): T | undefined =>
  (map !== undefined && Object.hasOwn(map, key) ? map[key] : undefined)
