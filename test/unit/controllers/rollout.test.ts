import test from 'ava'
import fc from 'fast-check'
import { boundsOf, planRecreate, planRollingUpdate, planScale, type Bounds, type Replicas } from '../../../src/controllers/deployments/plan-rollout.ts'
import { sameTemplate, templateHash } from '../../../src/controllers/deployments/template-hash.ts'
import { currentAnnotations } from '../../../src/controllers/deployments/revisions.ts'

const set = (key: string, desired: number, available = desired, more: Partial<Replicas> = {}): Replicas => ({ key, desired, available, existing: desired, totalWhenScaled: undefined, created: key, ...more })
const bounds = (total: number, maxSurge: number | string, maxUnavailable: number | string): Bounds => boundsOf({ spec: { replicas: total, strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable } } } } as never)

test('percentages round up above and down below, and never both to zero', t => {
  t.deepEqual(bounds(10, '25%', '25%'), { total: 10, surge: 3, unavailable: 2 })
  t.deepEqual(bounds(1, '25%', '25%'), { total: 1, surge: 1, unavailable: 0 })
  t.deepEqual(bounds(4, 0, '10%'), { total: 4, surge: 0, unavailable: 1 })
  t.deepEqual(boundsOf({}), { total: 1, surge: 1, unavailable: 0 })
})

test('the new set grows within the surge, then the old ones shrink as its pods become available, broken pods first', t => {
  t.deepEqual([...planRollingUpdate(bounds(10, 3, 2), set('new', 0), [set('old', 10)])], [['new', 3]])
  t.deepEqual([...planRollingUpdate(bounds(10, 3, 2), set('new', 3, 0), [set('old', 10)])], [['old', 8]])
  t.deepEqual([...planRollingUpdate(bounds(10, 3, 2), set('new', 5, 3), [set('a', 4, 0), set('b', 4)])], [['a', 1]])
  t.deepEqual([...planRollingUpdate(bounds(10, 3, 2), set('new', 12), [])], [['new', 10]])
  t.deepEqual([...planRollingUpdate(bounds(10, 3, 2), set('new', 10), [set('old', 0)])], [])
})

test('Recreate removes everything before it makes anything', t => {
  const total = { total: 3, surge: 0, unavailable: 0 }
  t.deepEqual([...planRecreate(total, undefined, [set('a', 3), set('b', 0)])], [['a', 0]])
  t.deepEqual([...planRecreate(total, set('new', 0), [set('a', 0, 0, { existing: 1 })])], [])
  t.deepEqual([...planRecreate(total, set('new', 0), [set('a', 0)])], [['new', 3]])
})

test('scaling in the middle of a rollout keeps the mix of versions', t => {
  const mid = { totalWhenScaled: 10 }
  t.deepEqual([...planScale(bounds(20, 0, 1), [set('new', 5, 5, mid), set('old', 5, 5, mid)], undefined)!].sort(), [['new', 10], ['old', 10]])
  t.deepEqual([...planScale(bounds(0, 3, 1), [set('new', 5, 5, mid), set('old', 5, 5, mid)], undefined)!].sort(), [['new', 0], ['old', 0]])
  t.is(planScale(bounds(10, 3, 1), [set('new', 5, 5, mid)], undefined), undefined)
  t.deepEqual([...planScale(bounds(4, 3, 1), [set('new', 10, 10, mid)], undefined)!], [['new', 4]])
  t.deepEqual([...planScale(bounds(4, 3, 1), [set('new', 0, 0, mid)], { newest: set('new', 0) })!], [['new', 4]])
  fc.assert(fc.property(fc.array(fc.nat(20), { minLength: 1, maxLength: 5 }), fc.nat(40), fc.nat(5), (sizes, total, surge) => {
    const before = sizes.reduce((sum, size) => sum + size, 0)
    const sets = sizes.map((size, index) => set(`s${index}`, size, size, { totalWhenScaled: before }))
    const plan = planScale({ total, surge, unavailable: 1 }, sets, undefined)
    if (plan === undefined) return true
    const after = sets.map(each => plan.get(each.key) ?? each.desired)
    const sum = after.reduce((all, size) => all + size, 0)
    const active = sizes.filter(size => size > 0).length
    return after.every(size => size >= 0) && sum === (active === 1 ? total : total === 0 ? 0 : total + surge)
  }))
})

test('whatever order pods become available in, a rollout never goes above or below its bounds and always ends', t => {
  fc.assert(fc.property(
    fc.integer({ min: 1, max: 20 }), fc.integer({ min: 0, max: 6 }), fc.integer({ min: 0, max: 6 }), fc.integer({ min: 1, max: 3 }), fc.infiniteStream(fc.nat(100)),
    (total, maxSurge, maxUnavailable, oldSets, luck) => {
      const limits = bounds(total, maxSurge, maxUnavailable)
      let current = set('new', 0)
      let old = Array.from({ length: oldSets }, (_, index) => set(`old${index}`, index === 0 ? total - Math.floor(total / 3) * (oldSets - 1) : Math.floor(total / 3)))
      const all = (): Replicas[] => [current, ...old]
      const sum = (value: (each: Replicas) => number): number => all().reduce((count, each) => count + value(each), 0)
      for (let step = 0; step < 2_000; step += 1) {
        const plan = planRollingUpdate(limits, current, old)
        const apply = (each: Replicas): Replicas => {
          const desired = plan.get(each.key) ?? each.desired
          // What is removed first is what is not available.
          return { ...each, desired, available: Math.min(each.available, desired) }
        }
        current = apply(current)
        old = old.map(apply)
        if (sum(each => each.desired) > total + limits.surge) return false
        if (sum(each => each.available) < total - limits.unavailable) return false
        if (plan.size === 0 && current.desired === total && current.available === total && old.every(each => each.desired === 0)) return true
        if (current.available < current.desired && luck.next().value! < 50) current = { ...current, available: current.available + 1 }
      }
      return false
    },
  ))
  t.pass()
})

test('equal templates have equal hashes whatever the order of their fields; a collision gives another', t => {
  const a = { metadata: { labels: { app: 'x', tier: 'y' } }, spec: { containers: [{ name: 'c', image: 'i' }] } }
  const b = { spec: { containers: [{ image: 'i', name: 'c' }] }, metadata: { labels: { tier: 'y', app: 'x' } } }
  t.is(templateHash(a, 0), templateHash(b, 0))
  t.not(templateHash(a, 0), templateHash(a, 1))
  t.regex(templateHash(a, 0), /^[bcdfghjklmnpqrstvwxz2456789]{10}$/)
  t.true(sameTemplate(a, { ...b, metadata: { labels: { ...b.metadata.labels, 'pod-template-hash': 'abc' } } }))
})

test('a template that is taken up again gets a new revision and remembers its old one', t => {
  const deployment = { metadata: { annotations: { note: 'x', 'deployment.kubernetes.io/revision': '9', 'kubectl.kubernetes.io/last-applied-configuration': '{}' } } } as never
  const former = { metadata: { annotations: { 'deployment.kubernetes.io/revision': '1', 'deployment.kubernetes.io/desired-replicas': '3' } } } as never
  t.deepEqual(currentAnnotations(deployment, former, 4), {
    note: 'x', 'deployment.kubernetes.io/revision': '4', 'deployment.kubernetes.io/revision-history': '1', 'deployment.kubernetes.io/desired-replicas': '3',
  })
  t.is(currentAnnotations(deployment, former, 1)['deployment.kubernetes.io/revision-history'], undefined)
})
