import test from 'ava'
import fc from 'fast-check'
import { decodeProtobuf, INLINED } from '../../../src/api/protobuf/decode.ts'
import { findMessage, MESSAGE_NAMES } from '../../../src/api/protobuf/message-table.ts'
import { MESSAGES } from '../../../src/api/protobuf/messages.ts'
import { decodeObjectOf } from '../../../src/api/schema/decode-object.ts'
import { typeOf, typeIdOf } from '../../../src/api/schema/types.ts'
import { StatusError } from '../../../src/api/status/status.ts'

/** A writer of the wire format, for the tests: fields as [number, string | number | boolean | bytes]. */
type Value = string | number | bigint | boolean | Uint8Array
const varint = (value: bigint): number[] => (value < 0x80n ? [Number(value)] : [Number(value & 0x7fn) | 0x80, ...varint(value >> 7n)])
const bytesOf = (value: Value): number[] => (typeof value === 'string' ? [...Buffer.from(value)] : [...value as Uint8Array])
function message(...fields: readonly (readonly [number, Value])[]): Uint8Array {
  return Uint8Array.from(fields.flatMap(([number, value]) => {
    if (typeof value === 'string' || value instanceof Uint8Array) {
      const body = bytesOf(value)
      return [...varint(BigInt(number << 3 | 2)), ...varint(BigInt(body.length)), ...body]
    }
    return [...varint(BigInt(number << 3)), ...varint(BigInt.asUintN(64, BigInt(value)))]
  }))
}
const envelope = (apiVersion: string, kind: string, raw: Uint8Array): Uint8Array =>
  Uint8Array.from([0x6b, 0x38, 0x73, 0, ...message([1, message([1, apiVersion], [2, kind])], [2, raw], [3, ''], [4, ''])])

test('a namespace in protobuf is the same object as in JSON (10)', t => {
  const body = envelope('v1', 'Namespace', message([1, message([1, 'demo'], [8, message()])], [2, message()], [3, message()]))
  t.deepEqual(decodeProtobuf(body), { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'demo' } })
})

test('a service: ports, target ports of both kinds, optional fields, maps (17)', t => {
  const port = message([1, 'http'], [2, 'TCP'], [3, 80], [4, message([1, 1], [2, 0], [3, 'web'])], [5, 0])
  const spec = message([1, port], [2, message([1, 'app'], [2, 'web'])], [3, ''], [4, 'ClusterIP'], [12, 0], [13, false], [20, false])
  const body = envelope('v1', 'Service', message([1, message([1, 's'])], [2, spec]))
  const decoded = decodeProtobuf(body)!
  t.deepEqual(decoded, {
    apiVersion: 'v1', kind: 'Service', metadata: { name: 's' },
    spec: { ports: [{ name: 'http', protocol: 'TCP', port: 80, targetPort: 'web' }], selector: { app: 'web' }, type: 'ClusterIP', allocateLoadBalancerNodePorts: false },
  })
  t.deepEqual(decodeObjectOf(decoded, { group: '', version: 'v1', kind: 'Service' }).unknownFields, [])
})

test('inlined messages, quantities, negative numbers and bytes', t => {
  const volume = message([1, 'v'], [2, message([2, message([1, ''])])])
  const container = message([1, 'c'], [8, message([2, message([1, 'cpu'], [2, message([1, '100m'])])])])
  const pod = envelope('v1', 'Pod', message([1, message([1, 'p'])], [2, message([1, volume], [2, container], [4, -1n])]))
  t.deepEqual(decodeProtobuf(pod), {
    apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' },
    spec: { volumes: [{ name: 'v', emptyDir: {} }], containers: [{ name: 'c', resources: { requests: { cpu: '100m' } } }], terminationGracePeriodSeconds: -1 },
  })
  const secret = envelope('v1', 'Secret', message([1, message([1, 's'])], [2, message([1, 'k'], [2, Uint8Array.of(255, 0)])]))
  t.deepEqual(decodeProtobuf(secret)!['data'], { k: '/wA=' })
})

test('a body without the prefix is a 400 that names it; an unknown kind is not decoded (10)', t => {
  const error = t.throws(() => decodeProtobuf(Buffer.from('{"kind":"Pod"}')), { instanceOf: StatusError })
  t.is(error.message, 'provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]')
  t.is(decodeProtobuf(envelope('example.com/v1', 'Widget', message())), undefined)
})

test('every message refers to messages that exist, and its fields exist in the type of the same name', t => {
  const scalars = new Set(['string', 'i', 'b', 'y', 'd', 'Quantity', 'Time', 'MicroTime', 'IntOrString', 'FieldsV1', 'RawExtension', 'ExtraValue'])
  let compared = 0
  for (const name of MESSAGE_NAMES) {
    const [group, plain] = name.split(' ') as [string, string]
    const { fields } = findMessage(group, plain)!
    let type: ReturnType<typeof typeOf> | undefined
    try {
      const [pack = '', version = ''] = group.split('/')
      type = typeOf(typeIdOf({ group: pack === 'core' ? '' : pack, version, kind: plain }))
    } catch {
      type = undefined
    }
    for (const field of fields.values()) {
      if (!scalars.has(field.type)) t.truthy(findMessage(group, field.type), `${name}.${field.name}: ${field.type}`)
      if (type === undefined || INLINED.has(field.name)) continue
      compared += 1
      t.true(type.fields.has(field.name === 'uID' ? 'uid' : field.name), `${name}.${field.name}`)
    }
  }
  t.true(compared > 900, String(compared))
  t.true(Object.keys(MESSAGES).length > 10)
})

test('whatever bytes come, decoding answers a value or a StatusError with code 400', t => {
  const kinds = fc.constantFrom(['v1', 'Pod'], ['v1', 'Service'], ['apps/v1', 'Deployment'], ['coordination.k8s.io/v1', 'Lease'], ['v1', 'DeleteOptions'])
  const raw = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc.array(fc.tuple(fc.integer({ min: 1, max: 20 }), fc.oneof(fc.string(), fc.integer(), fc.uint8Array({ maxLength: 8 }))), { maxLength: 6 }).map(fields => message(...fields)),
  )
  fc.assert(fc.property(kinds, raw, ([apiVersion, kind], bytes) => {
    try {
      decodeProtobuf(envelope(apiVersion!, kind!, bytes))
    } catch (error) {
      if (!(error instanceof StatusError) || error.body.code !== 400) throw error
    }
  }), { numRuns: 1000 })
  t.pass()
})
