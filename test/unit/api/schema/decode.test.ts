import test from 'ava'
import fc from 'fast-check'
import { decodeObjectOf } from '../../../../src/api/schema/decode-object.ts'
import { duplicateKeys } from '../../../../src/api/schema/duplicate-keys.ts'
import { judgeFields } from '../../../../src/api/schema/field-validation.ts'
import { definitionName, TYPE_IDS, typeIdOf, typeOf, typeOfKind } from '../../../../src/api/schema/types.ts'
import { BUILTIN_RESOURCES } from '../../../../src/api/registry/builtin.ts'
import { StatusError } from '../../../../src/api/status/status.ts'
import { generateSchema } from '../../../../tools/schema/generate.ts'
import { readFileSync } from 'node:fs'

const SERVICE = { group: '', version: 'v1', kind: 'Service' } as const
const message = (t: import('ava').ExecutionContext, run: () => unknown): string => t.throws(run, { instanceOf: StatusError }).message

test('the table of types is what the installed client package says', async t => {
  const committed = readFileSync(new URL('../../../../src/api/schema/kubernetes.json', import.meta.url), 'utf8')
  t.true(committed === await generateSchema(), 'run: node tools/schema/generate.ts')
})

test('every reference between types leads to a type, and every served kind has one', t => {
  for (const id of TYPE_IDS) {
    for (const { type } of typeOf(id).fields.values()) {
      let inner = type
      while (inner.kind === 'list' || inner.kind === 'map') inner = inner.of
      if (inner.kind === 'object') t.notThrows(() => typeOf(inner.type))
    }
  }
  for (const resource of BUILTIN_RESOURCES) t.truthy(typeOfKind(resource), typeIdOf(resource))
})

test('definitions have the names that old clients print (9)', t => {
  t.is(definitionName('core/v1.ServiceSpec'), 'io.k8s.api.core.v1.ServiceSpec')
  t.is(definitionName('meta/v1.ObjectMeta'), 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta')
})

test('a value of the wrong type is a 400 in the words of a Go decoder', t => {
  const decode = (spec: unknown): unknown => decodeObjectOf({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'a' }, spec }, SERVICE)
  const lead = 'Service in version "v1" cannot be handled as a Service: json: cannot unmarshal '
  t.is(message(t, () => decode({ ports: [{ port: 'x' }] })), `${lead}string into Go struct field ServicePort.spec.ports.port of type int32`)
  t.is(message(t, () => decode({ ports: {} })), `${lead}object into Go struct field ServiceSpec.spec.ports of type []v1.ServicePort`)
  t.is(message(t, () => decode({ selector: { a: 1 } })), `${lead}number into Go struct field ServiceSpec.spec.selector of type string`)
  t.is(message(t, () => decode([])), `${lead}array into Go struct field Service.spec of type v1.ServiceSpec`)
  t.is(message(t, () => decodeObjectOf([], SERVICE)), `${lead}array into Go value of type v1.Service`)
  t.is(message(t, () => decodeObjectOf({ apiVersion: 'v2' }, SERVICE)), 'the API version in the data (v2) does not match the expected API version (v1)')
})

test('null is absent, in lists the zero value, and unknown fields are noted and dropped', t => {
  const { object, unknownFields } = decodeObjectOf({ metadata: { name: 'a', labels: null }, spec: { clusterIP: null, ports: [null, { port: 80, portz: 1 }], typo: {} } }, SERVICE)
  t.deepEqual(object, { apiVersion: 'v1', kind: 'Service', metadata: { name: 'a' }, spec: { ports: [{}, { port: 80 }] } })
  t.deepEqual(unknownFields, ['spec.ports[1].portz', 'spec.typo'])
})

test('unknown and duplicate fields warn, are refused, or pass, as the client asked (9)', t => {
  const fields = { unknownFields: ['spec.portz'], duplicateFields: ['spec.type'] }
  t.deepEqual(judgeFields(fields, 'Warn', SERVICE), ['duplicate field "spec.type"', 'unknown field "spec.portz"'])
  t.deepEqual(judgeFields(fields, 'Ignore', SERVICE), [])
  t.is(message(t, () => judgeFields(fields, 'Strict', SERVICE)),
    'Service in version "v1" cannot be handled as a Service: strict decoding error: duplicate field "spec.type", unknown field "spec.portz"')
})

test('times are kept in UTC at the precision of their type', t => {
  const lease = decodeObjectOf({ spec: { renewTime: '2026-01-02T05:04:05.1234567+02:00' } }, { group: 'coordination.k8s.io', version: 'v1', kind: 'Lease' })
  t.deepEqual(lease.object['spec'], { renewTime: '2026-01-02T03:04:05.123456Z' })
  const pod = decodeObjectOf({ metadata: { creationTimestamp: '2026-01-02T05:04:05.9+02:00' } }, { group: '', version: 'v1', kind: 'Pod' })
  t.is(pod.object.metadata.creationTimestamp, '2026-01-02T03:04:05Z')
  t.regex(message(t, () => decodeObjectOf({ metadata: { creationTimestamp: 'yesterday' } }, SERVICE)), /parsing time "yesterday" as/)
})

test('custom resources have typed metadata and are otherwise left alone', t => {
  const custom = { group: 'example.com', version: 'v1', kind: 'Widget' }
  const { object } = decodeObjectOf({ metadata: { name: 'w' }, spec: { anything: [1, null] } }, custom)
  t.deepEqual(object['spec'], { anything: [1, null] })
  t.regex(message(t, () => decodeObjectOf({ metadata: { labels: { a: 1 } } }, custom)), /Go struct field ObjectMeta\.metadata\.labels of type string/)
})

test('keys given twice are found at any depth, strings and escapes notwithstanding', t => {
  t.deepEqual(duplicateKeys('{"a":{"b":1,"b":2},"c":[{"d":"x\\"}","d":[]}],"\\u0061":3}'), ['a.b', 'c[0].d', 'a'])
  t.deepEqual(duplicateKeys(' {"a": "{\\"a\\":1,\\"a\\":2}", "b" : [ ] , "c":{} } '), [])
})

test('JSON that has no key twice is never accused', t => {
  fc.assert(fc.property(fc.jsonValue(), fc.nat(3), (value, indent) => {
    t.deepEqual(duplicateKeys(JSON.stringify(value, null, indent)), [])
  }))
})

test('whatever the body is, decoding answers an object or a StatusError with code 400', t => {
  const kinds = BUILTIN_RESOURCES.map(({ group, version, kind, depth }) => ({ group, version, kind, depth }))
  const fields = fc.constantFrom('metadata', 'spec', 'status', 'ports', 'containers', 'template', 'selector', 'name', 'data', 'subsets', 'rules')
  const tree = fc.letrec(tie => ({
    node: fc.oneof({ depthSize: 'small' }, fc.jsonValue({ maxDepth: 1 }), fc.dictionary(fields, tie('node')), fc.array(tie('node'), { maxLength: 3 })),
  })).node
  fc.assert(fc.property(fc.constantFrom(...kinds), fc.dictionary(fields, tree), (kind, body) => {
    try {
      decodeObjectOf(body, kind)
    } catch (error) {
      if (!(error instanceof StatusError) || error.body.code !== 400) throw error
    }
  }), { numRuns: 500 })
  t.pass()
})
