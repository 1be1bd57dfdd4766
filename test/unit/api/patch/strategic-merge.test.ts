import test from 'ava'
import fc from 'fast-check'
import { mergeRulesOf } from '../../../../src/api/patch/merge-strategy.ts'
import { applyStrategicMerge } from '../../../../src/api/patch/strategic-merge.ts'
import { equalJson, type JsonObject } from '../../../../src/api/object.ts'
import { StatusError } from '../../../../src/api/status/status.ts'

const deployment = mergeRulesOf('apps', 'Deployment')
const service = mergeRulesOf('', 'Service')
const container = (patch: JsonObject): JsonObject => ({ spec: { template: { spec: { containers: [patch] } } } })
const statusOf = (t: import('ava').ExecutionContext, run: () => unknown): string => t.throws(run, { instanceOf: StatusError }).message

test('containers and their environment merge by name; $patch: delete removes one variable (35)', t => {
  const live = container({ name: 'c', image: 'a', env: [{ name: 'A', value: '1' }, { name: 'B', value: '2' }] })
  t.deepEqual(applyStrategicMerge(live, container({ name: 'c', env: [{ name: 'A', $patch: 'delete' }, { name: 'C', value: '3' }] }), deployment),
    container({ name: 'c', image: 'a', env: [{ name: 'C', value: '3' }, { name: 'B', value: '2' }] }))
})

test('$retainKeys drops rollingUpdate when the strategy becomes Recreate (35)', t => {
  t.deepEqual(
    applyStrategicMerge({ spec: { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } } } }, { spec: { strategy: { $retainKeys: ['type'], type: 'Recreate' } } }, deployment),
    { spec: { strategy: { type: 'Recreate' } } })
})

test('finalizers merge as a set, new ones in front; $deleteFromPrimitiveList removes (34)', t => {
  const live = { metadata: { finalizers: ['x/y', 'c/d'] } }
  t.deepEqual(applyStrategicMerge(live, { metadata: { finalizers: ['a/b'] } }, service), { metadata: { finalizers: ['a/b', 'x/y', 'c/d'] } })
  t.deepEqual(applyStrategicMerge(live, { metadata: { '$deleteFromPrimitiveList/finalizers': ['x/y'] } }, service), { metadata: { finalizers: ['c/d'] } })
})

test('service ports merge by port alone, so 53/TCP and 53/UDP collide, as upstream (28)', t => {
  const live = { spec: { ports: [{ port: 53, protocol: 'TCP', name: 't' }, { port: 53, protocol: 'UDP', name: 'u' }] } }
  t.deepEqual(applyStrategicMerge(live, { spec: { ports: [{ port: 53, targetPort: 5353 }] } }, service),
    { spec: { ports: [{ port: 53, protocol: 'TCP', name: 't', targetPort: 5353 }, { port: 53, protocol: 'UDP', name: 'u' }] } })
})

test('a node that sends $patch: replace in its addresses replaces them all', t => {
  const live = { status: { addresses: [{ type: 'InternalIP', address: '10.0.0.1' }, { type: 'Hostname', address: 'a' }] } }
  t.deepEqual(applyStrategicMerge(live, { status: { addresses: [{ $patch: 'replace' }, { type: 'InternalIP', address: '10.0.0.2' }, { type: 'InternalIP', address: 'fd00::2' }] } }, mergeRulesOf('', 'Node')),
    { status: { addresses: [{ type: 'InternalIP', address: '10.0.0.2' }, { type: 'InternalIP', address: 'fd00::2' }] } })
})

test('conditions of a node merge by type, others are kept (70)', t => {
  const live = { spec: { podCIDR: 'x' }, status: { conditions: [{ type: 'Ready', status: 'True' }] } }
  t.deepEqual(applyStrategicMerge(live, { status: { conditions: [{ type: 'NetworkUnavailable', status: 'False' }] } }, mergeRulesOf('', 'Node')),
    { spec: { podCIDR: 'x' }, status: { conditions: [{ type: 'NetworkUnavailable', status: 'False' }, { type: 'Ready', status: 'True' }] } })
})

