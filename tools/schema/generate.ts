// Writes src/api/schema/kubernetes.json: the fields of every type that the server knows, without prose.
//
//   node tools/schema/generate.ts
//
// Source of truth: the models of @kubernetes/client-node, which are generated from the OpenAPI document of a
// Kubernetes release (the lock file says which). They do not tell a Quantity from a string nor which group a type
// belongs to; both come from kubernetes-types, and for types younger than that package from the lists below.

import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { BUILTIN_RESOURCES } from '../../src/api/registry/builtin.ts'

type Attribute = { name: string; baseName: string; type: string; format: string }
type Model = { attributeTypeMap: Attribute[] }

/** Types that no built-in resource refers to but requests and answers carry. */
const EXTRA_ROOTS = ['V1DeleteOptions', 'V1Status', 'V1Scale', 'V1Eviction', 'V1Binding', 'V1APIResourceList', 'V1APIGroupList', 'V1ListMeta'] as const

/** Quantities in types that kubernetes-types does not have yet. */
const YOUNG_QUANTITIES: ReadonlySet<string> = new Set([
  'PodStatus.allocatedResources', 'NodeAllocatableResourceClaimStatus.resources', 'DeviceCapacity.value', 'CapacityRequirements.requests',
  'CapacityRequestPolicy.default', 'CapacityRequestPolicy.validValues', 'CapacityRequestPolicyRange.min', 'CapacityRequestPolicyRange.max',
  'CapacityRequestPolicyRange.step', 'Counter.value', 'DeviceRequestAllocationResult.consumedCapacity',
])

/** Groups of types that several groups refer to. */
const YOUNG_GROUPS: Readonly<Record<string, string>> = { FieldSelectorRequirement: 'meta' }

const packageFolder = (name: string): string => dirname(fileURLToPath(import.meta.resolve(`${name}/package.json`)))

/** The generated file's text. */
export async function generateSchema(): Promise<string> {
  const models = await loadModels()
  const known = readKubernetesTypes()
  const ids = nameTypes(models, known)
  const types = [...ids].sort(([, a], [, b]) => (a < b ? -1 : 1)).map(([name, id]) => {
    const optional = optionalFields(models.folder, name)
    const fields = models.byName.get(name)!.attributeTypeMap.map(attribute => {
      const notation = `${notationOf(attribute, { id, ids, known })}${optional.has(attribute.name) ? '' : '!'}`
      return `${JSON.stringify(attribute.baseName)}:${JSON.stringify(notation)}`
    })
    return `${JSON.stringify(id)}:{${fields.join(',')}}`
  })
  return `{"release":${JSON.stringify(models.release)},"types":{\n${types.join(',\n')}\n}}\n`
}

type Models = { folder: string; byName: Map<string, Model>; release: string }

async function loadModels(): Promise<Models> {
  const folder = join(packageFolderOfClient(), 'dist/gen/models')
  const all = await import(pathToFileURL(join(folder, 'all.js')).href) as Record<string, Model>
  const release = /OpenAPI spec version: release-(\S+)/.exec(readFileSync(join(folder, 'V1Pod.d.ts'), 'utf8'))![1]!
  return { folder, byName: new Map(Object.entries(all)), release }
}

/** The package exports no package.json, so its folder is found from its entry. */
function packageFolderOfClient(): string {
  const entry = fileURLToPath(import.meta.resolve('@kubernetes/client-node'))
  return entry.slice(0, entry.lastIndexOf('/dist/'))
}

type KnownType = { group: string; version: string; quantities: ReadonlySet<string> }

