// Request bodies: which media type, and from bytes to a value.

import { parse as parseYaml } from 'yaml'
import type { Draft } from '../../api/object.ts'
import { decodeProtobuf } from '../../api/protobuf/decode.ts'
import { decodeObjectOf, type ExpectedKind } from '../../api/schema/decode-object.ts'
import { duplicateKeys } from '../../api/schema/duplicate-keys.ts'
import { cannotHandle, judgeFields, type FieldValidation } from '../../api/schema/field-validation.ts'
import { badRequest, unsupportedMediaType } from '../../api/status/status.ts'

const PROTOBUF = 'application/vnd.kubernetes.protobuf'
export const BODY_TYPES = ['application/json', 'application/yaml', PROTOBUF] as const

/** "application/json; charset=utf-8" -> "application/json"; no header means JSON. */
export const mediaType = (contentType: string | undefined): string => (contentType ?? 'application/json').split(';')[0]!.trim().toLowerCase()

/** Decodes JSON, YAML or protobuf. Throws 400, or 415 for another type. */
export function decodeValue(bytes: Buffer, contentType: string | undefined): unknown {
  const type = mediaType(contentType)
  if (type === PROTOBUF) {
    const value = decodeProtobuf(bytes)
    if (value === undefined) throw unsupportedMediaType(BODY_TYPES)
    return value
  }
  if (type !== 'application/json' && type !== 'application/yaml' && type !== '') throw unsupportedMediaType(BODY_TYPES)
  const text = decodeText(bytes)
  try {
    // YAML 1.1 scalars, as the conversion to JSON that kubectl and upstream use has them.
    return type === 'application/yaml' ? parseYaml(text, { version: '1.1', maxAliasCount: 100 }) as unknown : JSON.parse(text) as unknown
  } catch (cause) {
    throw badRequest(`couldn't get version/kind; json parse error: ${(cause as Error).message}`)
  }
}

/** RFC 8259 section 8.1 wants UTF-8; anything else would be stored mangled. */
function decodeText(bytes: Buffer): string {
  try {
    return STRICT_UTF8.decode(bytes)
  } catch {
    throw badRequest('the body of the request is not valid UTF-8')
  }
}

const STRICT_UTF8 = new TextDecoder('utf-8', { fatal: true })

/** What a write says about fields that its kind does not have, and where warnings go. */
export type FieldRules = Readonly<{ fieldValidation: FieldValidation; warn: (text: string) => void }>

const LENIENT: FieldRules = { fieldValidation: 'Ignore', warn: () => {} }

/** Decodes an object of an expected kind; apiVersion and kind may be missing. Throws 400. */
export function decodeObject(bytes: Buffer, contentType: string | undefined, expected: ExpectedKind, rules: FieldRules = LENIENT): Draft {
  if (bytes.length === 0) throw cannotHandle(expected, 'the body is empty')
  const isJson = mediaType(contentType) === 'application/json'
  return asObject(decodeValue(bytes, contentType), expected, rules, isJson && rules.fieldValidation !== 'Ignore' ? duplicateKeys(bytes.toString()) : [])
}

/** Checks and types a decoded value, and judges unknown and duplicate fields. Throws 400. */
export function asObject(value: unknown, expected: ExpectedKind, rules: FieldRules = LENIENT, duplicateFields: readonly string[] = []): Draft {
  const { object, unknownFields } = decodeObjectOf(value, expected)
  for (const warning of judgeFields({ unknownFields, duplicateFields }, rules.fieldValidation, expected)) rules.warn(warning)
  return object
}
