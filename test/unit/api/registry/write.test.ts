import test from 'ava'
import fc from 'fast-check'
import { NAME_ALPHABET, nameSuffix } from '../../../../src/api/metadata/generate-name.ts'
import { cloneJson, type ApiObject } from '../../../../src/api/object.ts'
import { builtinIndex } from '../../../../src/api/registry/resource-index.ts'
import { beginCreate, beginUpdate, finishCreate, finishUpdate, isUnchanged } from '../../../../src/api/registry/write.ts'
import type { WriteContext } from '../../../../src/api/registry/strategy.ts'
import { strategyOf } from '../../../../src/api/strategies/index.ts'
import { StatusError } from '../../../../src/api/status/status.ts'

const resource = builtinIndex().find('', 'v1', 'configmaps')!
const target = { resource, strategy: strategyOf(resource) }
const context: WriteContext = { nowMs: Date.UTC(2026, 0, 2, 3, 4, 5, 678), uid: 'u-1', suffix: () => 'bcdfg', user: { username: 'u', groups: [] } }
const path = { namespace: 'ns', name: '' }
const body = (metadata: Record<string, unknown>): ApiObject => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata }) as ApiObject

function create(metadata: Record<string, unknown>): ApiObject {
  const draft = body(metadata)
  beginCreate(target, draft, path, context)
  finishCreate(target, draft)
  return draft
}

function statusOf(t: import('ava').ExecutionContext, run: () => unknown): { code: number; message: string } {
  const error = t.throws(run, { instanceOf: StatusError })
  return { code: error.body.code, message: error.message }
}

test('create sets what the server owns and wipes what a client may not set', t => {
  t.deepEqual(create({ name: 'a', uid: 'mine', creationTimestamp: '2000-01-01T00:00:00Z', deletionTimestamp: '2000-01-01T00:00:00Z', selfLink: '/x', generation: 7 }).metadata, {
    name: 'a', namespace: 'ns', uid: 'u-1', creationTimestamp: '2026-01-02T03:04:05Z',
  })
})

test('a name is generated from the base and five safe characters; without either it is a 422 (37)', t => {
  t.is(create({ generateName: 'x-' }).metadata.name, 'x-bcdfg')
  t.is(create({ generateName: 'x'.repeat(80) }).metadata.name, `${'x'.repeat(58)}bcdfg`)
  t.deepEqual(statusOf(t, () => create({})), { code: 422, message: 'ConfigMap "" is invalid: metadata.name: Required value: name or generateName is required' })
  t.regex(nameSuffix(Uint8Array.of(0, 26, 27, 255, 9)), new RegExp(`^[${NAME_ALPHABET}]{5}$`))
})

test('a body that disagrees with the URL is a 400, one with a resourceVersion on create a bare 500 (33)', t => {
  t.deepEqual(statusOf(t, () => create({ name: 'a', namespace: 'other' })), { code: 400, message: 'the namespace of the provided object does not match the namespace sent on the request' })
  t.deepEqual(statusOf(t, () => create({ name: 'a', resourceVersion: '5' })), { code: 500, message: 'resourceVersion should not be set on objects to be created' })
})

test('bad names, labels and oversized annotations are 422 with the wording of upstream (84)', t => {
  t.is(statusOf(t, () => create({ name: 'A_b' })).message,
    `ConfigMap "A_b" is invalid: metadata.name: Invalid value: "A_b": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`)
  t.is(statusOf(t, () => create({ name: 'a', annotations: { k: 'v'.repeat(300 * 1024) } })).message,
    'ConfigMap "a" is invalid: metadata.annotations: Too long: may not be more than 262144 bytes')
  t.regex(statusOf(t, () => create({ name: 'a', labels: { k: '-' } })).message, /^ConfigMap "a" is invalid: metadata\.labels: Invalid value: "-": a valid label must be/)
})

test('two controllers among the owners are refused', t => {
  const owner = (name: string): Record<string, unknown> => ({ apiVersion: 'v1', kind: 'Pod', name, uid: name, controller: true })
  t.regex(statusOf(t, () => create({ name: 'a', ownerReferences: [owner('p'), owner('q')] })).message,
    /Only one reference can have Controller set to true\. Found "true" in references for p and q/)
})

test('an update that sends only what it knows keeps the rest and counts as unchanged (27)', t => {
  const old = create({ name: 'a' })
  const draft = body({ name: 'a' })
  beginUpdate(target, draft, old, { namespace: 'ns', name: 'a' }, '', context)
  finishUpdate(target, draft, old, '')
  t.true(isUnchanged(draft, old))
})

test('while an object terminates no finalizer may be added, but one may go (39)', t => {
  const old = create({ name: 'a', finalizers: ['a.b/c', 'd.e/f'] })
  old.metadata.deletionTimestamp = '2026-01-02T03:04:06Z'
  const attempt = (finalizers: string[]): void => {
    const draft = cloneJson(old)
    draft.metadata.finalizers = finalizers
    beginUpdate(target, draft, old, { namespace: 'ns', name: 'a' }, '', context)
    finishUpdate(target, draft, old, '')
  }
  t.notThrows(() => attempt(['a.b/c']))
  t.is(statusOf(t, () => attempt(['a.b/c', 'd.e/f', 'x/y'])).message,
    'ConfigMap "a" is invalid: metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"x/y"}')
})

test('whatever the metadata of a create is, the answer is an object or a StatusError', t => {
  const meta = fc.dictionary(fc.constantFrom('name', 'generateName', 'namespace', 'uid'), fc.oneof(fc.string(), fc.constantFrom('ns', 'a')))
  fc.assert(fc.property(meta, metadata => {
    try {
      create(metadata)
    } catch (error) {
      if (!(error instanceof StatusError)) throw error
    }
  }))
  t.pass()
})
