// The v2 document in the protobuf form of gnostic's openapiv2.proto, which is all that kubectl up to 1.26 asks for.
// Field numbers: github.com/google/gnostic-models/openapiv2/OpenAPIv2.proto.

import { MessageWriter } from '../protobuf/write.ts'
import { isPlainObject, type Json, type JsonObject } from '../object.ts'

/** What clients ask for and what the answer is called; the spellings differ for historic reasons. */
export const V2_PROTOBUF_ACCEPT = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf'
export const V2_PROTOBUF_TYPE = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf'

/** Encodes what `openApiV2Document` made. */
export function encodeOpenApiV2(document: JsonObject): Uint8Array {
  const info = document['info'] as JsonObject
  const paths = new MessageWriter()
  for (const [path, item] of entries(document['paths'])) paths.message(2, named(path, pathItem(item as JsonObject)))
  const definitions = new MessageWriter()
  for (const [name, schema] of entries(document['definitions'])) definitions.message(1, named(name, schemaMessage(schema as JsonObject)))
  return new MessageWriter()
    .text(1, String(document['swagger']))
    .message(2, new MessageWriter().text(1, String(info['title'])).text(2, String(info['version'])))
    .message(8, paths)
    .message(9, definitions)
    .finish()
}

const METHODS: Readonly<Record<string, number>> = { get: 2, put: 3, post: 4, delete: 5, options: 6, head: 7, patch: 8 }

function pathItem(item: JsonObject): MessageWriter {
  const writer = new MessageWriter()
  for (const [method, field] of Object.entries(METHODS)) if (item[method] !== undefined) writer.message(field, operation(item[method] as JsonObject))
  for (const parameter of list(item['parameters'])) writer.message(9, parameterItem(parameter as JsonObject))
  return writer
}

function operation(item: JsonObject): MessageWriter {
  const writer = new MessageWriter().text(3, String(item['description'] ?? '')).text(5, String(item['operationId'] ?? ''))
    .texts(6, list(item['produces']).map(String)).texts(7, list(item['consumes']).map(String))
  for (const parameter of list(item['parameters'])) writer.message(8, parameterItem(parameter as JsonObject))
  const responses = new MessageWriter()
  for (const [code, response] of entries(item['responses'])) {
    const body = new MessageWriter().text(1, String((response as JsonObject)['description'] ?? ''))
    const schema = (response as JsonObject)['schema']
    if (schema !== undefined) body.message(2, new MessageWriter().message(1, schemaMessage(schema as JsonObject)))
    responses.message(1, named(code, new MessageWriter().message(1, body)))
  }
  writer.message(9, responses).texts(10, list(item['schemes']).map(String))
  return extensions(writer, 13, item)
}

function parameterItem(parameter: JsonObject): MessageWriter {
  const name = String(parameter['name'])
  if (parameter['in'] === 'body') {
    const body = new MessageWriter().text(2, name).text(3, 'body').flag(4, parameter['required'] === true).message(5, schemaMessage(parameter['schema'] as JsonObject))
    return new MessageWriter().message(1, new MessageWriter().message(1, body))
  }
  const isPath = parameter['in'] === 'path'
  const inner = new MessageWriter().flag(1, parameter['required'] === true).text(2, String(parameter['in'])).text(4, name)
    .text(isPath ? 5 : 6, String(parameter['type'])).flag(isPath ? 19 : 20, parameter['uniqueItems'] === true)
  const nonBody = new MessageWriter().message(isPath ? 4 : 3, inner)
  return new MessageWriter().message(1, new MessageWriter().message(2, nonBody))
}

function schemaMessage(schema: JsonObject): MessageWriter {
  const writer = new MessageWriter().text(1, String(schema['$ref'] ?? '')).text(2, String(schema['format'] ?? '')).text(4, String(schema['description'] ?? ''))
    .texts(19, list(schema['required']).map(String))
  const additional = schema['additionalProperties']
  if (isPlainObject(additional)) writer.message(21, new MessageWriter().message(1, schemaMessage(additional as JsonObject)))
  else if (typeof additional === 'boolean') writer.message(21, new MessageWriter().flag(2, additional))
  if (schema['type'] !== undefined) writer.message(22, new MessageWriter().texts(1, [String(schema['type'])]))
  if (isPlainObject(schema['items'])) writer.message(23, new MessageWriter().message(1, schemaMessage(schema['items'] as JsonObject)))
  for (const part of list(schema['allOf'])) writer.message(24, schemaMessage(part as JsonObject))
  if (isPlainObject(schema['properties'])) {
    const properties = new MessageWriter()
    for (const [name, property] of entries(schema['properties'])) properties.message(1, named(name, schemaMessage(property as JsonObject)))
    writer.message(25, properties)
  }
  return extensions(writer, 31, schema)
}

/** `x-…` fields, whose value readers take from YAML text; JSON is YAML. */
function extensions(writer: MessageWriter, field: number, item: JsonObject): MessageWriter {
  for (const [name, value] of Object.entries(item)) {
    if (name.startsWith('x-')) writer.message(field, named(name, new MessageWriter().text(2, `${JSON.stringify(value)}\n`)))
  }
  return writer
}

const named = (name: string, value: MessageWriter): MessageWriter => new MessageWriter().text(1, name).message(2, value)
const list = (value: Json | undefined): readonly Json[] => (Array.isArray(value) ? value : [])
const entries = (value: Json | undefined): readonly (readonly [string, Json])[] => (isPlainObject(value) ? Object.entries(value as JsonObject) : [])
