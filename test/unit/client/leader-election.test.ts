import test, { type ExecutionContext } from 'ava'
import { runWhileLeading } from '../../../src/client/leader-election.ts'
import { systemClock } from '../../../src/ops/clock.ts'
import { silentLog } from '../../../src/ops/log.ts'
import { FakeApi } from './fake-api.ts'
import { clientFor, eventually } from './harness.ts'

const LEASES = '/apis/coordination.k8s.io/v1/leases'

/** Nobody could wait for such a lease to run out: it is given back, or the test fails. */
const PATIENT = { leaseDurationMs: 600_000, renewDeadlineMs: 10_000 }
const HASTY = { leaseDurationMs: 4_000, renewDeadlineMs: 1_000 }

/** A candidate with short times, and what it did. */
function candidate(t: ExecutionContext, api: FakeApi, identity: string, times: { leaseDurationMs: number; renewDeadlineMs: number } = PATIENT) {
  const stop = new AbortController()
  const client = clientFor(api.url)
  const state = { leading: false, terms: 0 }
  const ended = runWhileLeading({
    client, lease: { namespace: 'kube-system', name: 'weft' }, identity, log: silentLog(), clock: systemClock, random: () => 0,
    ...times, retryPeriodMs: 20, signal: stop.signal,
  }, async signal => {
    state.leading = true
    state.terms += 1
    await new Promise<void>(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
    state.leading = false
  })
  t.teardown(async () => {
    stop.abort()
    await ended
    await client[Symbol.asyncDispose]()
  })
  return { state, ended, stop: () => stop.abort() }
}

async function server(t: ExecutionContext): Promise<FakeApi> {
  const api = await new FakeApi().start()
  t.teardown(() => api[Symbol.asyncDispose]())
  return api
}

test('one of two candidates leads; when it ends in order the other follows at once', async t => {
  const api = await server(t)
  const first = candidate(t, api, 'first')
  await eventually(() => first.state.leading)
  const second = candidate(t, api, 'second')
  await new Promise(resolve => setTimeout(resolve, 150))
  t.false(second.state.leading)
  first.stop()
  t.is(await first.ended, 'ended')
  await eventually(() => second.state.leading)
  const lease = api.find(LEASES, 'kube-system', 'weft') as unknown as { spec: { leaseTransitions: number; holderIdentity: string; renewTime: string } }
  t.is(lease.spec.holderIdentity, 'second')
  t.is(lease.spec.leaseTransitions, 1)
  t.regex(lease.spec.renewTime, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/)
})

test('a lease that was written since the leader last saw it is given back all the same', async t => {
  const api = await server(t)
  const first = candidate(t, api, 'first')
  await eventually(() => first.state.leading)
  const seen = api.find(LEASES, 'kube-system', 'weft')!
  // As after a renewal that was cut off on its way back.
  api.put(LEASES, { ...structuredClone(seen), metadata: { ...seen.metadata, annotations: { arrived: 'late' } } })
  first.stop()
  t.is(await first.ended, 'ended')
  const lease = api.find(LEASES, 'kube-system', 'weft') as unknown as { spec: { holderIdentity: string } }
  t.is(lease.spec.holderIdentity, '')
})

test('a leader that cannot renew steps down before anybody else may lead, and a dead one is replaced', async t => {
  const api = await server(t)
  const first = candidate(t, api, 'first', HASTY)
  await eventually(() => first.state.leading)
  const second = candidate(t, api, 'second', HASTY)
  api.intercept = seen => seen.method === 'PUT' && seen.body.includes('"first"')
  t.is(await first.ended, 'lost')
  t.false(second.state.leading)
  await eventually(() => second.state.leading)
  t.is(first.state.terms, 1)
})

test('an outage shorter than the deadline does not end the term', async t => {
  const api = await server(t)
  const first = candidate(t, api, 'first')
  await eventually(() => first.state.leading)
  await api.stop()
  await new Promise(resolve => setTimeout(resolve, 120))
  await api.start()
  const renewed = () => (api.find(LEASES, 'kube-system', 'weft') as unknown as { metadata: { resourceVersion: string } }).metadata.resourceVersion
  const version = renewed()
  await eventually(() => renewed() !== version)
  t.true(first.state.leading)
  t.is(first.state.terms, 1)
})

test('somebody else taking the lease ends the term at once', async t => {
  const api = await server(t)
  const first = candidate(t, api, 'first')
  await eventually(() => first.state.leading)
  const lease = api.find(LEASES, 'kube-system', 'weft')!
  api.put(LEASES, { ...lease, spec: { ...(lease['spec'] as object), holderIdentity: 'thief', leaseDurationSeconds: 60 } })
  t.is(await first.ended, 'lost')
})
