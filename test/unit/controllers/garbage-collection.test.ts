import test from 'ava'
import fc from 'fast-check'
import { OwnerGraph, type GraphObject } from '../../../src/controllers/garbage-collection/graph.ts'
import { planCollection, type OwnerState } from '../../../src/controllers/garbage-collection/plan-collection.ts'
import { planConditions, type DeletionProgress } from '../../../src/controllers/namespaces/plan-conditions.ts'
import { PODS } from '../../../src/client/resources.ts'

const owner = (uid: string, blockOwnerDeletion = false) => ({ apiVersion: 'v1', kind: 'Pod', name: uid, uid, blockOwnerDeletion })
const object = (uid: string, owners: readonly string[], more: Partial<GraphObject> = {}): GraphObject =>
  ({ uid, resource: PODS, name: uid, namespace: 'default', resourceVersion: '1', owners: owners.map(each => owner(each, true)), terminating: false, finalizers: [], ...more })
const plan = (states: readonly OwnerState[], more: object = {}) =>
  planCollection(states.map((state, index) => ({ owner: owner(`o${index}`), state })), { finalizers: [], hasDependents: false, dependentIsWaiting: false, ...more })

test('an object goes with its last owner, and keeps only those that stay', t => {
  t.deepEqual(plan([]), { kind: 'keep' })
  t.deepEqual(plan(['solid', 'solid']), { kind: 'keep' })
  t.deepEqual(plan(['absent', 'solid', 'waiting']), { kind: 'unlink', ownerUids: ['o0', 'o2'] })
  t.deepEqual(plan(['absent']), { kind: 'delete', propagationPolicy: 'Background', unblock: false })
})

test('what an owner in the foreground waits for is deleted in the foreground if it owns something itself', t => {
  t.deepEqual(plan(['waiting']), { kind: 'delete', propagationPolicy: 'Background', unblock: false })
  t.deepEqual(plan(['waiting'], { hasDependents: true }), { kind: 'delete', propagationPolicy: 'Foreground', unblock: false })
  t.deepEqual(plan(['waiting'], { hasDependents: true, dependentIsWaiting: true }), { kind: 'delete', propagationPolicy: 'Foreground', unblock: true })
})

test('what a former deletion asked for still holds', t => {
  t.like(plan(['absent'], { finalizers: ['orphan'] }), { propagationPolicy: 'Orphan' })
  t.like(plan(['absent'], { finalizers: ['foregroundDeletion'] }), { propagationPolicy: 'Foreground' })
})

test('the graph knows every dependent, whatever order owners and dependents come and go in', t => {
  const uid = fc.constantFrom('a', 'b', 'c', 'd', 'e')
  const step = fc.record({ uid, present: fc.boolean(), owners: fc.uniqueArray(uid, { maxLength: 3 }) })
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), steps => {
    const graph = new OwnerGraph()
    const world = new Map<string, readonly string[]>()
    for (const { uid: id, present, owners } of steps) {
      if (present) {
        graph.put(object(id, owners))
        world.set(id, owners)
      } else {
        graph.remove(id)
        world.delete(id)
      }
    }
    t.is(graph.size, world.size)
    for (const id of ['a', 'b', 'c', 'd', 'e']) {
      const expected = [...world].filter(([, owners]) => owners.includes(id)).map(([dependent]) => dependent).sort()
      t.deepEqual(graph.dependentsOf(id).map(each => each.uid).sort(), expected)
      t.deepEqual(graph.blockersOf(id).map(each => each.uid).sort(), expected)
    }
  }))
})

const progress = (more: Partial<DeletionProgress> = {}): DeletionProgress => ({ discoveryFailures: [], contentFailures: [], remaining: new Map(), finalizers: new Map(), ...more })

test('a namespace says what holds its deletion, in upstream’s words, and says the same thing only once', t => {
  const now = '2026-01-01T00:00:00Z'
  const held = planConditions([], progress({ remaining: new Map([['pods.', 2], ['deployments.apps', 1]]), finalizers: new Map([['a/b', 2]]) }), now)!
  t.is(held.find(({ type }) => type === 'NamespaceContentRemaining')?.message, 'Some resources are remaining: deployments.apps has 1 resource instances, pods. has 2 resource instances')
  t.is(held.find(({ type }) => type === 'NamespaceFinalizersRemaining')?.message, 'Some content in the namespace has finalizers remaining: a/b in 2 resource instances')
  const again = progress({ remaining: new Map([['deployments.apps', 1], ['pods.', 2]]), finalizers: new Map([['a/b', 2]]) })
  t.is(planConditions(held, again, '2026-01-01T00:00:09Z'), undefined)
  const done = planConditions(held, progress(), '2026-01-01T00:00:09Z')!
  t.true(done.every(({ status }) => status === 'False'))
  t.is(done.find(({ type }) => type === 'NamespaceDeletionDiscoveryFailure')?.lastTransitionTime, now)
})
