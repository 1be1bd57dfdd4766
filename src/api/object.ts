// What every API object has in common. Inside the server an object is its JSON form, in the version of the request.

export type Json = null | boolean | number | string | Json[] | JsonObject
export type JsonObject = { [key: string]: Json }

export type OwnerReference = {
  apiVersion: string
  kind: string
  name: string
  uid: string
  controller?: boolean
  blockOwnerDeletion?: boolean
}

export type ManagedFieldsEntry = {
  manager?: string
  operation?: 'Apply' | 'Update'
  apiVersion?: string
  time?: string
  fieldsType?: string
  fieldsV1?: JsonObject
  subresource?: string
}

/** meta/v1 ObjectMeta. Times are RFC 3339 in UTC with whole seconds. */
export type ObjectMeta = {
  name?: string
  generateName?: string
  namespace?: string
  uid?: string
  resourceVersion?: string
  generation?: number
  selfLink?: string
  creationTimestamp?: string | null
  deletionTimestamp?: string
  deletionGracePeriodSeconds?: number
  labels?: Record<string, string>
  annotations?: Record<string, string>
  ownerReferences?: OwnerReference[]
  finalizers?: string[]
  managedFields?: ManagedFieldsEntry[]
}

/**
 * An object of any kind. A function that takes one called `draft` may change it: its caller made the
 * draft for that purpose (a decoded body, a clone). Everything else is read only, stored objects above all.
 */
export type ApiObject = {
  apiVersion: string
  kind: string
  metadata: ObjectMeta
  [field: string]: unknown
}

export type Draft = ApiObject

/** A copy that shares nothing with the original. JSON only, so no `structuredClone` and its cost. */
export function cloneJson<T>(value: T): T {
  if (value === null || typeof value !== 'object') return value
  if (Array.isArray(value)) return value.map(cloneJson) as T
  const copy: Record<string, unknown> = {}
  for (const key of Object.keys(value)) setOwn(copy, key, cloneJson((value as Record<string, unknown>)[key]))
  return copy as T
}

/** Sets a key that came from outside: `__proto__` is an ordinary key of JSON (and of a ConfigMap), not a prototype. */
export function setOwn(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__') Object.defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true })
  else target[key] = value
}

/** Deep equality of JSON values; the order of an object's keys does not matter. An undefined field equals an absent one. */
export function equalJson(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (a === null || b === null || typeof a !== 'object' || typeof b !== 'object') return false
  if (Array.isArray(a) !== Array.isArray(b)) return false
  if (Array.isArray(a)) return a.length === (b as unknown[]).length && a.every((item, i) => equalJson(item, (b as unknown[])[i]))
  const left = a as Record<string, unknown>
  const right = b as Record<string, unknown>
  for (const key of Object.keys(left)) if (!equalJson(left[key], right[key])) return false
  for (const key of Object.keys(right)) if (right[key] !== undefined && (!Object.hasOwn(left, key) || left[key] === undefined)) return false
  return true
}

export const isPlainObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** RFC 3339 in UTC, whole seconds, as `Time` fields carry it. */
export const formatTime = (epochMs: number): string => `${new Date(epochMs).toISOString().slice(0, 19)}Z`

/** RFC 3339 in UTC with six digits, as `MicroTime` fields carry it. */
export const formatMicroTime = (epochMs: number): string => `${new Date(epochMs).toISOString().slice(0, 23)}000Z`
