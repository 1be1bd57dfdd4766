import test from 'ava'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, dirname } from 'node:path'
import { describeFrom } from '../../../../src/api/openapi/descriptions.ts'
import { encodeOpenApiV2 } from '../../../../src/api/openapi/v2-protobuf.ts'
import { openApiV2Document } from '../../../../src/api/openapi/v2.ts'
import { openApiV3Document } from '../../../../src/api/openapi/v3.ts'
import { readFields } from '../../../../src/api/protobuf/wire.ts'
import { builtinIndex, ResourceIndex } from '../../../../src/api/registry/resource-index.ts'
import { BUILTIN_RESOURCES } from '../../../../src/api/registry/builtin.ts'
import { VERBS, type ApiResource } from '../../../../src/api/registry/resource.ts'
import type { JsonObject } from '../../../../src/api/object.ts'

const index = builtinIndex()
const at = (value: unknown, ...path: readonly string[]): unknown => path.reduce<unknown>((inner, key) => (inner as JsonObject | undefined)?.[key], value)

function references(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.flatMap(references)
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, inner]) => (key === '$ref' && typeof inner === 'string' ? [inner] : references(inner)))
}

test('every reference in every document leads to a schema of the same document', t => {
  for (const { group, versions } of index.groups) {
    for (const { version } of versions) {
      const document = openApiV3Document(index, { group, version })
      for (const reference of references(document)) t.truthy(at(document, ...reference.slice(2).split('/')), `${group}/${version} ${reference}`)
    }
  }
  const v2 = openApiV2Document(index)
  for (const reference of references(v2)) t.truthy(at(v2, ...reference.slice(2).split('/')), reference)
})

test('PATCH of a service takes fieldValidation and strategic merge patches, its kind is one object, not a list (9)', t => {
  const document = openApiV3Document(index, { group: '', version: 'v1' })
  const patch = at(document, 'paths', '/api/v1/namespaces/{namespace}/services/{name}', 'patch')
  t.deepEqual(at(patch, 'x-kubernetes-group-version-kind'), { group: '', version: 'v1', kind: 'Service' })
  t.true((at(patch, 'parameters') as JsonObject[]).some(({ name }) => name === 'fieldValidation'))
  t.deepEqual(Object.keys(at(patch, 'requestBody', 'content') as object), [
    'application/apply-patch+yaml', 'application/json-patch+json', 'application/merge-patch+json', 'application/strategic-merge-patch+json',
  ])
})

test('schemas carry kinds, list types, merge keys and required fields', t => {
  const schemas = at(openApiV3Document(index, { group: 'apps', version: 'v1' }), 'components', 'schemas')
  t.deepEqual(at(schemas, 'io.k8s.api.apps.v1.Deployment', 'x-kubernetes-group-version-kind'), [{ group: 'apps', version: 'v1', kind: 'Deployment' }])
  t.like(at(schemas, 'io.k8s.api.core.v1.PodSpec', 'properties', 'containers'), {
    type: 'array', 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'], 'x-kubernetes-patch-merge-key': 'name', 'x-kubernetes-patch-strategy': 'merge',
  })
  t.like(at(schemas, 'io.k8s.api.core.v1.PodSpec', 'properties', 'volumes'), { 'x-kubernetes-patch-strategy': 'merge,retainKeys' })
  t.deepEqual(at(schemas, 'io.k8s.api.apps.v1.DeploymentSpec', 'required'), ['selector', 'template'])
  t.is(at(schemas, 'io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector', 'x-kubernetes-map-type'), 'atomic')
  t.truthy(at(schemas, 'io.k8s.api.apps.v1.DeploymentList'))
})

test('a custom kind has its schema under its reversed group and takes no strategic merge patch (77)', t => {
  const widget: ApiResource = {
    group: 'example.com', version: 'v1', kind: 'Widget', plural: 'widgets', singular: 'widget', listKind: 'WidgetList', namespaced: true, shortNames: [], categories: [],
    verbs: VERBS, subresources: [], depth: 'generic', custom: true, storage: { prefix: '/example.com/widgets/', kind: { group: 'example.com', version: 'v1', kind: 'Widget' } },
    schema: { type: 'object', properties: { spec: { type: 'object', properties: { size: { type: 'integer' } } } } },
  }
  const document = openApiV3Document(new ResourceIndex([...BUILTIN_RESOURCES, widget]), { group: 'example.com', version: 'v1' })
  t.like(at(document, 'components', 'schemas', 'com.example.v1.Widget', 'properties', 'spec', 'properties'), { size: { type: 'integer' } })
  t.false(Object.keys(at(document, 'paths', '/apis/example.com/v1/namespaces/{namespace}/widgets/{name}', 'patch', 'requestBody', 'content') as object).some(type => type.includes('strategic')))
  for (const reference of references(document)) t.truthy(at(document, ...reference.slice(2).split('/')), reference)
})

test('prose comes from the declarations of kubernetes-types (6)', t => {
  const folder = dirname(createRequire(import.meta.url).resolve('kubernetes-types/package.json'))
  const describe = describeFrom(groupVersion => (groupVersion === 'core/v1' ? readFileSync(join(folder, 'core/v1.d.ts'), 'utf8') : undefined))
  t.regex(describe('core/v1.ServiceSpec.clusterIPs'), /^ClusterIPs is a list of IP addresses/)
  t.regex(describe('core/v1.Pod'), /^Pod is a collection of containers/)
  t.is(describe('resource/v1.DeviceClass'), '')
})

test('the protobuf form of the v2 document says swagger 2.0 and has every path and definition (8)', t => {
  const document = openApiV2Document(index)
  const fields = [...readFields(encodeOpenApiV2(document))]
  const bytes = (number: number): Uint8Array => fields.find(field => field.number === number)!.value as Uint8Array
  t.is(Buffer.from(bytes(1)).toString(), '2.0')
  const names = (message: Uint8Array, number: number): string[] => [...readFields(message)].filter(field => field.number === number).map(field =>
    Buffer.from([...readFields(field.value as Uint8Array)].find(inner => inner.number === 1)!.value as Uint8Array).toString())
  t.deepEqual(names(bytes(8), 2), Object.keys(document['paths'] as object))
  t.deepEqual(names(bytes(9), 1), Object.keys(document['definitions'] as object))
})
