// From JSON of any shape to an object whose fields have the types of its kind, or a 400 that says which has not.
// Everything behind (defaults, validation, tables) relies on it and casts. Rules are those of Go's decoder:
// null is absent, names are case sensitive, unknown fields are noted.

import { formatMicroTime, formatTime, isPlainObject, setOwn } from '../object.ts'
import { canonicalQuantity } from '../metadata/canonical-quantity.ts'
import { parseQuantity, QUANTITY_FORMAT } from '../metadata/quantity.ts'
import { StatusError, badRequest } from '../status/status.ts'
import { typeOf, type FieldType, type ObjectType, type Scalar } from './types.ts'

/** What becomes of fields that the type does not know: a typed server drops them, a mere store keeps them. */
export type UnknownFields = 'drop' | 'keep'

export type Decoded = Readonly<{
  value: Record<string, unknown>
  /** Paths of fields that the type does not have ("spec.ports[0].portz"). */
  unknownFields: readonly string[]
}>

/** A value that does not fit; the caller adds the kind to the message. */
export class DecodeError extends StatusError {}

/** Decodes a whole object. Throws DecodeError (400). The result shares nothing with the input but values of type `any`. */
export function decodeTyped(value: unknown, type: ObjectType, unknown: UnknownFields, path = ''): Decoded {
  const decoder = new Decoder(unknown)
  return { value: decoder.object(value, type, path, type), unknownFields: decoder.unknownFields }
}

class Decoder {
  readonly unknownFields: string[] = []
  readonly #unknown: UnknownFields

  constructor(unknown: UnknownFields) {
    this.#unknown = unknown
  }

  object(value: unknown, type: ObjectType, path: string, owner: ObjectType): Record<string, unknown> {
    if (!isPlainObject(value)) throw mismatch(value, path, owner, shortName(type))
    const result: Record<string, unknown> = {}
    for (const key of Object.keys(value)) {
      const item = value[key]
      const field = type.fields.get(key)
      const at = path === '' ? key : `${path}.${key}`
      if (field === undefined) {
        this.unknownFields.push(at)
        if (this.#unknown === 'keep' && item !== null) setOwn(result, key, item)
        continue
      }
      if (item === null || item === undefined) continue
      result[key] = this.#value(item, field.type, at, type)
    }
    return result
  }

