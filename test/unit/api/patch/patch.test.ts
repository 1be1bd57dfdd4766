import test from 'ava'
import fc from 'fast-check'
import { applyJsonPatch } from '../../../../src/api/patch/json-patch.ts'
import { applyMergePatch } from '../../../../src/api/patch/merge-patch.ts'
import { cloneJson, equalJson, type JsonObject } from '../../../../src/api/object.ts'
import { StatusError } from '../../../../src/api/status/status.ts'

const object = fc.object({ maxDepth: 3, values: [fc.string(), fc.integer(), fc.boolean(), fc.constant(null)] }) as fc.Arbitrary<JsonObject>
const withoutNulls = fc.object({ maxDepth: 3, values: [fc.string(), fc.integer(), fc.boolean()] }) as fc.Arbitrary<JsonObject>

const codeOf = (t: import('ava').ExecutionContext, run: () => unknown): number => t.throws(run, { instanceOf: StatusError }).body.code

test('a failing test of a JSON patch is a 422, too many operations a 413, a body that is no patch a 400 (34)', t => {
  const target = { data: { a: 'y' } }
  t.is(codeOf(t, () => applyJsonPatch(target, [{ op: 'test', path: '/data/a', value: 'x' }, { op: 'remove', path: '/data/a' }])), 422)
  t.is(codeOf(t, () => applyJsonPatch(target, [{ op: 'remove', path: '/data/b' }])), 422)
  t.is(codeOf(t, () => applyJsonPatch(target, Array(10_001).fill({ op: 'test', path: '/data/a', value: 'y' }))), 413)
  t.is(codeOf(t, () => applyJsonPatch(target, { op: 'remove' })), 400)
  t.is(codeOf(t, () => applyJsonPatch(target, [{ op: 'gibe', path: '/' }])), 422)
  t.is(codeOf(t, () => applyJsonPatch(target, [7])), 400)
  t.is(codeOf(t, () => applyJsonPatch(target, [{ op: 'add', path: '/__proto__/x', value: 1 }])), 422)
  t.deepEqual(applyJsonPatch(target, [{ op: 'replace', path: '/data/a', value: 'z' }, { op: 'add', path: '/data/b', value: 'n' }]), { data: { a: 'z', b: 'n' } })
  t.deepEqual(target, { data: { a: 'y' } })
})

test('null in a merge patch removes a key, maps merge, lists are replaced (34)', t => {
  t.deepEqual(applyMergePatch({ data: { a: '1', b: '2' }, l: [1, 2] }, { data: { a: null, c: '3' }, l: [3] }), { data: { b: '2', c: '3' }, l: [3] })
  t.is(codeOf(t, () => applyMergePatch({}, [])), 400)
})

test('a merge patch applied twice is the same as applied once, and leaves its target alone', t => {
  fc.assert(fc.property(object, object, (target, patch) => {
    const before = cloneJson(target)
    const once = applyMergePatch(target, patch)
    t.true(equalJson(applyMergePatch(once, patch), once))
    t.deepEqual(target, before)
  }))
})

test('a merge patch without nulls has everything it says in its result', t => {
  fc.assert(fc.property(object, withoutNulls, (target, patch) => {
    t.true(equalJson(applyMergePatch(applyMergePatch(target, patch), patch), applyMergePatch(target, patch)))
    for (const [key, value] of Object.entries(patch)) if (typeof value !== 'object') t.is(Object.getOwnPropertyDescriptor(applyMergePatch(target, patch), key)?.value, value)
  }))
})

test('a key named __proto__ is data like any other, in clones and patches', t => {
  const target = JSON.parse('{"data":{"__proto__":"x","a":"1"}}') as JsonObject
  t.is(JSON.stringify(cloneJson(target)), '{"data":{"__proto__":"x","a":"1"}}')
  t.is(JSON.stringify(applyMergePatch(target, JSON.parse('{"data":{"__proto__":null}}'))), '{"data":{"a":"1"}}')
  t.is(JSON.stringify(applyMergePatch({ data: {} }, JSON.parse('{"data":{"__proto__":{"polluted":"y"}}}'))), '{"data":{"__proto__":{"polluted":"y"}}}')
  t.is(({} as Record<string, unknown>)['polluted'], undefined)
  t.false(equalJson({}, JSON.parse('{"__proto__":1}')))
})
