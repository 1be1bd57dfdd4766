// Definitions of types as OpenAPI schemas (the subset that is the same in v2 and v3), from the table of types.

import type { JsonObject } from '../object.ts'
import type { ResourceIndex } from '../registry/resource-index.ts'
import { formatGroupVersion, type ApiResource, type GroupVersionKind } from '../registry/resource.ts'
import { isAtomicMap, isAtomicStruct, isListSet, listMapKeys } from '../schema/list-types.ts'
import { definitionName, typeIdOf, typeOf, typeOfKind, type FieldType, type ObjectType, type Scalar } from '../schema/types.ts'
import { mergeRulesOf, type MergeRules } from '../patch/merge-strategy.ts'

/** Prose for a type ("core/v1.Pod") or one of its fields ("core/v1.Pod.spec"); "" where there is none. */
export type Describe = (subject: string) => string

export type DefinitionOptions = Readonly<{
  /** "#/definitions/" in v2, "#/components/schemas/" in v3. */
  refPrefix: string
  describe: Describe
}>

/** Definitions of everything that the given resources need, by name. */
export function definitionsFor(resources: readonly ApiResource[], options: DefinitionOptions): JsonObject {
  const definitions: JsonObject = {}
  const pending: string[] = META_TYPES.map(name => `meta/v1.${name}`)
  for (const resource of resources) {
    for (const kind of [resource, ...resource.subresources.map(sub => sub.kind)]) {
      const type = typeOfKind(kind)
      if (type !== undefined) pending.push(type.id)
    }
  }
  while (pending.length > 0) {
    const id = pending.pop()!
    const name = definitionName(id)
    if (definitions[name] !== undefined) continue
    const type = typeOf(id)
    definitions[name] = definitionOf(type, options)
    for (const { type: field } of type.fields.values()) pending.push(...referencesOf(field))
  }
  for (const resource of resources) addKinds(definitions, resource, options)
  return sorted(definitions)
}

const META_TYPES = ['DeleteOptions', 'Status', 'ListMeta', 'ObjectMeta', 'APIResourceList', 'APIGroup'] as const

/** The name of a kind's definition; custom ones have their group reversed. */
export const kindDefinitionName = (kind: GroupVersionKind): string =>
  typeOfKind(kind) === undefined ? [...kind.group.split('.').reverse(), kind.version, kind.kind].join('.') : definitionName(typeIdOf(kind))

function addKinds(definitions: JsonObject, resource: ApiResource, options: DefinitionOptions): void {
  const { group, version, kind, listKind } = resource
  const name = kindDefinitionName(resource)
  const definition = definitions[name] as JsonObject | undefined
  const gvk = (which: string): JsonObject[] => [{ group, version, kind: which }]
  if (definition !== undefined) {
    definition['x-kubernetes-group-version-kind'] = gvk(kind)
    applyMergeRules(definitions, definition, mergeRulesOf(group, kind), options)
  }
  for (const sub of resource.subresources) {
    const subDefinition = definitions[kindDefinitionName(sub.kind)] as JsonObject | undefined
    if (subDefinition !== undefined) subDefinition['x-kubernetes-group-version-kind'] ??= [{ ...sub.kind }]
  }
  if (!(resource.verbs as readonly string[]).includes('list') || definition === undefined) return
  definitions[kindDefinitionName({ group, version, kind }).replace(new RegExp(`${kind}$`), listKind)] = {
    type: 'object', description: `${listKind} is a list of ${kind}.`, required: ['items'],
    properties: {
      apiVersion: { type: 'string', description: options.describe(`${typeIdOf(resource)}.apiVersion`) },
      items: { type: 'array', items: { $ref: `${options.refPrefix}${name}` }, description: `Items of the list, of kind ${formatGroupVersion(resource)} ${kind}.` },
      kind: { type: 'string', description: options.describe(`${typeIdOf(resource)}.kind`) },
      metadata: { $ref: `${options.refPrefix}${definitionName('meta/v1.ListMeta')}` },
    },
    'x-kubernetes-group-version-kind': gvk(listKind),
  }
}

/** A custom kind's schema, which is valid OpenAPI already, with the fields that every object has. */
export function customDefinition({ group, version, kind, schema = {} }: ApiResource, refPrefix: string): JsonObject {
  const given = schema as JsonObject
  return {
    ...given, type: 'object',
    properties: {
      apiVersion: { type: 'string' }, kind: { type: 'string' }, ...(given['properties'] as JsonObject | undefined),
      metadata: { $ref: `${refPrefix}${definitionName('meta/v1.ObjectMeta')}` },
    },
    'x-kubernetes-group-version-kind': [{ group, version, kind }],
  }
}

