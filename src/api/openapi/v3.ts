// OpenAPI v3 documents, one per group version. kubectl looks here whether a PATCH takes `fieldValidation` and strategic
// merge patches, and `kubectl explain` reads the schemas.

import { customDefinition, definitionsFor, kindDefinitionName, resourcesOf, type Describe } from './definitions.ts'
import { operationsOf, type Operation } from './operations.ts'
import type { JsonObject } from '../object.ts'
import type { ResourceIndex } from '../registry/resource-index.ts'
import { SCHEMA_RELEASE } from '../schema/types.ts'

const REF_PREFIX = '#/components/schemas/'

export type OpenApiOptions = Readonly<{ describe?: Describe }>

/** The document of one group version. */
export function openApiV3Document(
  index: ResourceIndex, groupVersion: Readonly<{ group: string; version: string }>, { describe = () => '' }: OpenApiOptions = {},
): JsonObject {
  const resources = resourcesOf(index, groupVersion)
  const paths: JsonObject = {}
  for (const operation of resources.flatMap(operationsOf)) {
    const item = (paths[operation.path] ??= { parameters: operation.pathParameters.map(pathParameter) }) as JsonObject
    item[operation.method] = operationV3(operation)
  }
  const schemas = definitionsFor(resources, { refPrefix: REF_PREFIX, describe })
  for (const [name, definition] of Object.entries(schemas)) schemas[name] = wrapReferences(definition as JsonObject)
  for (const resource of resources.filter(({ custom }) => custom)) {
    schemas[kindDefinitionName(resource)] = customDefinition(resource, REF_PREFIX)
  }
  return { openapi: '3.0.0', info: { title: 'Kubernetes', version: `v${SCHEMA_RELEASE}.0` }, paths, components: { schemas } }
}

function operationV3({ action, id, kind, queryParameters, consumes, description, method }: Operation): JsonObject {
  const reference = { $ref: `${REF_PREFIX}${kindDefinitionName(kind)}` }
  const bodySchema = method === 'delete' ? { $ref: `${REF_PREFIX}io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions` } : method === 'patch' ? { type: 'object' } : reference
  return {
    description, operationId: id,
    'x-kubernetes-action': action, 'x-kubernetes-group-version-kind': { ...kind },
    parameters: queryParameters.map(({ name, type }) => ({ name, in: 'query', schema: { type, uniqueItems: true } })),
    ...(consumes.length === 0 ? {} : { requestBody: { content: Object.fromEntries(consumes.map(type => [type, { schema: { ...bodySchema } }])) } }),
    responses: { 200: { description: 'OK', content: { 'application/json': { schema: reference } } } },
  }
}

const pathParameter = (name: string): JsonObject => ({ name, in: 'path', required: true, schema: { type: 'string', uniqueItems: true } })

/** In v3 a $ref may have no siblings, so that fields with a description refer through allOf. */
function wrapReferences(definition: JsonObject): JsonObject {
  const properties = definition['properties'] as JsonObject | undefined
  if (properties === undefined) return definition
  const wrapped = Object.fromEntries(Object.entries(properties).map(([name, schema]) => {
    const { $ref, ...rest } = schema as JsonObject
    return [name, $ref === undefined || Object.keys(rest).length === 0 ? schema as JsonObject : { allOf: [{ $ref }], ...rest }]
  }))
  return { ...definition, properties: wrapped }
}
