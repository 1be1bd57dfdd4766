import test from 'ava'
import fc from 'fast-check'
import { applyObject, finishApply } from '../../../../src/api/managed-fields/apply.ts'
import { equalSets, formatFields, parseFields, difference, intersection, union, isEmpty, type FieldSet } from '../../../../src/api/managed-fields/field-set.ts'
import { compareObjects, fieldsOf } from '../../../../src/api/managed-fields/object-fields.ts'
import { shapeOfKind } from '../../../../src/api/managed-fields/shape.ts'
import { trackUpdate } from '../../../../src/api/managed-fields/update.ts'
import { cloneJson, equalJson, type ApiObject, type JsonObject } from '../../../../src/api/object.ts'
import { isUnchanged } from '../../../../src/api/registry/write.ts'
import { StatusError } from '../../../../src/api/status/status.ts'

const NOW = Date.UTC(2026, 0, 2, 3, 4, 5)
const KINDS = {
  ConfigMap: { group: '', version: 'v1', kind: 'ConfigMap' },
  Deployment: { group: 'apps', version: 'v1', kind: 'Deployment' },
  Service: { group: '', version: 'v1', kind: 'Service' },
} as const
type Kind = keyof typeof KINDS
const apiVersionOf = (kind: Kind): string => (kind === 'Deployment' ? 'apps/v1' : 'v1')
const object = (kind: Kind, rest: JsonObject): ApiObject => ({ apiVersion: apiVersionOf(kind), kind, metadata: { name: 'a' }, ...rest })

function writer(kind: Kind, manager: string): { manager: string; apiVersion: string; subresource: string; hasStatus: boolean; nowMs: number; force: boolean; kind: typeof KINDS[Kind] } {
  return { manager, apiVersion: apiVersionOf(kind), subresource: '', hasStatus: kind !== 'ConfigMap', nowMs: NOW, force: false, kind: KINDS[kind] }
}
function apply(live: ApiObject | undefined, manager: string, body: ApiObject, { force = false } = {}): ApiObject {
  const kind = body.kind as Kind
  const { draft, managers } = applyObject(live, cloneJson(body), shapeOfKind(KINDS[kind])!, { ...writer(kind, manager), force })
  finishApply(draft, managers)
  return draft
}
function update(live: ApiObject | undefined, manager: string, body: ApiObject): ApiObject {
  const draft = cloneJson(body)
  delete draft.metadata.managedFields
  trackUpdate(draft, live, shapeOfKind(KINDS[body.kind as Kind])!, writer(body.kind as Kind, manager))
  return draft
}
const cm = (data: Record<string, string>): ApiObject => object('ConfigMap', { data })
const owners = (live: ApiObject): Record<string, unknown> => Object.fromEntries((live.metadata.managedFields ?? []).map(({ manager, operation, fieldsV1 }) => [`${manager}/${operation}`, fieldsV1]))
const conflict = (t: import('ava').ExecutionContext, run: () => unknown): StatusError => t.throws(run, { instanceOf: StatusError })

test('an applied object has one Apply entry; another value of another manager is a conflict, forced it changes hands (29)', t => {
  const live = apply(undefined, 'kubectl', cm({ a: '1' }))
  t.deepEqual(live.metadata.managedFields, [{ manager: 'kubectl', operation: 'Apply', apiVersion: 'v1', time: '2026-01-02T03:04:05Z', fieldsType: 'FieldsV1', fieldsV1: { 'f:data': { 'f:a': {} } } }])
  const error = conflict(t, () => apply(live, 'other', cm({ a: '2' })))
  t.is(error.message, 'Apply failed with 1 conflict: conflict with "kubectl": .data.a')
  t.is(error.body.code, 409)
  t.deepEqual(error.body.details!.causes, [{ reason: 'FieldManagerConflict', message: 'conflict with "kubectl"', field: '.data.a' }])
  const forced = apply(live, 'other', cm({ a: '2' }), { force: true })
  t.deepEqual(forced['data'], { a: '2' })
  t.deepEqual(Object.keys(owners(forced)), ['other/Apply'])
})

test('a field that its only owner drops goes; one that another owns stays (30)', t => {
  const live = apply(apply(undefined, 'x', cm({ a: '1', b: '1' })), 'y', cm({ b: '1' }))
  const next = apply(live, 'x', cm({}))
  t.deepEqual(next['data'], { b: '1' })
  t.deepEqual(Object.keys(owners(next)), ['x/Apply', 'y/Apply'].filter(key => key in owners(next)))
  t.deepEqual(owners(next)['y/Apply'], { 'f:data': { 'f:b': {} } })
})

test('several conflicts are listed by manager, updaters with version and time', t => {
  const live = update(undefined, 'editor', cm({ a: '1', b: '1' }))
  t.is(conflict(t, () => apply(live, 'x', cm({ a: '2', b: '2' }))).message,
    'Apply failed with 2 conflicts: conflicts with "editor" using v1:\n- .data.a\n- .data.b')
})

