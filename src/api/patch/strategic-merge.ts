// Strategic merge patches: merge by key, with the directives `$patch`, `$retainKeys`, `$setElementOrder/…` and
// `$deleteFromPrimitiveList/…` (k8s.io/apimachinery/pkg/util/strategicpatch).

import { cloneJson, equalJson, isPlainObject, setOwn, type Json, type JsonObject } from '../object.ts'
import { badRequest } from '../status/status.ts'
import type { MergeRule, MergeRules } from './merge-strategy.ts'

const SET_ORDER = '$setElementOrder/'
const DELETE_PRIMITIVE = '$deleteFromPrimitiveList/'

/** Applies a patch to a copy of `target`. Throws 400 for a patch that breaks the rules of its directives. */
export function applyStrategicMerge(target: JsonObject, patch: unknown, rules: MergeRules): JsonObject {
  if (!isPlainObject(patch)) throw badRequest('error decoding patch: a strategic merge patch of an object is an object')
  const result = mergeMap(target, patch as JsonObject, rules)
  if (result === undefined) throw badRequest('a patch may not delete the whole object')
  return result
}

/** Undefined: the patch deletes the map. */
function mergeMap(target: JsonObject | undefined, patch: JsonObject, rules: MergeRules): JsonObject | undefined {
  const directive = patch['$patch']
  if (directive === 'delete') return undefined
  if (directive === 'replace') return strip(patch, rules)
  if (directive !== undefined && directive !== 'merge') throw badRequest(`Unknown patch type found: ${String(directive)}`)
  const result: JsonObject = target === undefined ? {} : cloneJson(target)
  retain(result, patch)
  deleteFromPrimitiveLists(result, patch)
  for (const [field, value] of Object.entries(patch)) {
    if (field.startsWith('$')) continue
    if (value === null) delete result[field]
    else setOrDelete(result, field, mergeField(Object.hasOwn(result, field) ? result[field] : undefined, value, Object.hasOwn(rules, field) ? rules[field]! : {}, elementOrder(patch, field), field))
  }
  for (const key of Object.keys(patch)) {
    if (!key.startsWith(SET_ORDER)) continue
    const field = key.slice(SET_ORDER.length)
    // Only an order, no items: the list keeps its items and takes the order.
    if (patch[field] === undefined && Array.isArray(result[field])) {
      result[field] = mergeField(result[field], [], rules[field] ?? {}, elementOrder(patch, field), field) ?? []
    }
  }
  return result
}

function setOrDelete(map: JsonObject, field: string, value: Json | undefined): void {
  if (value === undefined) delete map[field]
  else setOwn(map, field, value)
}

function mergeField(target: Json | undefined, value: Json, rule: MergeRule, order: readonly Json[] | undefined, field: string): Json | undefined {
  if (Array.isArray(value)) {
    const live = Array.isArray(target) ? target : []
    if (rule.key === undefined) return replacement(value, rule)
    return rule.key === 'primitive' ? mergeValues(live, value, order) : mergeItems(live, value, rule, order, field)
  }
  if (!isPlainObject(value)) return value
  const patch = value as JsonObject
  if (rule.replace === true) return strip(patch, rule.fields ?? {})
  return mergeMap(isPlainObject(target) ? target as JsonObject : undefined, patch, rule.fields ?? {})
}

/** A list without a merge key: the patch is the list, apart from a leading `{"$patch":"replace"}`. */
function replacement(value: readonly Json[], rule: MergeRule): Json[] {
  return value.filter(item => !isReplaceMarker(item)).map(item => (isPlainObject(item) ? strip(item as JsonObject, rule.fields ?? {}) : cloneJson(item)))
}

const isReplaceMarker = (item: Json): boolean =>
  isPlainObject(item) && item['$patch'] === 'replace' && Object.keys(item).length === 1

function mergeValues(live: readonly Json[], patch: readonly Json[], order: readonly Json[] | undefined): Json[] {
  checkOrder(patch, order, value => value)
  const union = [...live]
  for (const value of patch) if (!union.some(present => equalJson(present, value))) union.push(value)
  const unique = union.filter((value, index) => union.findIndex(other => equalJson(other, value)) === index)
  const text = (value: Json): string => JSON.stringify(value)
  return inOrder(unique, text, (order ?? patch).map(text), live.map(text))
}

