// Values against the schema of a custom resource, through ajv, with errors in upstream's words
// (k8s.io/apiextensions-apiserver/pkg/apiserver/validation).

import { Ajv, type ErrorObject } from 'ajv'
import { isPlainObject, type ApiObject } from '../object.ts'
import { duplicate, forbidden, invalid, notSupported, required, tooLong, tooMany, typeInvalid, type FieldError } from '../status/field-error.ts'
import type { StructuralSchema } from './structural-schema.ts'

export type SchemaValidator = (object: ApiObject) => readonly FieldError[]

const INT_OR_STRING = 'x-kubernetes-int-or-string'
/** Keywords that JSON schema knows by the same name and meaning; everything else is left out. */
const KEYWORDS = [
  'type', 'enum', 'minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf', 'minLength', 'maxLength', 'pattern',
  'minItems', 'maxItems', 'uniqueItems', 'minProperties', 'maxProperties', 'required',
] as const

/** Compiles a schema once. Throws when a pattern or bound in it makes no sense. */
export function compileSchema(schema: StructuralSchema): SchemaValidator {
  const ajv = new Ajv({ allErrors: true, strict: false, verbose: true, validateFormats: false, unicodeRegExp: false, allowUnionTypes: true })
  const check = ajv.compile(jsonSchema(schema))
  return object => {
    if (check(object)) return []
    return (check.errors ?? []).flatMap(fieldErrorOf)
  }
}

/** The structural schema as plain JSON schema (draft 7). */
function jsonSchema(schema: StructuralSchema): Record<string, unknown> {
  const out: Record<string, unknown> = {}
  for (const keyword of KEYWORDS) if (schema[keyword] !== undefined) out[keyword] = schema[keyword]
  // OpenAPI v3.0 has exclusive bounds as booleans beside the bound.
  for (const [bound, exclusive] of [['minimum', 'exclusiveMinimum'], ['maximum', 'exclusiveMaximum']] as const) {
    if (schema[exclusive] === true) out[exclusive] = schema[bound]
    else if (typeof schema[exclusive] === 'boolean') delete out[exclusive]
  }
  if (schema[INT_OR_STRING] === true) out['type'] = ['integer', 'string']
  if (schema.nullable === true) {
    if (typeof out['type'] === 'string') out['type'] = [out['type'], 'null']
    if (Array.isArray(out['enum'])) out['enum'] = [...out['enum'] as unknown[], null]
  }
  if (schema.properties !== undefined) out['properties'] = mapValues(schema.properties, jsonSchema)
  if (isPlainObject(schema.additionalProperties)) out['additionalProperties'] = jsonSchema(schema.additionalProperties)
  if (isPlainObject(schema.items)) out['items'] = jsonSchema(schema.items)
  for (const keyword of ['allOf', 'anyOf', 'oneOf']) {
    if (Array.isArray(schema[keyword])) out[keyword] = (schema[keyword] as StructuralSchema[]).map(jsonSchema)
  }
  if (isPlainObject(schema['not'])) out['not'] = jsonSchema(schema['not'] as StructuralSchema)
  return out
}

const mapValues = <T, R>(map: Readonly<Record<string, T>>, change: (value: T) => R): Record<string, R> =>
  Object.fromEntries(Object.entries(map).map(([key, value]) => [key, change(value)]))

const TYPES: Readonly<Record<string, string>> = { object: 'object', array: 'array', string: 'string', integer: 'integer', number: 'number', boolean: 'boolean' }

/** One error of ajv as upstream says it. */
function fieldErrorOf(error: ErrorObject): FieldError[] {
  const field = pathOf(error.instancePath)
  const { params, data } = error as { params: Record<string, any>; data: unknown }
  const bad = (detail: string): FieldError[] => [invalid(field, data, `${field} in body ${detail}`)]
  switch (error.keyword) {
    case 'required': return [required(field === '' ? params['missingProperty'] : `${field}.${params['missingProperty']}`)]
    case 'type': {
      const wanted = [params['type']].flat().filter((type: string) => TYPES[type] !== undefined)
      return [typeInvalid(field, typeNameOf(data), `${field} in body must be of type ${wanted.join(',')}: ${JSON.stringify(typeNameOf(data))}`)]
    }
    case 'enum': return [notSupported(field, data, (params['allowedValues'] as unknown[]).filter(value => value !== null).map(String))]
    case 'minimum': return bad(`should be greater than or equal to ${params['limit']}`)
    case 'maximum': return bad(`should be less than or equal to ${params['limit']}`)
    case 'exclusiveMinimum': return bad(`should be greater than ${params['limit']}`)
    case 'exclusiveMaximum': return bad(`should be less than ${params['limit']}`)
    case 'multipleOf': return bad(`should be a multiple of ${params['multipleOf']}`)
    case 'minLength': return bad(`should be at least ${params['limit']} chars long`)
    case 'maxLength': return [tooLong(field, params['limit'] as number)]
    case 'pattern': return bad(`should match '${params['pattern']}'`)
    case 'minItems': return bad(`should have at least ${params['limit']} items`)
    case 'maxItems': return [tooMany(field, (data as unknown[]).length, params['limit'] as number)]
    case 'uniqueItems': return [duplicate(field, (data as unknown[])[params['i'] as number])]
    case 'minProperties': return bad(`should have at least ${params['limit']} properties`)
    case 'maxProperties': return [tooMany(field, Object.keys(data as object).length, params['limit'] as number)]
    case 'not': return bad('must not validate the schema (not)')
    case 'oneOf': return bad('must validate one and only one schema (oneOf)')
    case 'anyOf': return bad('must validate at least one schema (anyOf)')
    case 'if': return []
    default: return [forbidden(field, error.message ?? 'is not allowed')]
  }
}

/** "/spec/ports/0/name" -> "spec.ports[0].name" (RFC 6901 escapes undone). */
const pathOf = (pointer: string): string => pointer.split('/').slice(1).map(part => part.replaceAll('~1', '/').replaceAll('~0', '~'))
  .reduce((path, part) => (/^\d+$/.test(part) && path !== '' ? `${path}[${part}]` : path === '' ? part : `${path}.${part}`), '')

const typeNameOf = (value: unknown): string =>
  value === null ? 'null' : Array.isArray(value) ? 'array' : Number.isInteger(value) ? 'integer' : typeof value