  #value(value: unknown, type: FieldType, path: string, owner: ObjectType): unknown {
    switch (type.kind) {
      case 'scalar': return scalar(value, type.scalar, path, owner)
      case 'object': return this.object(value, typeOf(type.type), path, owner)
      case 'list': {
        if (!Array.isArray(value)) throw mismatch(value, path, owner, goName(type))
        return value.map((item, index) => (item === null ? zero(type.of) : this.#value(item, type.of, `${path}[${index}]`, owner)))
      }
      case 'map': {
        if (!isPlainObject(value)) throw mismatch(value, path, owner, goName(type))
        const result: Record<string, unknown> = {}
        for (const key of Object.keys(value)) {
          const item = value[key]
          // Like Go's decoder, errors below a map do not say which key.
          setOwn(result, key, item === null ? zero(type.of) : this.#value(item, type.of, type.of.kind === 'scalar' ? path : `${path}.${key}`, owner))
        }
        return result
      }
      default: return type satisfies never
    }
  }
}

const INT32_MAX = 2 ** 31

function scalar(value: unknown, type: Scalar, path: string, owner: ObjectType): unknown {
  switch (type) {
    case 'any': return value
    case 'string':
      if (typeof value !== 'string') throw mismatch(value, path, owner, 'string')
      return value
    case 'boolean':
      if (typeof value !== 'boolean') throw mismatch(value, path, owner, 'bool')
      return value
    case 'int32': case 'int64': {
      const fits = typeof value === 'number' && Number.isInteger(value) && (type === 'int64' || (value >= -INT32_MAX && value < INT32_MAX))
      if (!fits) throw mismatch(value, path, owner, type)
      return value
    }
    case 'double':
      if (typeof value !== 'number') throw mismatch(value, path, owner, 'float64')
      return value
    case 'intOrString':
      if (typeof value === 'string') return value
      return scalar(value, 'int32', path, owner)
    case 'byte': {
      if (typeof value !== 'string') throw mismatch(value, path, owner, '[]uint8')
      const bytes = value.replace(/[\r\n]/g, '')
      const good = /^[A-Za-z0-9+/]*={0,2}/.exec(bytes)![0].length
      if (good < bytes.length || bytes.length % 4 !== 0) throw new DecodeError(badRequest(`illegal base64 data at input byte ${good}`).body)
      return bytes
    }
    case 'time': case 'microtime': return time(value, type, path, owner)
    case 'quantity': {
      const text = typeof value === 'number' ? String(value) : value
      if (typeof text !== 'string') throw mismatch(value, path, owner, 'resource.Quantity')
      if (parseQuantity(text) === undefined) throw new DecodeError(badRequest(`unable to parse quantity's suffix or number in ${path}: ${JSON.stringify(text)}: ${QUANTITY_FORMAT}`).body)
      return canonicalQuantity(text)
    }
    default: return type satisfies never
  }
}

const RFC3339 = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.(\d+))?(?:[Zz]|[+-]\d\d:\d\d)$/

function time(value: unknown, type: 'time' | 'microtime', path: string, owner: ObjectType): string {
  if (typeof value !== 'string') throw mismatch(value, path, owner, type === 'time' ? 'v1.Time' : 'v1.MicroTime')
  const match = RFC3339.exec(value)
  const epochMs = match === null ? Number.NaN : Date.parse(value)
  if (Number.isNaN(epochMs)) {
    throw new DecodeError(badRequest(`parsing time ${JSON.stringify(value)} as "2006-01-02T15:04:05Z07:00": cannot parse ${JSON.stringify(value)}`).body)
  }
  if (type === 'time') return formatTime(epochMs)
  // Milliseconds are what the clock of JavaScript keeps; the digits behind them are taken over from the text.
  const micros = (match![1] ?? '').slice(0, 6).padEnd(6, '0')
  return `${formatMicroTime(epochMs).slice(0, 20)}${micros}Z`
}

/** What Go leaves in place of a null element. */
function zero(type: FieldType): unknown {
  switch (type.kind) {
    case 'object': case 'map': return {}
    case 'list': return []
    case 'scalar': return ZEROS[type.scalar]
    default: return type satisfies never
  }
}

const ZEROS: Readonly<Record<Scalar, unknown>> = {
  string: '', byte: '', quantity: '0', time: '1970-01-01T00:00:00Z', microtime: '1970-01-01T00:00:00.000000Z',
  int32: 0, int64: 0, double: 0, intOrString: 0, boolean: false, any: null,
}

const shortName = ({ id }: ObjectType): string => {
  const [version, name] = id.slice(id.indexOf('/') + 1).split('.') as [string, string]
  return `${version}.${name}`
}

function goName(type: FieldType): string {
  switch (type.kind) {
    case 'list': return `[]${goName(type.of)}`
    case 'map': return `map[string]${goName(type.of)}`
    case 'object': return type.type.slice(type.type.indexOf('/') + 1)
    case 'scalar': return type.scalar === 'boolean' ? 'bool' : type.scalar
    default: return type satisfies never
  }
}

/** Go's sentence: the struct's name, the path without indices, the wanted type. */
function mismatch(value: unknown, path: string, owner: ObjectType, wanted: string): DecodeError {
  const given = value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value
  const name = owner.id.slice(owner.id.lastIndexOf('.') + 1)
  const field = path.replace(/\[\d+\]/g, '')
  const place = field === '' ? '' : `Go struct field ${name}.${field} of type `
  return new DecodeError(badRequest(`json: cannot unmarshal ${given === 'number' && !Number.isInteger(value) ? `number ${String(value)}` : given} into ${place === '' ? `Go value of type ${wanted}` : `${place}${wanted}`}`).body)
}
