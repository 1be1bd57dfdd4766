import test from 'ava'
import fc from 'fast-check'
import type { Pod } from 'kubernetes-types/core/v1.js'
import type { Stored } from '../../../src/client/objects.ts'
import { daemonTemplate, planDaemons, targetNode } from '../../../src/controllers/daemon-sets/plan-daemons.ts'
import { planRevisions } from '../../../src/controllers/daemon-sets/revisions.ts'

const meta = (name: string, more: object = {}) => ({ name, namespace: 'default', uid: `u-${name}`, resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z', ...more })
const node = (name: string, spec: object = {}, labels: Record<string, string> = {}) => ({ metadata: meta(name, { labels }), spec, status: { conditions: [{ type: 'Ready', status: 'True' }] } }) as never
const set = (template: object = {}, spec: object = {}) => ({
  metadata: meta('ds', { generation: 3 }),
  spec: { selector: { matchLabels: { app: 'd' } }, template: { metadata: { labels: { app: 'd' } }, spec: { containers: [{ name: 'c', image: 'one' }], ...template } }, ...spec },
}) as never
let count = 0
const pod = (nodeName: string, hash = 'h', options: { ready?: boolean; terminating?: boolean; phase?: string } = {}): Stored<Pod> => ({
  metadata: meta(`p${++count}`, { labels: { 'controller-revision-hash': hash }, ...(options.terminating && { deletionTimestamp: 'x' }) }),
  spec: { nodeName }, status: { phase: options.phase ?? 'Running', conditions: [{ type: 'Ready', status: options.ready === false ? 'False' : 'True' }] },
}) as never
const plan = (nodes: never[], pods: Stored<Pod>[], theSet = set()) => planDaemons({ set: theSet, nodes, pods, hash: 'h', now: 0 })

test('every node that fits gets one pod, and only those', t => {
  const nodes = [node('a'), node('b', { taints: [{ key: 'x', effect: 'NoSchedule' }] }), node('c', { unschedulable: true, taints: [{ key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' }] })]
  t.deepEqual(plan(nodes, []).create, ['a', 'c'], 'daemons run on cordoned nodes')
  t.deepEqual(plan([node('a', {}, { disk: 'ssd' }), node('b')], [], set({ nodeSelector: { disk: 'ssd' } })).create, ['a'])
  t.deepEqual(plan([node('a')], [pod('a', 'h', { terminating: true })]).create, [], 'one leaves before the next comes')
})

test('pods where none belong, finished ones and second ones go; a NoSchedule taint drives nobody away', t => {
  const nodes = [node('a'), node('b', { taints: [{ key: 'x', effect: 'NoSchedule' }] }), node('c', { taints: [{ key: 'x', effect: 'NoExecute' }] })]
  const [first, second, tolerated, evicted, orphan, failed] = [pod('a'), pod('a'), pod('b'), pod('c'), pod('gone'), pod('a', 'h', { phase: 'Failed' })]
  const { delete: removed, status } = plan(nodes, [first!, second!, tolerated!, evicted!, orphan!, failed!])
  t.deepEqual(removed.map(({ metadata }) => metadata.name).sort(), [second!, evicted!, orphan!, failed!].map(({ metadata }) => metadata.name).sort())
  t.like(status, { desiredNumberScheduled: 1, currentNumberScheduled: 1, numberMisscheduled: 2, numberReady: 1, updatedNumberScheduled: 1, observedGeneration: 3 })
})

test('an update replaces one pod at a time, those that serve nobody at once, and none by itself under OnDelete', t => {
  const nodes = ['a', 'b', 'c'].map(name => node(name))
  const old = ['a', 'b', 'c'].map(name => pod(name, 'old'))
  t.is(plan(nodes, old).delete.length, 1)
  t.is(plan(nodes, [pod('a', 'h', { ready: false }), old[1]!, old[2]!]).delete.length, 0, 'the new one is not available yet')
  t.is(plan(nodes, [pod('a', 'old', { ready: false }), old[1]!, old[2]!]).delete.length, 1)
  t.is(plan(nodes, old, set({}, { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '67%' } } })).delete.length, 3)
  t.is(plan(nodes, old, set({}, { updateStrategy: { type: 'OnDelete' } })).delete.length, 0)
})

test('with a surge the new pod comes first and the old one goes when it is available', t => {
  const surge = set({}, { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } } })
  const nodes = ['a', 'b'].map(name => node(name))
  const old = ['a', 'b'].map(name => pod(name, 'old'))
  t.deepEqual([plan(nodes, old, surge).create, plan(nodes, old, surge).delete], [['a'], []])
  const during = plan(nodes, [...old, pod('a', 'h', { ready: false })], surge)
  t.deepEqual([during.create, during.delete], [[], []])
  const after = plan(nodes, [...old, pod('a')], surge)
  t.deepEqual([after.create, after.delete], [[], [old[0]]])
})

test('whatever the bounds, an update ends with one new pod per node and never takes more away than allowed', t => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 3 }), fc.infiniteStream(fc.boolean()), (size, maxSurge, maxUnavailable, luck) => {
    const theSet = set({}, { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable } } })
    const nodes = Array.from({ length: size }, (_, index) => node(`n${index}`))
    let pods = nodes.map((_, index) => pod(`n${index}`, 'old'))
    const floor = size - (maxSurge === 0 ? Math.max(1, maxUnavailable) : maxUnavailable)
    for (let step = 0; step < 500; step += 1) {
      const { create, delete: removed } = planDaemons({ set: theSet, nodes, pods, hash: 'h', now: 0 })
      pods = [...pods.filter(each => !removed.includes(each)), ...create.map(name => pod(name, 'h', { ready: false }))]
      if (nodes.filter((_, index) => pods.some(each => each.spec!.nodeName === `n${index}` && each.status!.conditions![0]!.status === 'True')).length < floor) return false
      if (create.length + removed.length === 0 && pods.length === size && pods.every(each => each.metadata.labels!['controller-revision-hash'] === 'h' && each.status!.conditions![0]!.status === 'True')) return true
      const unready = pods.findIndex(each => each.status!.conditions![0]!.status === 'False')
      if (unready >= 0 && luck.next().value === true) pods[unready] = { ...pods[unready]!, status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] } }
    }
    return false
  }), { numRuns: 60 })
  t.pass()
})