/** Marks lists with what strategic merge does to them. The same type merges alike wherever it is. */
function applyMergeRules(definitions: JsonObject, definition: JsonObject, rules: MergeRules, options: DefinitionOptions): void {
  for (const [field, rule] of Object.entries(rules)) {
    const property = (definition['properties'] as JsonObject | undefined)?.[field] as JsonObject | undefined
    if (property === undefined) continue
    const strategies = [...(rule.retainKeys === true ? ['retainKeys'] : []), ...(rule.key === undefined ? [] : ['merge']), ...(rule.replace === true ? ['replace'] : [])]
    if (strategies.length > 0) property['x-kubernetes-patch-strategy'] = strategies.sort().join(',')
    if (rule.key !== undefined && rule.key !== 'primitive') property['x-kubernetes-patch-merge-key'] = rule.key
    const reference = (property['$ref'] ?? (property['items'] as JsonObject | undefined)?.['$ref']) as string | undefined
    const inner = reference === undefined ? undefined : definitions[reference.slice(options.refPrefix.length)] as JsonObject | undefined
    if (inner !== undefined && rule.fields !== undefined) applyMergeRules(definitions, inner, rule.fields, options)
  }
}

function definitionOf(type: ObjectType, options: DefinitionOptions): JsonObject {
  const properties: JsonObject = {}
  const required: string[] = []
  for (const [name, field] of type.fields) {
    properties[name] = fieldSchema(type.id, name, field.type, options)
    if (field.required) required.push(name)
  }
  const description = options.describe(type.id)
  return {
    ...(description === '' ? {} : { description }), type: 'object', ...(required.length === 0 ? {} : { required: required.sort() }), properties,
    ...(isAtomicStruct(type.id) ? { 'x-kubernetes-map-type': 'atomic' } : {}),
  }
}

function fieldSchema(id: string, name: string, type: FieldType, options: DefinitionOptions): JsonObject {
  const description = options.describe(`${id}.${name}`)
  const schema: JsonObject = { ...(description === '' ? {} : { description }), ...typeSchema(type, options) }
  if (type.kind === 'list') {
    const keys = listMapKeys(id, name)
    if (keys !== undefined && type.of.kind === 'object') {
      schema['x-kubernetes-list-type'] = 'map'
      schema['x-kubernetes-list-map-keys'] = [...keys]
    } else {
      schema['x-kubernetes-list-type'] = isListSet(id, name) ? 'set' : 'atomic'
    }
  }
  if (type.kind === 'map' && isAtomicMap(id, name)) schema['x-kubernetes-map-type'] = 'atomic'
  return schema
}

function typeSchema(type: FieldType, options: DefinitionOptions): JsonObject {
  switch (type.kind) {
    case 'scalar': return { ...SCALARS[type.scalar] }
    case 'object': return { $ref: `${options.refPrefix}${definitionName(type.type)}` }
    case 'list': return { type: 'array', items: typeSchema(type.of, options) }
    case 'map': return { type: 'object', additionalProperties: typeSchema(type.of, options) }
    default: return type satisfies never
  }
}

const SCALARS: Readonly<Record<Scalar, JsonObject>> = {
  string: { type: 'string' }, byte: { type: 'string', format: 'byte' }, boolean: { type: 'boolean' },
  int32: { type: 'integer', format: 'int32' }, int64: { type: 'integer', format: 'int64' }, double: { type: 'number', format: 'double' },
  time: { type: 'string', format: 'date-time' }, microtime: { type: 'string', format: 'date-time' }, quantity: { type: 'string' },
  intOrString: { type: 'string', format: 'int-or-string', 'x-kubernetes-int-or-string': true },
  any: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
}

function referencesOf(type: FieldType): readonly string[] {
  switch (type.kind) {
    case 'scalar': return []
    case 'object': return [type.type]
    case 'list': case 'map': return referencesOf(type.of)
    default: return type satisfies never
  }
}

const sorted = (map: JsonObject): JsonObject => Object.fromEntries(Object.keys(map).sort().map(key => [key, map[key]!]))

/** The resources of one group version. */
export const resourcesOf = (index: ResourceIndex, { group, version }: Readonly<{ group: string; version: string }>): readonly ApiResource[] =>
  index.resources.filter(resource => resource.group === group && resource.version === version)
