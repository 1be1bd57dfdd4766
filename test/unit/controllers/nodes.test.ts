import test from 'ava'
import fc from 'fast-check'
import type { Node, Taint } from 'kubernetes-types/core/v1.js'
import { BlockSet } from '../../../src/controllers/node-ipam/block-set.ts'
import { nodeIpamController } from '../../../src/controllers/node-ipam/controller.ts'
import { nodeLifecycleController } from '../../../src/controllers/nodes/lifecycle.ts'
import { planEviction } from '../../../src/controllers/nodes/plan-eviction.ts'
import { planSilence, planTaints, planTwinLabels } from '../../../src/controllers/nodes/plan-node-health.ts'
import { podGcController } from '../../../src/controllers/nodes/pod-gc.ts'
import { taintEvictionController } from '../../../src/controllers/nodes/taint-eviction.ts'
import { formatPrefix, overlaps, parsePrefix, type Prefix } from '../../../src/net/ip/prefix.ts'
import { COLLECTIONS, eventually, fakeApi, quiet, startControllers } from './harness.ts'

const prefix = (text: string): Prefix => parsePrefix(text, 'test')
const node = (ready: string | undefined, more: { taints?: Taint[]; unschedulable?: boolean; conditions?: object[] } = {}): Node => ({
  metadata: { name: 'n1' },
  spec: { ...(more.taints && { taints: more.taints }), ...(more.unschedulable && { unschedulable: true }) },
  status: { conditions: [...(ready === undefined ? [] : [{ type: 'Ready', status: ready, lastHeartbeatTime: '2026-01-01T00:00:00Z' }]), ...((more.conditions ?? []) as never[])] },
})
const keys = (taints: readonly Taint[] | undefined): string[] | undefined => taints?.map(taint => `${taint.key.split('/')[1]}:${taint.effect}`).sort()
const now = '2026-01-01T00:10:00Z'