test('the pod of a node asks for that node and tolerates what daemons tolerate', t => {
  const template = daemonTemplate({ metadata: { labels: { app: 'd' } }, spec: { containers: [], hostNetwork: true } }, 'n7', 'h')
  t.is(targetNode({ spec: template.spec! }), 'n7')
  t.is(template.metadata?.labels?.['controller-revision-hash'], 'h')
  t.true(template.spec!.tolerations!.some(toleration => toleration.key === 'node.kubernetes.io/network-unavailable'))
})

test('a template has one revision; taking up an old one gives it a new number; idle ones beyond the limit go', t => {
  const first = planRevisions(set(), [], new Set())
  t.is(first.create?.revision, 1)
  const stored = (revision: number, data: object, hash: string) => ({ metadata: meta(`r${revision}`, { labels: { 'controller-revision-hash': hash } }), revision, data }) as never
  const one = stored(1, first.create!.data as object, first.hash)
  t.like(planRevisions(set(), [one], new Set()), { create: undefined, renumber: undefined, hash: first.hash })
  t.is(planRevisions(set(), [one, stored(2, {}, 'x')], new Set()).renumber?.revision, 3)
  const limited = planRevisions(set({}, { revisionHistoryLimit: 1 }), [stored(1, { a: 1 }, 'x'), stored(2, { a: 2 }, 'y'), stored(3, { a: 3 }, 'z')], new Set(['x']))
  t.deepEqual(limited.delete.map(({ revision }) => revision), [2, 3], 'the one in use stays')
})
