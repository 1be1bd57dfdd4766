// RFC 6902 patches, through fast-json-patch.

import jsonPatch, { type Operation } from 'fast-json-patch'
import { cloneJson, isPlainObject, type JsonObject } from '../object.ts'
import { badRequest, entityTooLarge, unprocessable } from '../status/status.ts'

export const MAX_JSON_PATCH_OPERATIONS = 10_000

/**
 * Applies a patch to a copy of `target`. Throws 400 for a body that is no patch, 413 for too many operations,
 * 422 when a test fails or a path does not exist.
 */
export function applyJsonPatch(target: JsonObject, patch: unknown): JsonObject {
  if (!Array.isArray(patch)) throw badRequest('error decoding patch: json: a JSON patch is an array of operations')
  if (patch.length > MAX_JSON_PATCH_OPERATIONS) {
    throw entityTooLarge(`The allowed maximum operations in a JSON patch is ${MAX_JSON_PATCH_OPERATIONS}, got ${patch.length}`)
  }
  const operations = patch.map(operation)
  let document: unknown = cloneJson(target)
  for (const [index, step] of operations.entries()) {
    try {
      document = jsonPatch.applyOperation(document, step, true, true, true, index).newDocument
    } catch (cause) {
      throw unprocessable(describe(step, cause))
    }
  }
  if (!isPlainObject(document)) throw unprocessable('the patch does not leave an object')
  return document as JsonObject
}

const OPERATIONS: ReadonlySet<unknown> = new Set(['add', 'remove', 'replace', 'move', 'copy', 'test'])

function operation(step: unknown): Operation {
  if (!isPlainObject(step)) throw badRequest(`error decoding patch: unexpected operation ${JSON.stringify(step)}`)
  if (!OPERATIONS.has(step['op']) || typeof step['path'] !== 'string') throw unprocessable(`Unexpected kind: ${String(step['op'])}`)
  // Upstream's library reads an absent value as null; the npm one refuses it.
  if ((step['op'] === 'add' || step['op'] === 'replace' || step['op'] === 'test') && !('value' in step)) return { ...step, value: null } as unknown as Operation
  return cloneJson(step) as unknown as Operation
}

function describe(step: Operation, cause: unknown): string {
  const name = cause instanceof jsonPatch.JsonPatchError ? cause.name : ''
  if (name === 'TEST_OPERATION_FAILED') return `testing value ${step.path} failed: test failed`
  return `${step.op} operation does not apply: doc is missing path: ${JSON.stringify(step.path)}: missing value`
}
