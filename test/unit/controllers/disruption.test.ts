import test from 'ava'
import { planBudget } from '../../../src/controllers/disruption/plan-budget.ts'

const NOW = Date.parse('2026-01-01T00:10:00Z')
const pod = (name: string, ready = true, more: object = {}) => ({ metadata: { name, ...more }, status: { phase: 'Running', conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] } })
const plan = (spec: object, pods: object[], scale: number, status: object = {}) =>
  planBudget({ budget: { metadata: { generation: 2 }, spec, status } as never, pods: pods as never, scale, now: '2026-01-01T00:10:00Z', nowMs: NOW })
const pods = (count: number) => Array.from({ length: count }, (_, index) => pod(`p${index}`))
const allowed = (...parameters: Parameters<typeof plan>): number => plan(...parameters).status.disruptionsAllowed

test('numbers and percentages of what should run leave room for that many evictions', t => {
  t.is(allowed({ minAvailable: 2 }, pods(3), 3), 1)
  t.is(allowed({ minAvailable: '100%' }, pods(3), 3), 0)
  t.is(allowed({ minAvailable: '50%' }, pods(5), 5), 2)
  t.is(allowed({ maxUnavailable: 1 }, pods(3), 3), 1)
  t.is(allowed({ maxUnavailable: '34%' }, pods(3), 3), 2, 'rounded up')
  t.is(allowed({ maxUnavailable: 1 }, pods(2), 3), 0, 'one is missing already')
  t.is(allowed({ minAvailable: 1 }, [], 0), 0)
})

test('pods that are not ready, are leaving or are about to be evicted are not healthy', t => {
  const { status, recheckMs } = plan({ minAvailable: 1 }, [...pods(2), pod('sick', false), pod('leaving', true, { deletionTimestamp: 'x' })], 4,
    { disruptedPods: { p0: '2026-01-01T00:09:30Z', sick: '2026-01-01T00:00:00Z', gone: '2026-01-01T00:09:59Z' } })
  t.like(status, { currentHealthy: 1, desiredHealthy: 1, expectedPods: 4, disruptionsAllowed: 0, observedGeneration: 2, disruptedPods: { p0: '2026-01-01T00:09:30Z' } })
  t.is(recheckMs, 90_001)
  t.like(status.conditions?.[0], { type: 'DisruptionAllowed', status: 'False', reason: 'InsufficientPods', lastTransitionTime: '2026-01-01T00:10:00Z' })
})
