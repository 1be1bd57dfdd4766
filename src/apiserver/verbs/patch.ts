// PATCH: the three patch types that change an existing object; apply is the fourth, in a file of its own.

import { parse as parseYaml } from 'yaml'
import type { ApiObject, Draft, JsonObject } from '../../api/object.ts'
import { applyJsonPatch } from '../../api/patch/json-patch.ts'
import { applyMergePatch } from '../../api/patch/merge-patch.ts'
import { mergeRulesOf } from '../../api/patch/merge-strategy.ts'
import { applyStrategicMerge } from '../../api/patch/strategic-merge.ts'
import type { ExpectedKind } from '../../api/schema/decode-object.ts'
import { forbidden } from '../../api/status/field-error.ts'
import { badRequest, invalidObject, notFoundObject, unsupportedMediaType } from '../../api/status/status.ts'
import { asObject, mediaType, type FieldRules } from '../http/decode-body.ts'
import { apply } from './apply.ts'
import { fieldRules, type Call } from './call.ts'
import { renderingOf } from './render.ts'
import { sendWritten } from './send-written.ts'
import { updateObject } from './update.ts'
import { parseWriteOptions } from './write-options.ts'

export const PATCH_TYPES = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
} as const

export async function patch(call: Call): Promise<void> {
  const { exchange, request, resource, negotiated } = call
  const options = parseWriteOptions(exchange.query, exchange.headers, 'PatchOptions')
  const rendering = renderingOf(negotiated, exchange.query)
  const type = mediaType(exchange.headers['content-type'])
  const body = await exchange.readBody()
  if (type === PATCH_TYPES.apply) return apply(call, options, body)
  if (options.force !== undefined) {
    throw invalidObject({ group: 'meta.k8s.io', kind: 'PatchOptions' }, '', [forbidden('force', 'may not be specified for non-apply patch')])
  }
  const change = parsePatch(resource, type, body)
  const rules = fieldRules(call, options)
  const outcome = await updateObject(call, options, old => patched(resource, old, change, rules))
  if (outcome === undefined) throw notFoundObject(resource, request.name)
  sendWritten(call, 200, rendering, outcome)
}

/** A patched copy of an object that is only a view (Scale). Throws like `patch`. */
export const applyPatch = (kind: PatchedKind, contentType: string | undefined, body: Buffer, object: ApiObject): Draft =>
  patched(kind, object, parsePatch({ ...kind, custom: false }, mediaType(contentType), body))

type PatchedKind = ExpectedKind

/** Applies the change to a copy of what is stored. A resourceVersion that the patch sets is a precondition; one it leaves alone is none. */
function patched(kind: PatchedKind, old: ApiObject, change: (target: JsonObject) => JsonObject, rules?: FieldRules): Draft {
  const before = old.metadata.resourceVersion
  const result = asObject(change(old as unknown as JsonObject), kind, rules)
  if (result.metadata.resourceVersion === before) delete result.metadata.resourceVersion
  return result
}

function parsePatch(resource: PatchedKind & Readonly<{ custom: boolean }>, type: string, body: Buffer): (target: JsonObject) => JsonObject {
  switch (type) {
    case PATCH_TYPES.json: {
      const operations = parseJson(body)
      return target => applyJsonPatch(target, operations)
    }
    case PATCH_TYPES.merge: {
      const value = parseJson(body)
      return target => applyMergePatch(target, value)
    }
    case PATCH_TYPES.strategic: {
      if (resource.custom) throw unsupportedMediaType([PATCH_TYPES.json, PATCH_TYPES.merge, PATCH_TYPES.apply])
      const value = parseJson(body)
      const rules = mergeRulesOf(resource.group, resource.kind)
      return target => applyStrategicMerge(target, value, rules)
    }
    default: throw unsupportedMediaType(Object.values(PATCH_TYPES))
  }
}

/** Patches are JSON; kubectl may send YAML, of which JSON is a part. */
function parseJson(body: Buffer): unknown {
  const text = body.toString()
  try {
    return JSON.parse(text) as unknown
  } catch (cause) {
    try {
      return parseYaml(text, { version: '1.1', maxAliasCount: 100 }) as unknown
    } catch {
      throw badRequest(`error decoding patch: ${(cause as Error).message}`)
    }
  }
}