function mergeItems(live: readonly Json[], patch: readonly Json[], rule: MergeRule, order: readonly Json[] | undefined, field: string): Json[] {
  const key = rule.key!
  const items = patch.map(item => {
    if (!isPlainObject(item)) throw badRequest(`expected a map in the patch of ${field}, found ${JSON.stringify(item)}`)
    return item as JsonObject
  })
  const replaces = items.some(isReplaceMarker)
  const rest = items.filter(item => !isReplaceMarker(item))
  if (replaces) return rest.map(item => strip(item, rule.fields ?? {}))
  let result = live.map(item => cloneJson(item))
  const identity = (item: Json): string => JSON.stringify(isPlainObject(item) ? item[key] ?? null : null)
  for (const item of rest) {
    if (item[key] === undefined || item[key] === null) throw badRequest(`map: ${JSON.stringify(item)} does not contain declared merge key: ${key}`)
    if (item['$patch'] === 'merge') throw badRequest('merging list cannot merge: $patch: merge is not an item directive')
    const wanted = identity(item)
    if (item['$patch'] === 'delete') {
      result = result.filter(candidate => identity(candidate) !== wanted)
      continue
    }
    const at = result.findIndex(candidate => identity(candidate) === wanted)
    const before = at === -1 ? undefined : result[at] as JsonObject
    const merged = mergeMap(before, item, rule.fields ?? {}) ?? {}
    if (at === -1) result.push(merged)
    else result[at] = merged
  }
  const kept = rest.filter(item => item['$patch'] !== 'delete')
  checkOrder(kept, order, identity)
  return inOrder(result, identity, (order ?? kept).map(identity), live.map(identity))
}

/** `$setElementOrder` must name every item of the patch. */
function checkOrder(patch: readonly Json[], order: readonly Json[] | undefined, identity: (item: Json) => Json): void {
  if (order === undefined) return
  for (const item of patch) {
    if (!order.some(entry => equalJson(identity(entry), identity(item)))) {
      throw badRequest(`the order in patch list:\n${JSON.stringify(patch)}\n doesn't match $setElementOrder list:\n${JSON.stringify(order)}\n`)
    }
  }
}

/**
 * Puts the items that `order` names into that order and weaves the others in: a live-only item comes before one of the
 * patch only if it stood before it in the live list. So new items come before the live-only ones, as upstream's do.
 */
function inOrder<T>(items: readonly T[], identity: (item: T) => string, order: readonly string[], live: readonly string[]): T[] {
  const rank = new Map<string, number>()
  order.forEach((entry, index) => { if (!rank.has(entry)) rank.set(entry, index) })
  const place = new Map(live.map((entry, index) => [entry, index]))
  const named = items.filter(item => rank.has(identity(item))).sort((a, b) => rank.get(identity(a))! - rank.get(identity(b))!)
  const others = items.filter(item => !rank.has(identity(item)))
  const result: T[] = []
  for (const item of named) {
    const mine = place.get(identity(item))
    while (others.length > 0 && mine !== undefined && (place.get(identity(others[0]!)) ?? Infinity) < mine) result.push(others.shift()!)
    result.push(item)
  }
  return [...result, ...others]
}

function elementOrder(patch: JsonObject, field: string): readonly Json[] | undefined {
  const order = patch[`${SET_ORDER}${field}`]
  if (order === undefined || order === null) return undefined
  if (!Array.isArray(order)) throw badRequest(`${SET_ORDER}${field} must be a list`)
  return order
}

function retain(result: JsonObject, patch: JsonObject): void {
  const keys = patch['$retainKeys']
  if (keys === undefined) return
  if (!Array.isArray(keys)) throw badRequest('$retainKeys must be a list')
  for (const field of Object.keys(patch)) {
    if (!field.startsWith('$') && patch[field] !== null && !keys.includes(field)) {
      throw badRequest(`${JSON.stringify(patch)} contains a field that $retainKeys does not list: ${field}`)
    }
  }
  for (const field of Object.keys(result)) if (!keys.includes(field)) delete result[field]
}

function deleteFromPrimitiveLists(result: JsonObject, patch: JsonObject): void {
  for (const [key, values] of Object.entries(patch)) {
    if (!key.startsWith(DELETE_PRIMITIVE)) continue
    const field = key.slice(DELETE_PRIMITIVE.length)
    if (!Array.isArray(values)) throw badRequest(`${key} must be a list`)
    const live = result[field]
    if (Array.isArray(live)) result[field] = live.filter(item => !values.some(value => equalJson(value, item)))
  }
}

/** The content of a patch that stands for itself: without directives, nulls removed as in a merge with nothing. */
const strip = (patch: JsonObject, rules: MergeRules): JsonObject =>
  mergeMap(undefined, Object.fromEntries(Object.entries(patch).filter(([field]) => field !== '$patch')), rules) ?? {}
