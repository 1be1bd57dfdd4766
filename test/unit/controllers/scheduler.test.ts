import test from 'ava'
import fc from 'fast-check'
import { planBinding, type Candidate } from '../../../src/controllers/scheduler/plan-binding.ts'
import { NodeUsage } from '../../../src/controllers/scheduler/node-usage.ts'
import { parseQuantity } from '../../../src/controllers/scheduler/resources.ts'

type Spec = Record<string, unknown>
const candidate = (name: string, pods = 0, options: { spec?: Spec; labels?: Record<string, string>; ready?: string; allocatable?: Record<string, string>; requested?: Record<string, number>; hostPorts?: string[] } = {}): Candidate => ({
  node: {
    metadata: { name, labels: { 'kubernetes.io/hostname': name, ...options.labels } }, spec: options.spec ?? {},
    status: { conditions: [{ type: 'Ready', status: options.ready ?? 'True' }], ...(options.allocatable && { allocatable: options.allocatable }) },
  } as never,
  pods, requested: options.requested ?? {}, hostPorts: new Set(options.hostPorts),
})
const pod = (spec: Spec = {}) => ({ spec: { containers: [{ name: 'c' }], ...spec } }) as never
const place = (spec: Spec, ...candidates: Candidate[]): string => {
  const plan = planBinding(pod(spec), candidates, 0)
  return plan.kind === 'bind' ? plan.node : plan.message
}

test('a pod goes to the ready node with the fewest pods', t => {
  t.is(place({}, candidate('a', 3), candidate('b', 1), candidate('c', 2)), 'b')
  t.is(place({}, candidate('a', 3), candidate('b', 0, { ready: 'False' }), candidate('c', 0, { spec: { unschedulable: true } })), 'a')
})

test('selectors, required affinity and taints decide where a pod may go', t => {
  const ssd = candidate('ssd', 9, { labels: { disk: 'ssd' } })
  const tainted = candidate('tainted', 0, { spec: { taints: [{ key: 'gpu', value: 'yes', effect: 'NoSchedule' }] } })
  t.is(place({ nodeSelector: { disk: 'ssd' } }, candidate('a'), ssd), 'ssd')
  t.is(place({}, candidate('a', 5), tainted), 'a')
  t.is(place({ tolerations: [{ key: 'gpu', operator: 'Exists' }] }, candidate('a', 5), tainted), 'tainted')
  const affinity = (matchExpressions: object[], matchFields: object[] = []) => ({ affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions, matchFields }] } } } })
  t.is(place(affinity([{ key: 'disk', operator: 'In', values: ['ssd', 'nvme'] }]), candidate('a'), ssd), 'ssd')
  t.is(place(affinity([], [{ key: 'metadata.name', operator: 'In', values: ['a'] }]), ssd, candidate('a', 50)), 'a')
  t.is(place({}, candidate('a', 50), candidate('avoid', 0, { spec: { taints: [{ key: 'x', effect: 'PreferNoSchedule' }] } })), 'a')
})

test('resources and host ports that are taken keep a pod away', t => {
  const cpu = (amount: string) => ({ containers: [{ name: 'c', resources: { requests: { cpu: amount } } }] })
  const half = candidate('half', 1, { allocatable: { cpu: '1', pods: '110' }, requested: { cpu: 0.6 } })
  t.is(place(cpu('400m'), half), 'half')
  t.regex(place(cpu('500m'), half), /1 Insufficient cpu/)
  t.regex(place({}, candidate('a', 110, { allocatable: { pods: '110' } })), /1 Too many pods/)
  t.regex(place({ containers: [{ name: 'c', ports: [{ containerPort: 80, hostPort: 80 }] }] }, candidate('a', 0, { hostPorts: ['TCP/80'] })), /free ports/)
})

test('a pod that fits nowhere is told how many nodes refused it and why', t => {
  t.is(place({}), '0/0 nodes are available.')
  t.is(place({ nodeSelector: { disk: 'ssd' } }, candidate('a'), candidate('b'), candidate('c', 0, { spec: { taints: [{ key: 'gpu', value: 'yes', effect: 'NoSchedule' }] } })),
    "0/3 nodes are available: 1 node(s) had untolerated taint {gpu: yes}, 2 node(s) didn't match Pod's node affinity/selector.")
})

test('pods placed one after another differ by at most one between equal nodes', t => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 0, max: 40 }), fc.array(fc.double({ min: 0, max: 0.999, noNaN: true }), { minLength: 40, maxLength: 40 }), (nodes, pods, random) => {
    const counts = new Map(Array.from({ length: nodes }, (_, index) => [`n${index}`, 0]))
    for (let index = 0; index < pods; index += 1) {
      const plan = planBinding(pod(), [...counts].map(([name, count]) => candidate(name, count)), random[index]!)
      if (plan.kind === 'bind') counts.set(plan.node, counts.get(plan.node)! + 1)
    }
    return Math.max(...counts.values()) - Math.min(...counts.values()) <= 1
  }))
  t.pass()
})

test('quantities are read as Kubernetes writes them', t => {
  t.deepEqual(['250m', '1', '1.5', '1Gi', '2k', '1e3', '1000m', '-1'].map(parseQuantity), [0.25, 1, 1.5, 1_073_741_824, 2_000, 1_000, 1, -1])
  t.deepEqual(['', 'abc', '1X', '1 Gi'].map(parseQuantity), [undefined, undefined, undefined, undefined])
})

test('what is taken on a node is the sum over its pods, whatever came and went', t => {
  const step = fc.record({ key: fc.constantFrom('a', 'b', 'c', 'd'), node: fc.constantFrom('n1', 'n2', ''), cpu: fc.constantFrom('100m', '250m', '1'), hostPort: fc.constantFrom(0, 80, 443) })
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), steps => {
    const usage = new NodeUsage()
    const world = new Map<string, (typeof steps)[number]>()
    for (const each of steps) {
      if (each.node === '') {
        world.delete(each.key)
        usage.remove(each.key)
        continue
      }
      world.set(each.key, each)
      usage.place(each.key, each.node, { spec: { containers: [{ name: 'c', resources: { requests: { cpu: each.cpu } }, ports: [{ containerPort: 1, hostPort: each.hostPort }] }] } })
    }
    for (const node of ['n1', 'n2']) {
      const here = [...world.values()].filter(each => each.node === node)
      const { pods, requested, hostPorts } = usage.of(node)
      t.is(pods, here.length)
      t.true(Math.abs((requested['cpu'] ?? 0) - here.reduce((sum, each) => sum + parseQuantity(each.cpu)!, 0)) < 1e-9)
      t.deepEqual([...hostPorts].sort(), [...new Set(here.filter(each => each.hostPort > 0).map(each => `TCP/${each.hostPort}`))].sort())
    }
  }))
})
