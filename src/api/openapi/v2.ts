// The OpenAPI v2 document (Swagger 2.0): client-side validation and `explain` of kubectl up to 1.26.

import { customDefinition, definitionsFor, kindDefinitionName } from './definitions.ts'
import { operationsOf, type Operation } from './operations.ts'
import type { OpenApiOptions } from './v3.ts'
import type { JsonObject } from '../object.ts'
import type { ResourceIndex } from '../registry/resource-index.ts'
import { SCHEMA_RELEASE } from '../schema/types.ts'

const REF_PREFIX = '#/definitions/'

/** One document for everything that is served. */
export function openApiV2Document(index: ResourceIndex, { describe = () => '' }: OpenApiOptions = {}): JsonObject {
  const paths: JsonObject = {}
  for (const operation of index.resources.flatMap(operationsOf)) {
    const item = (paths[operation.path] ??= { parameters: operation.pathParameters.map(pathParameter) }) as JsonObject
    item[operation.method] = operationV2(operation)
  }
  const definitions = definitionsFor(index.resources, { refPrefix: REF_PREFIX, describe })
  for (const resource of index.resources.filter(({ custom }) => custom)) {
    definitions[kindDefinitionName(resource)] = customDefinition(resource, REF_PREFIX)
  }
  return { swagger: '2.0', info: { title: 'Kubernetes', version: `v${SCHEMA_RELEASE}.0` }, paths, definitions }
}

function operationV2({ action, id, kind, queryParameters, consumes, description, method }: Operation): JsonObject {
  const reference = { $ref: `${REF_PREFIX}${kindDefinitionName(kind)}` }
  const body = method === 'delete' ? { $ref: `${REF_PREFIX}io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions` } : method === 'patch' ? { type: 'object' } : reference
  return {
    description, operationId: id, consumes: consumes.length === 0 ? ['*/*'] : [...consumes], produces: ['application/json', 'application/yaml'], schemes: ['https'],
    parameters: [
      ...(consumes.length === 0 ? [] : [{ name: 'body', in: 'body', required: method !== 'delete', schema: { ...body } }]),
      ...queryParameters.map(({ name, type }) => ({ name, in: 'query', type, uniqueItems: true })),
    ],
    responses: { 200: { description: 'OK', schema: reference }, 401: { description: 'Unauthorized' } },
    'x-kubernetes-action': action, 'x-kubernetes-group-version-kind': { ...kind },
  }
}

const pathParameter = (name: string): JsonObject => ({ name, in: 'path', required: true, type: 'string', uniqueItems: true })
