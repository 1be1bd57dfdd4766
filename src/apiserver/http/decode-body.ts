// Request bodies: which media type, and from bytes to a value.

import { parse as parseYaml } from 'yaml'
import { isPlainObject, type ApiObject, type Draft } from '../../api/object.ts'
import { formatGroupVersion, type GroupVersionKind } from '../../api/registry/resource.ts'
import { badRequest, unsupportedMediaType } from '../../api/status/status.ts'

export const BODY_TYPES = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'] as const

/** "application/json; charset=utf-8" -> "application/json"; no header means JSON. */
export const mediaType = (contentType: string | undefined): string => (contentType ?? 'application/json').split(';')[0]!.trim().toLowerCase()

/** Decodes JSON or YAML. Throws 400, or 415 for another type. */
export function decodeValue(bytes: Buffer, contentType: string | undefined): unknown {
  const type = mediaType(contentType)
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
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw badRequest('the body of the request is not valid UTF-8')
  }
}

/** Decodes an object of an expected kind; apiVersion and kind may be missing. Throws 400. */
export function decodeObject(bytes: Buffer, contentType: string | undefined, expected: GroupVersionKind): Draft {
  if (bytes.length === 0) throw badRequest(`${expected.kind} in version ${JSON.stringify(expected.version)} cannot be handled as a ${expected.kind}: the body is empty`)
  return asObject(decodeValue(bytes, contentType), expected)
}

/** Checks a decoded value's type and the shape of its metadata. Throws 400. */
export function asObject(value: unknown, expected: GroupVersionKind): Draft {
  const cannot = (why: string): Error =>
    badRequest(`${expected.kind} in version ${JSON.stringify(expected.version)} cannot be handled as a ${expected.kind}: ${why}`)
  if (!isPlainObject(value)) throw cannot('json: cannot unmarshal into an object')
  const apiVersion = formatGroupVersion(expected)
  const given = { apiVersion: value['apiVersion'] ?? '', kind: value['kind'] ?? '' }
  if (given.apiVersion !== '' && given.apiVersion !== apiVersion) {
    throw badRequest(`the API version in the data (${String(given.apiVersion)}) does not match the expected API version (${apiVersion})`)
  }
  if (given.kind !== '' && given.kind !== expected.kind) throw cannot(`the kind in the data is ${JSON.stringify(given.kind)}`)
  const metadata = value['metadata'] ?? {}
  if (!isPlainObject(metadata)) throw cannot('json: cannot unmarshal metadata into an object')
  const wrong = metadataProblem(metadata)
  if (wrong !== undefined) throw cannot(`json: cannot unmarshal ${wrong}`)
  return { ...value, apiVersion, kind: expected.kind, metadata } as ApiObject
}

const STRINGS = ['name', 'generateName', 'namespace', 'uid', 'resourceVersion', 'selfLink', 'creationTimestamp', 'deletionTimestamp'] as const
const STRING_MAPS = ['labels', 'annotations'] as const
const LISTS = ['ownerReferences', 'finalizers', 'managedFields'] as const

/** Metadata is relied on everywhere, so its types are settled at the door. Nulls become absent. */
function metadataProblem(metadata: Record<string, unknown>): string | undefined {
  for (const [field, value] of Object.entries(metadata)) if (value === null) delete metadata[field]
  for (const field of STRINGS) if (metadata[field] !== undefined && typeof metadata[field] !== 'string') return `${typeof metadata[field]} into metadata.${field} of type string`
  for (const field of STRING_MAPS) {
    const map = metadata[field]
    if (map === undefined) continue
    if (!isPlainObject(map)) return `metadata.${field} into a map of strings`
    for (const [key, value] of Object.entries(map)) {
      if (value === null) map[key] = ''
      else if (typeof value !== 'string') return `${typeof value} into metadata.${field} of type string`
    }
  }
  for (const field of LISTS) {
    const list = metadata[field]
    if (list === undefined) continue
    if (!Array.isArray(list)) return `metadata.${field} into a list`
    const bad = field === 'finalizers' ? list.some(item => typeof item !== 'string') : list.some(item => !isPlainObject(item))
    if (bad) return `an item of metadata.${field}`
  }
  for (const field of ['generation', 'deletionGracePeriodSeconds']) {
    if (metadata[field] !== undefined && !Number.isInteger(metadata[field])) return `metadata.${field} into an integer`
  }
  return undefined
}
