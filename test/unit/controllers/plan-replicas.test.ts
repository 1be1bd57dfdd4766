import test from 'ava'
import type { Pod } from 'kubernetes-types/core/v1.js'
import type { Stored } from '../../../src/client/objects.ts'
import { labelSelectorOf } from '../../../src/api/selectors/label-selector.ts'
import { planClaim } from '../../../src/controllers/owned.ts'
import { nextAvailability, planReplicas, planStatus } from '../../../src/controllers/replica-sets/plan-replicas.ts'

const NOW = Date.parse('2026-01-01T00:10:00Z')
type State = Readonly<{ node?: string; phase?: string; ready?: boolean; since?: string; created?: string; cost?: string; restarts?: number; terminating?: boolean; labels?: Record<string, string>; owner?: string }>
const pod = (name: string, state: State = {}): Stored<Pod> => ({
  metadata: {
    name, namespace: 'default', uid: `u-${name}`, resourceVersion: '1', creationTimestamp: state.created ?? '2026-01-01T00:00:00Z', labels: state.labels ?? { app: 'x' },
    ...(state.cost && { annotations: { 'controller.kubernetes.io/pod-deletion-cost': state.cost } }), ...(state.terminating && { deletionTimestamp: 'x' }),
    ...(state.owner && { ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'set', uid: state.owner, controller: true }] }),
  },
  spec: { ...(state.node !== '' && { nodeName: state.node ?? `n-${name}` }), containers: [] },
  status: {
    phase: state.phase ?? 'Running', containerStatuses: [{ restartCount: state.restarts ?? 0 }],
    conditions: [{ type: 'Ready', status: state.ready === false ? 'False' : 'True', lastTransitionTime: state.since ?? '2026-01-01T00:01:00Z' }],
  },
}) as never
const set = (replicas: number, spec: object = {}, status?: object) => ({
  metadata: { name: 'set', namespace: 'default', uid: 'u-set', resourceVersion: '1', creationTimestamp: '', generation: 4 },
  spec: { replicas, selector: { matchLabels: { app: 'x' } }, template: { metadata: { labels: { app: 'x', tier: 'y' } } }, ...spec }, status,
}) as never
const removed = (replicas: number, ...pods: Stored<Pod>[]): string[] => planReplicas(set(replicas), pods).delete.map(({ metadata }) => metadata.name)

test('missing pods are made, ended and leaving ones count as missing, and not more than a burst at a time', t => {
  t.is(planReplicas(set(3), [pod('a'), pod('b', { terminating: true }), pod('c', { phase: 'Failed' })]).create, 2)
  t.is(planReplicas(set(5_000), []).create, 500)
  t.deepEqual(planReplicas(set(1), [pod('a')]), { create: 0, delete: [] })
})

test('what serves least and is youngest goes first', t => {
  t.deepEqual(removed(1, pod('bound'), pod('unbound', { node: '' })), ['unbound'])
  t.deepEqual(removed(1, pod('running'), pod('pending', { phase: 'Pending', ready: false })), ['pending'])
  t.deepEqual(removed(1, pod('ready'), pod('not', { ready: false })), ['not'])
  t.deepEqual(removed(1, pod('dear', { cost: '10' }), pod('cheap', { cost: '-5' })), ['cheap'])
  t.deepEqual(removed(2, pod('alone', { node: 'b' }), pod('crowded', { node: 'a' }), pod('crowd', { node: 'a', since: '2026-01-01T00:00:30Z' })), ['crowded'])
  t.deepEqual(removed(1, pod('old'), pod('young', { since: '2026-01-01T00:05:00Z' })), ['young'])
  t.deepEqual(removed(1, pod('calm'), pod('restless', { restarts: 3 })), ['restless'])
  t.deepEqual(removed(1, pod('first'), pod('last', { created: '2026-01-01T00:00:05Z' })), ['last'])
})

test('a pod becomes available after it was ready for long enough, and somebody looks again at that moment', t => {
  const patient = set(2, { minReadySeconds: 60 })
  const pods = [pod('old'), pod('fresh', { since: '2026-01-01T00:09:30Z' }), pod('not', { ready: false })]
  const status = planStatus(patient, pods, { now: NOW, time: 'now', failure: undefined })
  t.like(status, { replicas: 3, readyReplicas: 2, availableReplicas: 1, fullyLabeledReplicas: 0, observedGeneration: 4 })
  t.is(nextAvailability(patient, pods, NOW), 30_000)
})

test('a failure to make pods shows as a condition and leaves with the failure', t => {
  const failed = planStatus(set(1), [], { now: NOW, time: 't1', failure: 'quota' })
  t.like(failed.conditions?.[0], { type: 'ReplicaFailure', status: 'True', message: 'quota', lastTransitionTime: 't1' })
  t.is(planStatus(set(1, {}, failed), [], { now: NOW, time: 't2', failure: 'quota' }).conditions?.[0]?.lastTransitionTime, 't1')
  t.is(planStatus(set(1, {}, failed), [], { now: NOW, time: 't2', failure: undefined }).conditions, undefined)
})

test('an owner takes over what matches and is free, lets go of what matches no more, and leaves the rest alone', t => {
  const [own, free, strayed, others, leaving] = [pod('own', { owner: 'u-set' }), pod('free'), pod('strayed', { owner: 'u-set', labels: {} }), pod('others', { owner: 'u-other' }), pod('leaving', { terminating: true })]
  const claim = planClaim(set(1), labelSelectorOf({ matchLabels: { app: 'x' } }), [own!, free!, strayed!, others!, leaving!, pod('unlike', { labels: {} })])
  t.deepEqual(claim, { owned: [own!], adopt: [free!], release: [strayed!] })
})