/** Interfaces of kubernetes-types by "version.Name": which groups have one, and which of its fields are quantities. */
function readKubernetesTypes(): Map<string, KnownType[]> {
  const folder = packageFolder('kubernetes-types')
  const found = new Map<string, KnownType[]>()
  for (const path of globSync('*/v*.d.ts', { cwd: folder })) {
    const [group, file] = path.split('/') as [string, string]
    const version = file.replace('.d.ts', '')
    for (const [, name, body] of readFileSync(join(folder, path), 'utf8').matchAll(/^export interface (\w+) \{\n([\s\S]*?)^\}/gm)) {
      const quantities = new Set([...body!.matchAll(/^ {4}(?:readonly )?"?([\w$-]+)"?\??: (?:\{\s*\[name: string\]: )?Quantity;/gm)].map(match => match[1]!))
      const key = `${version}.${name}`
      found.set(key, [...(found.get(key) ?? []), { group, version, quantities }])
    }
  }
  return found
}

/** Identifiers such as "core/v1.ServiceSpec" of all types that served kinds reach. */
function nameTypes({ byName }: Models, known: ReadonlyMap<string, KnownType[]>): Map<string, string> {
  const ids = new Map<string, string>()
  const visit = (name: string, group: string): void => {
    if (ids.has(name)) return
    const model = byName.get(name)
    if (model === undefined) throw new Error(`there is no model named ${name}`)
    const { version, plain, own } = splitName(name)
    const candidates = (known.get(`${version}.${plain}`) ?? []).map(type => type.group)
    const chosen = own ?? YOUNG_GROUPS[plain] ?? (candidates.includes(group) ? group : candidates.includes('meta') ? 'meta' : candidates.includes('core') ? 'core' : candidates[0] ?? group)
    ids.set(name, `${chosen}/${version}.${plain}`)
    for (const { type } of model.attributeTypeMap) for (const reference of referencesOf(type, byName)) visit(reference, chosen)
  }
  const rootOf = (group: string, version: string, kind: string): string => {
    const prefix = version[0]!.toUpperCase() + version.slice(1)
    const capital = group === '' ? 'Core' : group[0]!.toUpperCase() + group.slice(1)
    return [`${capital}${prefix}${kind}`, `${prefix}${kind}`].find(name => byName.has(name)) ?? `${prefix}${kind}`
  }
  for (const name of EXTRA_ROOTS) visit(name, 'meta')
  for (const { group, version, kind, subresources } of BUILTIN_RESOURCES) {
    for (const each of [{ group, version, kind }, ...subresources.map(sub => sub.kind)]) {
      const name = rootOf(packageOf(each.group), each.version, each.kind)
      // The option kinds of connect sub-resources (PodExecOptions, …) travel as query parameters only.
      if (byName.has(name)) visit(name, packageOf(each.group) === '' ? 'core' : packageOf(each.group))
    }
  }
  return ids
}

/** "rbac.authorization.k8s.io" lives in the package "rbac", "" in "core". */
const packageOf = (group: string): string => (group === 'flowcontrol.apiserver.k8s.io' ? 'flowcontrol' : group.split('.')[0]!)

/** "CoreV1EventSeries" -> core, v1, EventSeries; "V1Pod" -> v1, Pod. */
function splitName(name: string): { own: string | undefined; version: string; plain: string } {
  const [, own = '', version, plain] = /^([A-Z][a-z]+)?(V\d+(?:(?:alpha|beta)\d+)?)(\w+)$/.exec(name) ?? []
  if (version === undefined) return { own: undefined, version: 'v1', plain: name }
  return { own: own === '' ? undefined : own.toLowerCase(), version: version.toLowerCase(), plain: plain! }
}

const referencesOf = (type: string, byName: ReadonlyMap<string, Model>): readonly string[] =>
  [...type.matchAll(/\w+/g)].map(match => match[0]).filter(word => byName.has(word))

const SCALARS: Readonly<Record<string, string>> = {
  'string|': 'string', 'string|byte': 'byte', 'string|date-time': 'time', 'Date|date-time': 'time', 'V1MicroTime|date-time-micro': 'microtime',
  'number|int32': 'int32', 'number|int64': 'int64', 'number|double': 'double', 'boolean|': 'boolean', 'any|': 'any', 'IntOrString|int-or-string': 'intOrString',
}

function notationOf({ baseName, type, format }: Attribute, about: { id: string; ids: ReadonlyMap<string, string>; known: ReadonlyMap<string, KnownType[]> }): string {
  const list = /^Array<(.*)>$/.exec(type)
  if (list !== null) return `[]${notationOf({ name: '', baseName, type: list[1]!, format }, about)}`
  const map = /^\{ \[key: string\]: (.*); \}$/.exec(type)
  if (map !== null) return `{}${notationOf({ name: '', baseName, type: map[1]!, format }, about)}`
  const reference = about.ids.get(type)
  if (reference !== undefined && type !== 'V1MicroTime') return `#${reference}`
  const scalar = SCALARS[`${type}|${format}`]
  if (scalar === undefined) throw new Error(`${about.id}.${baseName}: unknown type ${type} ${format}`)
  return scalar === 'string' && isQuantity(about.id, baseName, about.known) ? 'quantity' : scalar
}

function isQuantity(id: string, field: string, known: ReadonlyMap<string, KnownType[]>): boolean {
  const [group, rest] = id.split('/') as [string, string]
  const [, plain] = rest.split('.') as [string, string]
  return YOUNG_QUANTITIES.has(`${plain}.${field}`) || (known.get(rest)?.find(type => type.group === group)?.quantities.has(field) ?? false)
}

function optionalFields(folder: string, name: string): ReadonlySet<string> {
  return new Set([...readFileSync(join(folder, `${name}.d.ts`), 'utf8').matchAll(/^ {4}'([^']+)'\?:/gm)].map(match => match[1]!))
}

if (import.meta.main) writeFileSync(new URL('../../src/api/schema/kubernetes.json', import.meta.url), await generateSchema())
