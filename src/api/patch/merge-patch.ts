// RFC 7386 merge patches.

import { cloneJson, isPlainObject, setOwn, type Json, type JsonObject } from '../object.ts'
import { badRequest } from '../status/status.ts'

/** Applies a patch to a copy of `target`. Throws 400 when the patch is not an object. */
export function applyMergePatch(target: JsonObject, patch: unknown): JsonObject {
  if (!isPlainObject(patch)) throw badRequest('error decoding patch: a merge patch of an object is an object')
  return merge(target, patch as JsonObject) as JsonObject
}

function merge(target: Json | undefined, patch: Json): Json {
  if (!isPlainObject(patch)) return cloneJson(patch)
  const result: JsonObject = isPlainObject(target) ? { ...(target as JsonObject) } : {}
  for (const [key, value] of Object.entries(patch as JsonObject)) {
    if (value === null) delete result[key]
    else setOwn(result, key, merge(Object.hasOwn(result, key) ? result[key] : undefined, value))
  }
  for (const key of Object.keys(result)) if (!Object.hasOwn(patch, key)) setOwn(result, key, cloneJson(result[key]!))
  return result
}