test('taints follow the conditions, keep those of others, and change nothing when they fit (scenario 76)', t => {
  const foreign: Taint = { key: 'gpu', value: 'yes', effect: 'NoSchedule' }
  t.is(planTaints(node('True', { taints: [foreign] }), { evict: false, now }), undefined)
  t.deepEqual(planTaints(node('True', { taints: [foreign, { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' }] }), { evict: false, now }), [foreign])
  t.deepEqual(keys(planTaints(node('False'), { evict: false, now })), ['not-ready:NoSchedule'])
  t.deepEqual(keys(planTaints(node('Unknown'), { evict: true, now })), ['unreachable:NoExecute', 'unreachable:NoSchedule'])
  const unreachable = planTaints(node('Unknown'), { evict: true, now })!
  t.deepEqual(keys(planTaints(node('False', { taints: unreachable }), { evict: false, now })), ['not-ready:NoExecute', 'not-ready:NoSchedule'], 'a node on its way out stays there until it is ready')
  t.deepEqual(keys(planTaints(node('True', { unschedulable: true, conditions: [{ type: 'DiskPressure', status: 'True' }, { type: 'NetworkUnavailable', status: 'True' }] }), { evict: false, now })),
    ['disk-pressure:NoSchedule', 'network-unavailable:NoSchedule', 'unschedulable:NoSchedule'])
  t.deepEqual(keys(planTaints(node(undefined), { evict: true, now })), ['not-ready:NoSchedule'])
})

test('a silent node has four unknown conditions, told apart by whether they were ever posted', t => {
  const conditions = planSilence(node('True'), now)!
  t.deepEqual(conditions.map(({ type, status, reason }) => [type, status, reason]), [
    ['Ready', 'Unknown', 'NodeStatusUnknown'], ['MemoryPressure', 'Unknown', 'NodeStatusNeverUpdated'],
    ['DiskPressure', 'Unknown', 'NodeStatusNeverUpdated'], ['PIDPressure', 'Unknown', 'NodeStatusNeverUpdated'],
  ])
  t.is(planSilence({ ...node(undefined), status: { conditions } }, now), undefined)
})

test('old os and arch labels follow the new ones', t => {
  t.deepEqual(planTwinLabels({ metadata: { labels: { 'kubernetes.io/os': 'linux', 'kubernetes.io/arch': 'arm64', 'beta.kubernetes.io/arch': 'arm64' } } }), { 'beta.kubernetes.io/os': 'linux' })
})

test('a pod stays as long as its shortest matching toleration says', t => {
  const taint: Taint = { key: 'k', value: 'v', effect: 'NoExecute' }
  t.is(planEviction([], [taint]), 0)
  t.is(planEviction([{ operator: 'Exists' }], [taint]), undefined)
  t.is(planEviction([{ key: 'k', operator: 'Equal', value: 'other' }], [taint]), 0)
  t.is(planEviction([{ key: 'k', operator: 'Exists', tolerationSeconds: 30 }, { key: 'k', value: 'v', tolerationSeconds: 20, effect: 'NoExecute' }], [taint]), 20_000)
  t.is(planEviction([{ key: 'k', operator: 'Exists' }], [taint, { key: 'other', effect: 'NoExecute' }]), 0)
})

test('blocks never overlap, are reused only after all others, and a full set says so', t => {
  fc.assert(fc.property(fc.array(fc.record({ release: fc.boolean(), index: fc.nat(20) }), { maxLength: 80 }), steps => {
    const set = new BlockSet(prefix('10.0.0.0/20'), 24)
    const held: Prefix[] = []
    for (const { release, index } of steps) {
      if (release && held.length > 0) set.release(held.splice(index % held.length, 1)[0]!)
      else {
        const taken = set.take()
        t.is(taken === undefined, held.length === 16)
        if (taken === undefined) continue
        t.false(held.some(other => overlaps(other, taken)))
        held.push(taken)
      }
      t.is(set.free, 16 - held.length)
    }
  }))
  const set = new BlockSet(prefix('10.0.0.0/22'), 24)
  const first = set.take()!
  set.release(first)
  t.is(formatPrefix(set.take()!), '10.0.1.0/24')
})

test('a mask that does not fit the cluster is refused with what would', t => {
  t.throws(() => new BlockSet(prefix('10.0.0.0/24'), 16), { message: /node-cidr-mask-size: 16.*between 24 and 32/ })
  t.throws(() => new BlockSet(prefix('fd00::/40'), 64), { message: /at most 56/ })
})

const apiNode = (name: string, more: object = {}) => ({ metadata: { name }, ...more })
const options = { clusterCidrs: [prefix('10.244.0.0/22')], serviceCidrs: [prefix('10.244.0.0/24')], maskSize: { 4: 24, 6: 64 } }

test('nodes get what nobody holds, a full cluster says so and goes on when a node leaves (scenario 75)', async t => {
  const api = await fakeApi(t)
  const cidrs = () => api.all(COLLECTIONS.nodes).map(object => (object['spec'] as { podCIDR?: string } | undefined)?.podCIDR)
  api.put(COLLECTIONS.nodes, apiNode('old', { spec: { podCIDR: '10.244.2.0/24', podCIDRs: ['10.244.2.0/24'] } }))
  for (const name of ['a', 'b', 'c']) api.put(COLLECTIONS.nodes, apiNode(name))
  await startControllers(t, api, [nodeIpamController(options)])
  await eventually(() => cidrs().filter(cidr => cidr !== undefined).length === 3, cidrs)
  t.deepEqual(cidrs().map(String).sort(), ['10.244.1.0/24', '10.244.2.0/24', '10.244.3.0/24', 'undefined'], 'the first block belongs to the Services')
  await eventually(() => api.all(COLLECTIONS.events).some(event => event['reason'] === 'CIDRNotAvailable'))
  api.remove(COLLECTIONS.nodes, '', 'old')
  await eventually(() => cidrs().every(cidr => cidr !== undefined), cidrs)
  t.is(new Set(cidrs()).size, 3)
})

test('a dual-stack cluster gives a block of each family, primary first', async t => {
  const api = await fakeApi(t)
  api.put(COLLECTIONS.nodes, apiNode('a'))
  await startControllers(t, api, [nodeIpamController({ ...options, clusterCidrs: [prefix('fd00:10::/56'), prefix('10.244.0.0/16')], serviceCidrs: [] })])
  const spec = () => api.all(COLLECTIONS.nodes)[0]!['spec'] as { podCIDR?: string; podCIDRs?: string[] } | undefined
  await eventually(() => spec()?.podCIDR !== undefined)
  t.deepEqual(spec(), { podCIDR: 'fd00:10::/64', podCIDRs: ['fd00:10::/64', '10.244.0.0/24'] })
})

const readyCondition = (status: string, beat: string) => ({ conditions: [{ type: 'Ready', status, lastHeartbeatTime: beat }] })
const runningPod = (name: string, nodeName: string, more: object = {}) => ({
  metadata: { name, namespace: 'default' }, spec: { nodeName, containers: [], ...more }, status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
})

test('a node that falls silent becomes unreachable with its pods, evicts what does not tolerate that, and recovers (scenario 76)', async t => {
  const api = await fakeApi(t)
  api.put(COLLECTIONS.nodes, apiNode('dead', { status: readyCondition('True', 't0') }))
  api.put(COLLECTIONS.nodes, apiNode('live', { status: readyCondition('True', 't0') }))
  api.put(COLLECTIONS.pods, runningPod('plain', 'dead'))
  api.put(COLLECTIONS.pods, runningPod('loyal', 'dead', { tolerations: [{ operator: 'Exists' }] }))
  let beat = 0
  const beating = setInterval(() => void api.put(COLLECTIONS.leases, { metadata: { name: 'live', namespace: 'kube-node-lease' }, spec: { renewTime: `r${++beat}` } }), 50)
  t.teardown(() => clearInterval(beating))
  await startControllers(t, api, [nodeLifecycleController({ monitorGraceMs: 3_000, startupGraceMs: 6_000, evictionRate: 10 }), taintEvictionController()])
  const dead = () => api.find(COLLECTIONS.nodes, '', 'dead') as unknown as Node
  await eventually(() => dead().spec?.taints?.length === 2, dead)
  t.deepEqual(keys(dead().spec?.taints), ['unreachable:NoExecute', 'unreachable:NoSchedule'])
  t.is(dead().status?.conditions?.find(condition => condition.type === 'Ready')?.status, 'Unknown')
  await eventually(() => api.find(COLLECTIONS.pods, 'default', 'plain') === undefined)
  const loyal = api.find(COLLECTIONS.pods, 'default', 'loyal') as unknown as { status: { conditions: { status: string }[] } }
  t.is(loyal.status.conditions[0]!.status, 'False')
  t.is((api.find(COLLECTIONS.nodes, '', 'live') as unknown as Node).spec?.taints, undefined, 'a node with a fresh lease is well')
  clearInterval(beating)
  api.put(COLLECTIONS.nodes, { ...dead(), status: readyCondition('True', 't1') } as never)
  await eventually(() => (dead().spec?.taints ?? []).length === 0, dead)
})

test('when no node at all is well nobody is evicted: it is the control plane that is cut off', async t => {
  const api = await fakeApi(t)
  for (const name of ['a', 'b']) api.put(COLLECTIONS.nodes, apiNode(name, { status: readyCondition('Unknown', 't0') }))
  await startControllers(t, api, [nodeLifecycleController({ monitorGraceMs: 60_000, startupGraceMs: 60_000, evictionRate: 100 })])
  const nodes = () => api.all(COLLECTIONS.nodes) as unknown as Node[]
  await eventually(() => nodes().every(object => object.spec?.taints !== undefined))
  await quiet(api)
  t.true(nodes().every(object => object.spec!.taints!.every(taint => taint.effect === 'NoSchedule')))
})

test('pods of a node that is gone are removed after the quarantine, those of one that returns are not', async t => {
  const api = await fakeApi(t)
  api.put(COLLECTIONS.nodes, apiNode('n1'))
  api.put(COLLECTIONS.pods, runningPod('kept', 'n1'))
  api.put(COLLECTIONS.pods, runningPod('lost', 'gone'))
  api.put(COLLECTIONS.pods, { metadata: { name: 'unbound', namespace: 'default', deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: ['x/y'] }, spec: { containers: [] }, status: { phase: 'Pending' } })
  await startControllers(t, api, [podGcController({ quarantineMs: 100, terminatedThreshold: 0 })])
  await eventually(() => api.find(COLLECTIONS.pods, 'default', 'lost') === undefined)
  t.true(api.seen.some(seen => seen.method === 'DELETE' && seen.path.endsWith('/unbound')))
  t.truthy(api.find(COLLECTIONS.pods, 'default', 'kept'))
})
