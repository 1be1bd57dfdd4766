import test from 'ava'
import type { Clock } from '../../../../src/ops/clock.ts'
import { ProxyHealth } from '../../../../src/proxy/health/proxy-health.ts'

const open = () => {
  let now = Date.parse('2026-01-01T00:00:00Z')
  const clock: Clock = { now: () => now, monotonicMs: () => now, sleep: async () => undefined }
  const health = new ProxyHealth({ families: [4, 6], timeoutMs: 60_000, clock })
  return { health, pass: (ms: number) => (now += ms), now: () => now }
}
const body = (answer: { body: string }) => JSON.parse(answer.body)

test('idle is healthy for ever, and work that stays undone is not (scenario 120)', t => {
  const { health, pass, now } = open()
  pass(3_600_000)
  t.is(health.healthz().status, 200)
  health.queued(4)
  pass(30_000)
  health.queued(4)
  pass(30_000)
  t.is(health.healthz().status, 503)
  t.is(health.livez().status, 503)
  t.like(body(health.healthz()), { healthy: false, nodeEligible: true, status: { IPv4: { healthy: false }, IPv6: { healthy: true } } })
  health.synced(6, { startedAtMs: now(), stillQueued: false })
  t.is(health.healthz().status, 503)
  health.synced(4, { startedAtMs: now(), stillQueued: false })
  t.is(health.healthz().status, 200)
})

test('a node that is to go is not eligible, and other taints do not matter (scenario 121)', t => {
  const { health } = open()
  health.setNode({ metadata: { name: 'n' }, spec: { taints: [{ key: 'ToBeDeletedByClusterAutoscaler', effect: 'NoSchedule' }] } })
  t.is(health.healthz().status, 503)
  t.like(body(health.healthz()), { healthy: true, nodeEligible: false })
  t.is(health.livez().status, 200)
  t.false('nodeEligible' in body(health.livez()))
  health.setNode({ metadata: { name: 'n', deletionTimestamp: '2026-01-01T00:00:00Z' as never } })
  t.is(health.healthz().status, 503)
  health.setNode({ metadata: { name: 'n' }, spec: { taints: [{ key: 'other', effect: 'NoSchedule' }] } })
  t.is(health.healthz().status, 200)
  health.setNode(undefined)
  t.is(health.healthz().status, 503)
})
