import test from 'ava'
import fc from 'fast-check'
import type { Pod } from 'kubernetes-types/core/v1.js'
import type { Stored } from '../../../src/client/objects.ts'
import { planPod, type PodPlanInput } from '../../../src/node/pod/pod-plan.ts'
import { planPodStatus } from '../../../src/node/pod/pod-status-plan.ts'
import { restartDelayMs } from '../../../src/node/pod/restart-plan.ts'
import type { RuntimeContainer, RuntimePod } from '../../../src/node/pod-runtime.ts'

const NOW = Date.parse('2026-01-01T00:00:00Z')

const pod = (spec: Partial<NonNullable<Pod['spec']>> = {}, metadata: Partial<Stored<Pod>['metadata']> = {}, status: Pod['status'] = {}): Stored<Pod> => ({
  metadata: { name: 'p', namespace: 'default', uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z', ...metadata },
  spec: { containers: [{ name: 'c', image: 'i' }], ...spec }, status,
})
const run = (attempt: number, state: RuntimeContainer['state'], more: Partial<RuntimeContainer> = {}): RuntimeContainer => ({ id: `c.${attempt}`, name: 'c', attempt, sandboxId: 's', state, stopRequestedAt: undefined, ...more })
const running = { kind: 'running', startedAt: NOW - 1000 } as const
const exited = (exitCode: number, ranMs = 100, finishedAt = NOW): RuntimeContainer['state'] => ({ kind: 'exited', startedAt: finishedAt - ranMs, finishedAt, exitCode, reason: exitCode === 0 ? 'Completed' : 'Error' })
const found = (containers: readonly RuntimeContainer[], ready = true): RuntimePod => ({ uid: 'u', namespace: 'default', name: 'p', sandboxes: [{ id: 's', createdAt: 0, ready, addresses: ['10.0.0.2'] }], containers })
const plan = (input: Partial<PodPlanInput>) => planPod({ pod: pod(), found: undefined, unhealthy: new Set(), startAfter: new Map(), now: NOW, ...input })
const kinds = (input: Partial<PodPlanInput>) => plan(input).actions.map(action => action.kind)

test('a new pod gets a sandbox, then its containers, then rest', t => {
  t.deepEqual(kinds({}), ['create-sandbox'])
  t.deepEqual(kinds({ found: found([]) }), ['start-container'])
  t.deepEqual(plan({ found: found([run(0, running)]) }), { actions: [], againInMs: undefined })
})

test('a sandbox that is not ready is removed, its containers first, and made anew', t => {
  t.deepEqual(plan({ found: found([run(0, running)], false) }).actions, [{ kind: 'signal-container', containerId: 'c.0', name: 'c', signal: 'SIGKILL', reason: 'its sandbox is gone' }])
  t.deepEqual(kinds({ found: found([run(0, exited(137))], false) }), ['remove-sandbox'])
  t.deepEqual(kinds({ found: { ...found([run(0, exited(137))]), sandboxes: [] } }), ['create-sandbox'])
})

test('the first restart is at once, then 10 s, 20 s up to 300 s; a run of ten minutes ends the row', t => {
  const delays = [1, 2, 3, 4, 5, 6, 7, 8].map(n => restartDelayMs(Array.from({ length: n }, (_, i) => run(i, exited(1)))) / 1000)
  t.deepEqual(delays, [0, 10, 20, 40, 80, 160, 300, 300])
  t.is(restartDelayMs([run(0, exited(1)), run(1, exited(1)), run(2, exited(1, 600_000))]), 0)
})

test('a container in back-off is left alone until it is due', t => {
  const two = found([run(0, exited(1)), run(1, exited(1))])
  t.deepEqual(plan({ found: two }), { actions: [], againInMs: 10_000 })
  t.like(plan({ found: two, now: NOW + 10_000 }).actions[0], { kind: 'start-container', attempt: 2 })
})

test('a container that could not be started is tried again at its time', t => {
  t.deepEqual(plan({ found: found([]), startAfter: new Map([['c', NOW + 700]]) }), { actions: [], againInMs: 700 })
})

test('restart policies decide whether an ended pod is over', t => {
  for (const [policy, code, kind] of [['Always', 0, 'start-container'], ['OnFailure', 0, 'remove-sandbox'], ['OnFailure', 1, 'start-container'], ['Never', 1, 'remove-sandbox']] as const) {
    t.deepEqual(kinds({ pod: pod({ restartPolicy: policy }), found: found([run(0, exited(code))]) }), [kind], `${policy} ${code}`)
  }
})

test('the count of restarts goes on where the API has it when the records are gone', t => {
  const known = pod({}, {}, { containerStatuses: [{ name: 'c', restartCount: 4, containerID: 'weft://c.4', image: '', imageID: '', ready: true }] })
  t.like(plan({ pod: known, found: found([]) }).actions[0], { attempt: 5 })
})

test('deletion asks, waits until the grace ends, insists, cleans up, then deletes the object', t => {
  const deleted = pod({}, { deletionTimestamp: new Date(NOW + 30_000).toISOString() })
  t.like(plan({ pod: deleted, found: found([run(0, running)]) }), { actions: [{ signal: 'SIGTERM' }], againInMs: 30_000 })
  t.deepEqual(plan({ pod: deleted, found: found([run(0, running, { stopRequestedAt: NOW })]) }), { actions: [], againInMs: 30_000 })
  t.like(plan({ pod: deleted, found: found([run(0, running, { stopRequestedAt: NOW })]), now: NOW + 30_000 }).actions[0], { signal: 'SIGKILL' })
  t.deepEqual(kinds({ pod: deleted, found: found([run(0, exited(0))]) }), ['remove-sandbox'])
  t.deepEqual(kinds({ pod: deleted, found: { ...found([run(0, exited(0))]), sandboxes: [] } }), ['delete-object'])
  t.deepEqual(kinds({ pod: deleted, found: undefined }), ['delete-object'])
})

test('a pod that the API no longer has is killed, cleaned up and forgotten', t => {
  t.like(plan({ pod: undefined, found: found([run(0, running)]) }).actions[0], { signal: 'SIGKILL' })
  t.deepEqual(kinds({ pod: undefined, found: { ...found([]), sandboxes: [] } }), ['forget-pod'])
  t.deepEqual(kinds({ pod: undefined, found: undefined }), [])
})

test('a probe that gives up ends the container within the pod’s grace', t => {
  const input = { pod: pod({ terminationGracePeriodSeconds: 5 }), unhealthy: new Set(['c.0']) }
  t.like(plan({ ...input, found: found([run(0, running)]) }).actions[0], { signal: 'SIGTERM', reason: 'its probe failed' })
  t.like(plan({ ...input, found: found([run(0, running, { stopRequestedAt: NOW - 5000 })]) }).actions[0], { signal: 'SIGKILL' })
})

test('init containers go one by one, and again in a new sandbox', t => {
  const withInit = pod({ initContainers: [{ name: 'a' }, { name: 'b' }] })
  const init = (name: string, state: RuntimeContainer['state'], sandboxId = 's'): RuntimeContainer => ({ id: `${name}.0`, name, attempt: 0, sandboxId, state, stopRequestedAt: undefined })
  const started = (containers: readonly RuntimeContainer[]) => plan({ pod: withInit, found: found(containers) }).actions.map(action => action.kind === 'start-container' && `${action.container.name}.${action.attempt}`)
  t.deepEqual(started([]), ['a.0'])
  t.deepEqual(started([init('a', running)]), [])
  t.deepEqual(started([init('a', exited(0))]), ['b.0'])
  t.deepEqual(started([init('a', exited(0)), init('b', exited(0))]), ['c.0'])
  t.deepEqual(started([init('a', exited(0), 'old'), init('b', exited(0), 'old')]), ['a.1'])
})

const status = (input: Partial<Parameters<typeof planPodStatus>[0]>) => planPodStatus({ pod: pod(), found: undefined, failures: new Map(), started: new Set(), ready: new Set(), hostIPs: ['192.0.2.1'], now: NOW, ...input })

test('status: pending, running, ready, ended', t => {
  t.like(status({}), { phase: 'Pending', containerStatuses: [{ state: { waiting: { reason: 'ContainerCreating' } } }] })
  t.like(status({ found: found([run(0, running)]) }), { phase: 'Running', podIP: '10.0.0.2', hostIP: '192.0.2.1' })
  const ready = status({ found: found([run(0, running)]), started: new Set(['c.0']), ready: new Set(['c.0']) })
  t.is(ready.conditions!.find(({ type }) => type === 'Ready')!.status, 'True')
  t.like(status({ pod: pod({ restartPolicy: 'Never' }), found: found([run(0, exited(0))]) }), { phase: 'Succeeded' })
  t.like(status({ pod: pod({ restartPolicy: 'Never' }), found: found([run(0, exited(2))]) }), { phase: 'Failed', containerStatuses: [{ state: { terminated: { exitCode: 2 } } }] })
})

test('a status that was written is not written again, whatever the clock says', t => {
  const states = fc.array(fc.oneof(fc.constant(running), fc.integer({ min: 0, max: 255 }).map(code => exited(code))), { maxLength: 5 })
  fc.assert(
    fc.property(states, fc.boolean(), fc.constantFrom('Always', 'OnFailure', 'Never'), (list, ready, restartPolicy) => {
      const state = found(list.map((each, index) => run(index, each)), ready)
      const first = status({ pod: pod({ restartPolicy }), found: state })
      const second = status({ pod: pod({ restartPolicy }, {}, first), found: state, now: NOW + 77_000 })
      t.deepEqual(JSON.parse(JSON.stringify(second)), JSON.parse(JSON.stringify(first)))
    }),
  )
})

test('conditions of others are kept, and a readiness gate holds the pod back', t => {
  const gated = pod({ readinessGates: [{ conditionType: 'example.com/ok' }] }, {}, { conditions: [{ type: 'example.com/ok', status: 'False' }] })
  const { conditions } = status({ pod: gated, found: found([run(0, running)]), started: new Set(['c.0']), ready: new Set(['c.0']) })
  t.truthy(conditions!.find(({ type }) => type === 'example.com/ok'))
  t.like(conditions!.find(({ type }) => type === 'Ready'), { status: 'False', reason: 'ReadinessGatesNotReady' })
})