test('equal values are shared, and applying the same again changes nothing', t => {
  const live = apply(update(undefined, 'editor', cm({ a: '1' })), 'x', cm({ a: '1' }))
  t.deepEqual(Object.keys(owners(live)), ['x/Apply', 'editor/Update'])
  const again = apply(live, 'x', cm({ a: '1' }))
  t.true(isUnchanged(again, live))
})

const deployment = (containers: JsonObject[]): ApiObject => object('Deployment', { spec: { replicas: 1, template: { spec: { containers } } } })

test('containers are merged by name, ports by number and protocol; the applied order leads', t => {
  const live = update(undefined, 'm', deployment([{ name: 'sidecar', image: 's' }, { name: 'a', image: '1', ports: [{ containerPort: 53, protocol: 'TCP' }, { containerPort: 53, protocol: 'UDP' }] }]))
  const next = apply(live, 'x', deployment([{ name: 'b', image: '2' }, { name: 'a', ports: [{ containerPort: 53, protocol: 'UDP', name: 'dns' }] }]), { force: true })
  t.deepEqual((next['spec'] as { template: { spec: JsonObject } }).template.spec['containers'], [
    { name: 'sidecar', image: 's' }, { name: 'b', image: '2' },
    { name: 'a', image: '1', ports: [{ containerPort: 53, protocol: 'TCP' }, { containerPort: 53, protocol: 'UDP', name: 'dns' }] },
  ])
  t.deepEqual(owners(next)['x/Apply'], {
    'f:spec': { 'f:replicas': {}, 'f:template': { 'f:spec': { 'f:containers': {
      'k:{"name":"a"}': { '.': {}, 'f:name': {}, 'f:ports': { 'k:{"containerPort":53,"protocol":"UDP"}': { '.': {}, 'f:containerPort': {}, 'f:name': {}, 'f:protocol': {} } } },
      'k:{"name":"b"}': { '.': {}, 'f:image': {}, 'f:name': {} },
    } } } },
  })
})

test('a container that its applier drops goes, with what others set in it; conflicts name the item', t => {
  const live = apply(undefined, 'x', deployment([{ name: 'a', image: '1' }, { name: 'b', image: '1' }]))
  const error = conflict(t, () => apply(live, 'y', deployment([{ name: 'a', image: '2' }])))
  t.is(error.message, 'Apply failed with 1 conflict: conflict with "x": .spec.template.spec.containers[name="a"].image')
  const next = apply(live, 'x', deployment([{ name: 'a', image: '1' }]))
  t.deepEqual((next['spec'] as { template: { spec: JsonObject } }).template.spec['containers'], [{ name: 'a', image: '1' }])
})

test('53/TCP and 53/UDP of a Service are two ports to server-side apply (28)', t => {
  const ports = [{ port: 53, protocol: 'TCP', name: 't' }, { port: 53, protocol: 'UDP', name: 'u' }]
  const live = apply(undefined, 'x', object('Service', { spec: { ports } }))
  const next = apply(live, 'x', object('Service', { spec: { ports: [ports[0]!, { ...ports[1]!, targetPort: 5353 }] } }))
  t.deepEqual((next['spec'] as JsonObject)['ports'], [ports[0], { ...ports[1], targetPort: 5353 }])
})

test('an item without its key, or one given twice, is a 422', t => {
  t.regex(conflict(t, () => apply(undefined, 'x', deployment([{ image: '1' }]))).message, /associative list with keys has an element that omits key field "name"/)
  t.is(conflict(t, () => apply(undefined, 'x', deployment([{ name: 'a' }, { name: 'a' }]))).body.code, 422)
})

test('an update takes ownership of what it changes from appliers, too, and leaves the rest (31)', t => {
  const live = apply(undefined, 'x', cm({ a: '1', b: '1' }))
  const next = update(live, 'editor', { ...cloneJson(live), data: { a: '2', b: '1', c: '3' } })
  t.deepEqual(owners(next), { 'x/Apply': { 'f:data': { 'f:b': {} } }, 'editor/Update': { 'f:data': { 'f:a': {}, 'f:c': {} } } })
  const removed = update(next, 'editor', { ...cloneJson(next), data: { a: '2' } })
  t.deepEqual(owners(removed), { 'editor/Update': { 'f:data': { 'f:a': {} } } })
})

test('created by a client without apply, the fields are its own; new maps are named themselves', t => {
  const live = update(undefined, 'kubectl-create', { ...cm({ a: '1' }), metadata: { name: 'a', uid: 'u', labels: { l: '1' } } })
  t.deepEqual(owners(live), { 'kubectl-create/Update': { 'f:data': { '.': {}, 'f:a': {} }, 'f:metadata': { 'f:labels': { '.': {}, 'f:l': {} } } } })
})