test('$setElementOrder decides the order, must name every item, and is never stored', t => {
  const live = { spec: { ports: [{ port: 1 }, { port: 2 }, { port: 3 }] } }
  t.deepEqual(applyStrategicMerge(live, { spec: { '$setElementOrder/ports': [{ port: 3 }, { port: 4 }, { port: 1 }], ports: [{ port: 4 }] } }, service),
    { spec: { ports: [{ port: 2 }, { port: 3 }, { port: 4 }, { port: 1 }] } })
  t.deepEqual(applyStrategicMerge(live, { spec: { '$setElementOrder/ports': [{ port: 3 }, { port: 2 }, { port: 1 }] } }, service),
    { spec: { ports: [{ port: 3 }, { port: 2 }, { port: 1 }] } })
  t.regex(statusOf(t, () => applyStrategicMerge(live, { spec: { '$setElementOrder/ports': [{ port: 1 }], ports: [{ port: 9 }] } }, service)), /doesn't match \$setElementOrder list/)
})

test('a removed port of a client-side apply is a $patch: delete by port (28)', t => {
  const live = { spec: { ports: [{ port: 80, name: 'a' }, { port: 81, name: 'b' }] } }
  t.deepEqual(applyStrategicMerge(live, { spec: { '$setElementOrder/ports': [{ port: 80 }], ports: [{ port: 81, $patch: 'delete' }] } }, service),
    { spec: { ports: [{ port: 80, name: 'a' }] } })
})

test('new items and live-only ones are woven together as kube-apiserver 1.36.3 does it', t => {
  const merged = (live: number[], patch: JsonObject): unknown => {
    const { spec } = applyStrategicMerge({ spec: { ports: live.map(port => ({ port })) } }, { spec: patch }, service) as { spec: { ports: { port: number }[] } }
    return spec.ports.map(({ port }) => port)
  }
  t.deepEqual(merged([1, 2, 3], { ports: [{ port: 9 }, { port: 2 }] }), [9, 1, 2, 3])
  t.deepEqual(merged([9, 1, 2, 3], { ports: [{ port: 2 }, { port: 8 }] }), [9, 1, 2, 8, 3])
  t.deepEqual(merged([9, 1, 2, 8, 3], { '$setElementOrder/ports': [{ port: 3 }, { port: 1 }], ports: [{ port: 1 }] }), [9, 2, 8, 3, 1])
})

test('an item without its merge key is refused', t => {
  t.is(statusOf(t, () => applyStrategicMerge({}, { spec: { ports: [{ name: 'a' }] } }, service)), 'map: {"name":"a"} does not contain declared merge key: port')
})

const port = fc.record({ port: fc.integer({ min: 1, max: 6 }), name: fc.constantFrom('a', 'b'), targetPort: fc.nat(9) }, { requiredKeys: ['port'] })
const ports = fc.uniqueArray(port, { selector: item => item.port, maxLength: 6 })
const withPorts = (list: unknown[]): JsonObject => ({ spec: { ports: list } }) as JsonObject

test('a strategic merge patch applied twice is the same as applied once', t => {
  fc.assert(fc.property(ports, ports, (live, patch) => {
    const once = applyStrategicMerge(withPorts(live), withPorts(patch), service)
    t.true(equalJson(applyStrategicMerge(once, withPorts(patch), service), once))
  }))
})

test('a merge keeps every key once, and loses none', t => {
  fc.assert(fc.property(ports, ports, (live, patch) => {
    const merged = applyStrategicMerge(withPorts(live), withPorts(patch), service) as { spec: { ports: { port: number }[] } }
    t.deepEqual(merged.spec.ports.map(item => item.port).sort(), [...new Set([...live, ...patch].map(item => item.port))].sort())
  }))
})
