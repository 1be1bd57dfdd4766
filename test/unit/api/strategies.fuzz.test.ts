import test from 'ava'
import fc from 'fast-check'
import { cloneJson, equalJson, type ApiObject } from '../../../src/api/object.ts'
import { BUILTIN_RESOURCES } from '../../../src/api/registry/builtin.ts'
import type { ApiResource } from '../../../src/api/registry/resource.ts'
import type { WriteContext } from '../../../src/api/registry/strategy.ts'
import { beginCreate, beginUpdate, finishCreate, finishUpdate } from '../../../src/api/registry/write.ts'
import { decodeObjectOf } from '../../../src/api/schema/decode-object.ts'
import { typeOf, typeOfKind, type FieldType, type ObjectType } from '../../../src/api/schema/types.ts'
import { StatusError } from '../../../src/api/status/status.ts'
import { strategyOf } from '../../../src/api/strategies/index.ts'

const context: WriteContext = { nowMs: Date.UTC(2026, 0, 2), uid: 'u', suffix: () => 'bcdfg', user: { username: 'u', groups: [] } }
const STORED = BUILTIN_RESOURCES.filter(({ depth }) => depth !== 'virtual')

const word = fc.constantFrom(
  '', 'a', 'TCP', 'UDP', 'ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName', 'None', '10.0.0.1', 'fd00::1', '10.0.0.0/24', 'IPv4', 'IPv6',
  'Always', 'Never', 'RollingUpdate', 'Recreate', 'Local', 'Cluster', 'In', 'Exists', 'Role', 'ClusterRole', 'A_b', '-', '25%', 'Prefix', 'x/y',
)

/** Values of a type's shape with likely and unlikely content, so that rules are reached and not only the decoder. */
function arbitraryOf(type: FieldType, depth: number): fc.Arbitrary<unknown> {
  switch (type.kind) {
    case 'object': return depth <= 0 ? fc.constant({}) : objectOf(typeOf(type.type), depth - 1)
    case 'list': return fc.array(arbitraryOf(type.of, depth), { maxLength: 2 })
    case 'map': return fc.dictionary(fc.constantFrom('a', 'b/c', '__proto__', 'cpu'), arbitraryOf(type.of, depth), { maxKeys: 2 })
    case 'scalar': switch (type.scalar) {
      case 'boolean': return fc.boolean()
      case 'int32': case 'int64': return fc.oneof(fc.integer({ min: -2, max: 70_000 }), fc.constant(80))
      case 'double': return fc.integer()
      case 'intOrString': return fc.oneof(fc.nat(100), word)
      case 'quantity': return fc.constantFrom('1', '500m', '1Gi', '-1', 2)
      case 'time': case 'microtime': return fc.constant('2026-01-01T00:00:00Z')
      case 'byte': return fc.constant('YQ==')
      case 'any': return fc.jsonValue({ maxDepth: 1 })
      case 'string': return word
      default: return type.scalar satisfies never
    }
    default: return type satisfies never
  }
}

function objectOf(type: ObjectType, depth: number): fc.Arbitrary<Record<string, unknown>> {
  const fields: Record<string, fc.Arbitrary<unknown>> = {}
  for (const [name, field] of type.fields) if (name !== 'apiVersion' && name !== 'kind') fields[name] = arbitraryOf(field.type, depth)
  return fc.record(fields, { requiredKeys: [] })
}

const bodyOf = (resource: ApiResource): fc.Arbitrary<Record<string, unknown>> =>
  objectOf(typeOfKind(resource)!, 4).map(body => ({ ...body, metadata: { name: '10.0.0.1', ...(resource.namespaced ? { namespace: 'ns' } : {}), labels: { a: 'b' } } }))

/** Runs like the server does; undefined when the object was refused. */
function created(resource: ApiResource, body: unknown): ApiObject | undefined {
  const target = { resource, strategy: strategyOf(resource) }
  try {
    const { object } = decodeObjectOf(body, resource)
    beginCreate(target, object, { namespace: resource.namespaced ? 'ns' : '', name: '' }, context)
    finishCreate(target, object)
    return object
  } catch (error) {
    if (error instanceof StatusError) return undefined
    throw error
  }
}

for (const resource of STORED) {
  const name = `${resource.plural}.${resource.version}.${resource.group}`

  test(`${name}: no typed body breaks defaults, rules, tables or selectors`, t => {
    const strategy = strategyOf(resource)
    fc.assert(fc.property(bodyOf(resource), body => {
      const { object } = decodeObjectOf(body, resource)
      created(resource, cloneJson(body))
      // Whatever might have been stored before has to be shown and selected, too.
      const row = strategy.table.row(object, context.nowMs)
      t.is(row.cells.length, strategy.table.columns.length)
      const fields = strategy.selectableFields(object)
      for (const label of strategy.fieldLabels) t.is(typeof fields[strategy.fieldLabelAliases[label] ?? label], 'string', label)
    }), { numRuns: 60 })
  })

  test(`${name}: defaults are idempotent and an update never touches the stored object`, t => {
    const strategy = strategyOf(resource)
    fc.assert(fc.property(bodyOf(resource), bodyOf(resource), (first, second) => {
      const { object: old } = decodeObjectOf(first, resource)
      strategy.applyDefaults(old)
      const again = cloneJson(old)
      strategy.applyDefaults(again)
      t.true(equalJson(again, old))
      for (const subresource of ['', ...Object.keys(strategy.subresources)]) {
        const before = JSON.stringify(old)
        try {
          const { object: draft } = decodeObjectOf(cloneJson(second), resource)
          beginUpdate({ resource, strategy }, draft, old, { namespace: old.metadata.namespace ?? '', name: old.metadata.name! }, subresource, context)
          finishUpdate({ resource, strategy }, draft, old, subresource)
        } catch (error) {
          if (!(error instanceof StatusError)) throw error
        }
        t.is(JSON.stringify(old), before, subresource)
      }
    }), { numRuns: 40 })
  })
}
