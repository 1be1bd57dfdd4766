// A body's value as an object of an expected kind: apiVersion and kind agree, and every field that is typed has its type.

import { isPlainObject, type ApiObject, type Draft } from '../object.ts'
import { formatGroupVersion, type Depth, type GroupVersionKind } from '../registry/resource.ts'
import { badRequest } from '../status/status.ts'
import { DecodeError, decodeTyped, type Decoded } from './decode.ts'
import { cannotHandle } from './field-validation.ts'
import { typeOf, typeOfKind } from './types.ts'

export type ExpectedKind = GroupVersionKind & Readonly<{
  /** Versions of the group that have the same fields and that older clients still send. */
  earlierVersions?: readonly string[]
  /** Resources stored as they come keep fields that their type does not know; absent: they are dropped. */
  depth?: Depth
  /** Custom resources: takes away what their own schema does not know; answers the paths. */
  prune?: (object: ApiObject) => readonly string[]
}>

export type DecodedObject = Readonly<{ object: Draft; unknownFields: readonly string[] }>

/** Checks and types a value. apiVersion and kind may be missing. Throws 400. */
export function decodeObjectOf(value: unknown, expected: ExpectedKind): DecodedObject {
  if (!isPlainObject(value)) throw cannotHandle(expected, `json: cannot unmarshal ${Array.isArray(value) ? 'array' : typeof value} into Go value of type ${expected.version}.${expected.kind}`)
  const apiVersion = formatGroupVersion(expected)
  const given = { apiVersion: value['apiVersion'] ?? '', kind: value['kind'] ?? '' }
  const known = [expected.version, ...(expected.earlierVersions ?? [])].map(version => formatGroupVersion({ ...expected, version }))
  if (given.apiVersion !== '' && !known.includes(String(given.apiVersion))) {
    throw badRequest(`the API version in the data (${String(given.apiVersion)}) does not match the expected API version (${apiVersion})`)
  }
  if (given.kind !== '' && given.kind !== expected.kind) throw cannotHandle(expected, `the kind in the data is ${JSON.stringify(given.kind)}`)
  try {
    const { value: typed, unknownFields } = decodeFields(value, expected)
    const metadata = (typed['metadata'] ?? {}) as ApiObject['metadata']
    const object: Draft = { ...typed, apiVersion, kind: expected.kind, metadata }
    return { object, unknownFields: [...unknownFields, ...(expected.prune?.(object) ?? [])] }
  } catch (error) {
    throw error instanceof DecodeError ? cannotHandle(expected, error.message) : error
  }
}

/** Kinds without a type of their own (custom resources) have at least typed metadata. */
function decodeFields(value: Record<string, unknown>, expected: ExpectedKind): Decoded {
  const type = typeOfKind(expected)
  if (type !== undefined) return decodeTyped(value, type, expected.depth === 'generic' ? 'keep' : 'drop')
  const metadata = decodeTyped(value['metadata'] ?? {}, typeOf('meta/v1.ObjectMeta'), 'drop', 'metadata')
  return { value: { ...value, metadata: metadata.value }, unknownFields: metadata.unknownFields }
}
