// The strategy of CustomResourceDefinitions themselves (apiextensions.k8s.io/v1).

import { equalJson, isPlainObject, type ApiObject, type Draft } from '../object.ts'
import { dns1035Label, dns1123Subdomain } from '../metadata/names.ts'
import type { Strategy } from '../registry/strategy.ts'
import { immutable, invalid, notSupported, required, type FieldError } from '../status/field-error.ts'
import { specOf, type DefinitionSpec, type DefinitionVersion } from './definition.ts'
import type { StructuralSchema } from './structural-schema.ts'
import { compileSchema } from './validate-schema.ts'

export const definitionStrategy = (base: Strategy): Strategy => ({
  ...base,
  applyDefaults,
  validateCreate: validateDefinition,
  update: { ...base.update, validate: (next, old) => [...validateDefinition(next), ...validateChange(next, old)] },
  generationChanges: (next, old) => !equalJson(next['spec'], old['spec']),
  warnings: definition => (specOf(definition)?.versions ?? []).flatMap(({ name, schema }) =>
    (JSON.stringify(schema ?? {}).includes('"x-kubernetes-validations":') ? [`the rules in x-kubernetes-validations of version ${name} are stored and not checked: this server does not evaluate CEL`] : [])),
})

function applyDefaults(draft: Draft): void {
  if (!isPlainObject(draft['spec'])) return
  const spec = draft['spec'] as { names?: Record<string, unknown>; conversion?: unknown; scope?: string }
  spec.conversion ??= { strategy: 'None' }
  if (!isPlainObject(spec.names) || typeof spec.names['kind'] !== 'string') return
  const { kind } = spec.names
  spec.names['singular'] ??= kind.toLowerCase()
  spec.names['listKind'] ??= `${kind}List`
}

function validateDefinition(definition: ApiObject): FieldError[] {
  const spec = specOf(definition) as Partial<DefinitionSpec> | undefined
  const errors: FieldError[] = []
  const group = spec?.group ?? ''
  const plural = spec?.names?.plural ?? ''
  if (group === '') errors.push(required('spec.group'))
  else if (!group.includes('.')) errors.push(invalid('spec.group', group, 'should be a domain with at least one dot'))
  else errors.push(...dns1123Subdomain(group).map(problem => invalid('spec.group', group, problem)))
  if (definition.metadata.name !== `${plural}.${group}`) errors.push(invalid('metadata.name', definition.metadata.name, 'must be spec.names.plural+"."+spec.group'))
  if (spec?.scope !== 'Cluster' && spec?.scope !== 'Namespaced') errors.push((spec?.scope ?? '') === '' ? required('spec.scope') : notSupported('spec.scope', spec?.scope, ['Cluster', 'Namespaced']))
  errors.push(...validateNames(spec?.names))
  errors.push(...validateVersions(spec?.versions ?? []))
  const { strategy } = (spec as { conversion?: { strategy?: unknown } } | undefined)?.conversion ?? {}
  // Objects would be served in versions to which nobody converted them. With one version there is nothing to convert.
  if (strategy !== undefined && strategy !== 'None' && (strategy !== 'Webhook' || (spec?.versions ?? []).length > 1)) {
    errors.push(notSupported('spec.conversion.strategy', strategy, ['None']))
  }
  return errors
}

function validateNames(names: Partial<DefinitionSpec['names']> | undefined): FieldError[] {
  const label = (field: string, value: string | undefined, text = value?.toLowerCase()): FieldError[] =>
    (value ?? '') === '' ? [required(`spec.names.${field}`)] : dns1035Label(text!).map(problem => invalid(`spec.names.${field}`, value, problem))
  return [
    ...label('plural', names?.plural, names?.plural), ...label('singular', names?.singular, names?.singular), ...label('kind', names?.kind), ...label('listKind', names?.listKind),
    ...(names?.kind !== undefined && names.kind === names.listKind ? [invalid('spec.names.listKind', names.listKind, 'kind and listKind may not be the same')] : []),
    ...(names?.shortNames ?? []).flatMap((name, i) => dns1035Label(name).map(problem => invalid(`spec.names.shortNames[${i}]`, name, problem))),
  ]
}

function validateVersions(versions: readonly Partial<DefinitionVersion>[]): FieldError[] {
  if (versions.length === 0) return [required('spec.versions', 'must have at least one version')]
  const errors: FieldError[] = []
  if (versions.filter(({ storage }) => storage === true).length !== 1) errors.push(invalid('spec.versions', versions.map(({ name, storage }) => ({ name, storage })), 'must have exactly one version marked as storage version'))
  const seen = new Set<string>()
  versions.forEach(({ name = '', schema }, i) => {
    const at = `spec.versions[${i}]`
    errors.push(...(name === '' ? [required(`${at}.name`)] : dns1035Label(name).map(problem => invalid(`${at}.name`, name, problem))))
    if (seen.has(name)) errors.push(invalid(`${at}.name`, name, 'must contain unique version names'))
    seen.add(name)
    const given = schema?.openAPIV3Schema
    if (given === undefined) errors.push(required(`${at}.schema.openAPIV3Schema`, 'schemas are required'))
    else errors.push(...validateSchema(given, `${at}.schema.openAPIV3Schema`))
  })
  return errors
}

/** Structural: every part has a type, and the whole compiles. */
function validateSchema(schema: StructuralSchema, path: string): FieldError[] {
  const errors: FieldError[] = []
  if (schema.type !== 'object') errors.push(invalid(`${path}.type`, schema.type ?? '', 'must be object at the root'))
  requireTypes(schema, path, errors)
  if (errors.length > 0) return errors
  try {
    compileSchema(schema)
    return []
  } catch (error) {
    return [invalid(path, '(a schema)', (error as Error).message)]
  }
}

function requireTypes(schema: StructuralSchema, path: string, errors: FieldError[]): void {
  const typed = (schema.type ?? '') !== '' || schema['x-kubernetes-int-or-string'] === true || schema['x-kubernetes-preserve-unknown-fields'] === true
  if (!typed) errors.push(required(`${path}.type`, 'must not be empty for specified object fields'))
  for (const [name, property] of Object.entries(schema.properties ?? {})) requireTypes(property, `${path}.properties[${name}]`, errors)
  if (isPlainObject(schema.items)) requireTypes(schema.items as StructuralSchema, `${path}.items`, errors)
  if (isPlainObject(schema.additionalProperties)) requireTypes(schema.additionalProperties as StructuralSchema, `${path}.additionalProperties`, errors)
}

function validateChange(next: ApiObject, old: ApiObject): FieldError[] {
  const after: Partial<DefinitionSpec> = specOf(next) ?? {}
  const before: Partial<DefinitionSpec> = specOf(old) ?? {}
  const errors: FieldError[] = []
  if (after.group !== before.group) errors.push(immutable('spec.group', after.group))
  if (after.scope !== before.scope) errors.push(immutable('spec.scope', after.scope))
  for (const field of ['plural', 'kind'] as const) if (after.names?.[field] !== before.names?.[field]) errors.push(immutable(`spec.names.${field}`, after.names?.[field]))
  const stored = ((old['status'] as { storedVersions?: readonly string[] } | undefined)?.storedVersions ?? [])
  const kept = new Set((after.versions ?? []).map(({ name }) => name))
  stored.forEach((name, i) => {
    if (!kept.has(name)) errors.push(invalid(`status.storedVersions[${i}]`, name, 'must appear in spec.versions'))
  })
  return errors
}
