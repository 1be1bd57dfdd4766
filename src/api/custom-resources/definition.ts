// What a CustomResourceDefinition says: the resources that it adds, one per served version.

import { isPlainObject, type ApiObject } from '../object.ts'
import type { ApiResource, Subresource } from '../registry/resource.ts'
import { VERBS } from '../registry/resource.ts'
import { prune, type StructuralSchema } from './structural-schema.ts'

export type PrinterColumn = Readonly<{ name: string; type: string; jsonPath: string; description?: string; format?: string; priority?: number }>

export type DefinitionVersion = Readonly<{
  name: string
  served: boolean
  storage: boolean
  deprecated?: boolean
  deprecationWarning?: string
  schema?: { openAPIV3Schema?: StructuralSchema }
  subresources?: { status?: object; scale?: { specReplicasPath: string; statusReplicasPath: string; labelSelectorPath?: string } }
  additionalPrinterColumns?: readonly PrinterColumn[]
  selectableFields?: readonly { jsonPath: string }[]
}>

export type DefinitionNames = Readonly<{ plural: string; singular?: string; shortNames?: readonly string[]; kind: string; listKind?: string; categories?: readonly string[] }>

export type DefinitionSpec = Readonly<{
  group: string
  names: DefinitionNames
  scope: string
  versions: readonly DefinitionVersion[]
  preserveUnknownFields?: boolean
}>

/** A version's resource with what is needed to serve it. */
export type CustomResource = Readonly<{ resource: ApiResource; version: DefinitionVersion; schema: StructuralSchema }>

/** Only what went through validation has all of it. */
export const specOf = (definition: ApiObject): DefinitionSpec => (definition['spec'] ?? {}) as DefinitionSpec

/** The removal of the definition's objects holds the definition until it is done. */
export const CLEANUP_FINALIZER = 'customresourcecleanup.apiextensions.k8s.io'

export const isEstablished = (definition: ApiObject): boolean =>
  ((definition['status'] as { conditions?: readonly { type: string; status: string }[] } | undefined)?.conditions ?? [])
    .some(({ type, status }) => type === 'Established' && status === 'True')

/** Resources of the served versions, the newest stable version first, as discovery lists them. */
export function customResourcesOf(definition: ApiObject): readonly CustomResource[] {
  const spec = specOf(definition)
  const storage = (spec.versions ?? []).find(version => version.storage) ?? spec.versions?.[0]
  if (storage === undefined) return []
  return [...spec.versions].filter(version => version.served).sort((a, b) => compareVersions(a.name, b.name)).map(version => ({
    resource: resourceOf(spec, version, storage), version, schema: schemaOf(version),
  }))
}

const schemaOf = (version: DefinitionVersion): StructuralSchema =>
  version.schema?.openAPIV3Schema ?? { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }

function resourceOf({ group, names, scope }: DefinitionSpec, version: DefinitionVersion, storage: DefinitionVersion): ApiResource {
  const kind = { group, version: version.name, kind: names.kind }
  const get = ['get', 'patch', 'update'] as const
  const subresources: Subresource[] = [
    ...(version.subresources?.status === undefined ? [] : [{ name: 'status', kind, verbs: get }]),
    ...(version.subresources?.scale === undefined ? [] : [{ name: 'scale', kind: { group: 'autoscaling', version: 'v1', kind: 'Scale' }, verbs: get }]),
  ]
  return {
    ...kind, plural: names.plural, singular: names.singular ?? names.kind.toLowerCase(), listKind: names.listKind ?? `${names.kind}List`,
    namespaced: scope === 'Namespaced', shortNames: names.shortNames ?? [], categories: names.categories ?? [], verbs: VERBS, subresources,
    depth: 'generic', storage: { prefix: `/${group}/${names.plural}/`, kind: { group, version: storage.name, kind: names.kind } }, custom: true,
    ...(version.subresources?.scale === undefined ? {} : { scalePaths: version.subresources.scale }),
    schema: schemaOf(version), prune: object => prune(object, schemaOf(version)),
  }
}

/** Kubernetes' order of versions: v2 before v1, stable before beta before alpha, others last by name. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [rank(a), rank(b)]
  if (left === undefined || right === undefined) return left === right ? (a < b ? -1 : a > b ? 1 : 0) : left === undefined ? 1 : -1
  for (let i = 0; i < 3; i += 1) if (left[i] !== right[i]) return right[i]! - left[i]!
  return 0
}

/** [stability, major, minor]; higher is preferred. */
function rank(version: string): readonly [number, number, number] | undefined {
  const match = /^v([1-9]\d*)(?:(alpha|beta)([1-9]\d*))?$/.exec(version)
  if (match === null) return undefined
  return [match[2] === undefined ? 2 : match[2] === 'beta' ? 1 : 0, Number(match[1]), Number(match[3] ?? 0)]
}

/** Reads a simple path such as ".spec.replicas" or ".status.conditions[?(@.type==\"Ready\")].status". */
export function readPath(object: unknown, jsonPath: string): unknown {
  let values: unknown[] = [object]
  for (const step of jsonPath.match(/\.[\w-]+|\['[^']+'\]|\[\d+\]|\[\*\]|\[\?\(@\.[\w.-]+\s*==\s*["'][^"']*["']\)\]/g) ?? []) {
    values = values.flatMap(value => stepInto(value, step))
    if (values.length === 0) return undefined
  }
  return values.length === 1 ? values[0] : values
}

function stepInto(value: unknown, step: string): unknown[] {
  const filter = /^\[\?\(@\.([\w.-]+)\s*==\s*["']([^"']*)["']\)\]$/.exec(step)
  if (filter !== null) return (Array.isArray(value) ? value as unknown[] : []).filter(item => String(readPath(item, `.${filter[1]}`)) === filter[2])
  if (step === '[*]') return Array.isArray(value) ? value as unknown[] : []
  const index = /^\[(\d+)\]$/.exec(step)
  if (index !== null) return Array.isArray(value) && value[Number(index[1])] !== undefined ? [value[Number(index[1])]] : []
  const name = step.startsWith('.') ? step.slice(1) : step.slice(2, -2)
  return isPlainObject(value) && Object.hasOwn(value, name) ? [value[name]] : []
}

/** Sets a simple path of names (".spec.replicas"), making what is missing on the way. */
export function writePath(object: Record<string, unknown>, jsonPath: string, value: unknown): void {
  const names = jsonPath.split('.').filter(name => name !== '')
  let at = object
  for (const name of names.slice(0, -1)) {
    if (!isPlainObject(at[name])) at[name] = {}
    at = at[name] as Record<string, unknown>
  }
  at[names.at(-1)!] = value
}
