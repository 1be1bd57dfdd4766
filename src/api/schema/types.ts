// The types of all built-in kinds, field by field. The table is generated from a Kubernetes release (tools/schema).

import table from './kubernetes.json' with { type: 'json' }
import type { GroupVersionKind } from '../registry/resource.ts'

export type Scalar =
  | 'string' | 'int32' | 'int64' | 'double' | 'boolean' | 'byte' | 'time' | 'microtime' | 'quantity' | 'intOrString'
  /** Anything at all: RawExtension, FieldsV1, JSON schemas' defaults. */
  | 'any'

export type FieldType =
  | Readonly<{ kind: 'scalar'; scalar: Scalar }>
  | Readonly<{ kind: 'object'; type: string }>
  | Readonly<{ kind: 'list' | 'map'; of: FieldType }>

export type Field = Readonly<{ type: FieldType; required: boolean }>

/** `id` is "core/v1.ServiceSpec": package, version and name. */
export type ObjectType = Readonly<{ id: string; fields: ReadonlyMap<string, Field> }>

/** The Kubernetes release whose types these are, such as "1.36". */
export const SCHEMA_RELEASE: string = table.release

const NOTATIONS = table.types as Readonly<Record<string, Readonly<Record<string, string>>>>

const TYPES: ReadonlyMap<string, ObjectType> = new Map(Object.entries(NOTATIONS).map(([id, notation]) =>
  [id, { id, fields: new Map(Object.entries(notation).map(([name, text]) => [name, parseField(text)])) }]))

export const TYPE_IDS: readonly string[] = [...TYPES.keys()]

/** Throws for an id that the table lacks. */
export function typeOf(id: string): ObjectType {
  const type = TYPES.get(id)
  if (type === undefined) throw new RangeError(`there is no type ${id}`)
  return type
}

/** The type of a kind, when the table has it. */
export const typeOfKind = (kind: GroupVersionKind): ObjectType | undefined => TYPES.get(typeIdOf(kind))

/** "apps/v1.Deployment", "core/v1.Pod", "rbac/v1.Role". */
export const typeIdOf = ({ group, version, kind }: GroupVersionKind): string => `${packageOf(group)}/${version}.${kind}`

const packageOf = (group: string): string =>
  group === '' ? 'core' : group === 'meta.k8s.io' ? 'meta' : group.split('.')[0]!

const DEFINITION_PREFIX: Readonly<Record<string, string>> = {
  meta: 'io.k8s.apimachinery.pkg.apis.meta',
  apiextensions: 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions',
  apiregistration: 'io.k8s.kube-aggregator.pkg.apis.apiregistration',
}

/** The name that OpenAPI documents and old kubectl's error messages use: "io.k8s.api.core.v1.ServiceSpec". */
export function definitionName(id: string): string {
  const [pack, rest] = id.split('/') as [string, string]
  return `${DEFINITION_PREFIX[pack] ?? `io.k8s.api.${pack}`}.${rest}`
}

function parseField(text: string): Field {
  const required = text.endsWith('!')
  return { type: parseType(required ? text.slice(0, -1) : text), required }
}

function parseType(text: string): FieldType {
  if (text.startsWith('[]')) return { kind: 'list', of: parseType(text.slice(2)) }
  if (text.startsWith('{}')) return { kind: 'map', of: parseType(text.slice(2)) }
  if (text.startsWith('#')) return { kind: 'object', type: text.slice(1) }
  return { kind: 'scalar', scalar: text as Scalar }
}