test('ten updaters are kept apart; the oldest beyond that become ancient-changes', t => {
  let live: ApiObject | undefined
  for (let i = 0; i < 14; i += 1) {
    const body = { ...cm({ ...(live?.['data'] as Record<string, string> | undefined), [`k${i}`]: '1' }), metadata: { name: 'a' } }
    const draft = cloneJson(body)
    trackUpdate(draft, live, shapeOfKind(KINDS.ConfigMap)!, { ...writer('ConfigMap', `m${i}`), nowMs: NOW + i * 1000 })
    live = draft
  }
  const names = live!.metadata.managedFields!.map(({ manager }) => manager)
  t.is(names.length, 10)
  t.true(names.includes('ancient-changes'))
  t.true(names.includes('m13'))
})

test('when kubectl applies on the server what it applied before on the client, the annotation follows', t => {
  const key = 'kubectl.kubernetes.io/last-applied-configuration'
  const live = update(undefined, 'kubectl-client-side-apply', { ...cm({ a: '1' }), metadata: { name: 'a', annotations: { [key]: '{}' } } })
  const next = apply(live, 'kubectl', cm({ a: '1', b: '2' }))
  t.like(JSON.parse(next.metadata.annotations![key]!), { data: { a: '1', b: '2' } })
})

const setOf = (depth: number): fc.Arbitrary<JsonObject> => fc.dictionary(
  fc.constantFrom('f:a', 'f:b', 'k:{"name":"x"}', 'v:1'), depth === 0 ? fc.constant({}) : fc.oneof(fc.constant({}), setOf(depth - 1), setOf(depth - 1).map(below => (Object.keys(below).length === 0 ? {} : { '.': {}, ...below }))), { maxKeys: 3 })
const fieldSet = setOf(3).map(fields => parseFields(fields)!)

test('a set of fields survives its written form, and the set operations obey their laws', t => {
  fc.assert(fc.property(fieldSet, fieldSet, (a, b) => {
    const same = (left: FieldSet, right: FieldSet): boolean => t.true(equalSets(left, right))
    same(parseFields(formatFields(a))!, a)
    same(union(a, b), union(b, a))
    same(intersection(a, b), intersection(b, a))
    same(union(difference(a, b), intersection(a, b)), a)
    t.true(isEmpty(intersection(difference(a, b), b)))
  }))
})

const data = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), fc.constantFrom('1', '2'))
const step = fc.record({ who: fc.constantFrom('x', 'y'), how: fc.constantFrom('apply', 'force', 'update'), data })

test('after any sequence of writes every field has an owner, owners own only what is there, and an apply has what it said', t => {
  fc.assert(fc.property(fc.array(step, { maxLength: 12 }), steps => {
    let live: ApiObject | undefined
    for (const { who, how, data: wanted } of steps) {
      try {
        live = how === 'update' ? update(live, who, { ...(live === undefined ? cm({}) : cloneJson(live)), data: wanted }) : apply(live, who, cm(wanted), { force: how === 'force' })
      } catch (error) {
        if (error instanceof StatusError && error.body.code === 409) continue
        throw error
      }
      const fields = fieldsOf({ data: live['data'] ?? {} }, shapeOfKind(KINDS.ConfigMap)!)
      const owned = (live.metadata.managedFields ?? []).reduce<FieldSet>((all, { fieldsV1 }) => union(all, parseFields(fieldsV1)!), parseFields({})!)
      const keys = (set: FieldSet): string[] => [...(set.children.get('f:data')?.children.keys() ?? [])].sort()
      t.deepEqual(keys(owned), keys(fields))
      if (how !== 'update') for (const [key, value] of Object.entries(wanted)) t.is((live['data'] as Record<string, string>)[key], value)
    }
  }))
})

test('a comparison is empty exactly when nothing changed', t => {
  const shape = shapeOfKind(KINDS.Deployment)!
  const body = fc.record({ containers: fc.uniqueArray(fc.record({ name: fc.constantFrom('a', 'b'), image: fc.constantFrom('1', '2') }), { selector: item => item.name }), labels: data })
  const make = ({ containers, labels }: { containers: JsonObject[]; labels: JsonObject }): ApiObject => object('Deployment', { spec: { template: { metadata: { labels }, spec: { containers } } } })
  fc.assert(fc.property(body, body, (left, right) => {
    const { added, removed, modified } = compareObjects(make(left), make(right), shape)
    const same = [added, removed, modified].every(isEmpty)
    // The order of items is not a difference of fields.
    const sorted = (item: typeof left): unknown => make({ ...item, containers: [...item.containers].sort((a, b) => (a['name']! < b['name']! ? -1 : 1)) })
    t.is(same, equalJson(sorted(left), sorted(right)))
  }))
})
