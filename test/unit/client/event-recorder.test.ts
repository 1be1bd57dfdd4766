import test from 'ava'
import { EventRecorder } from '../../../src/client/event-recorder.ts'
import { systemClock } from '../../../src/ops/clock.ts'
import { FakeApi } from './fake-api.ts'
import { clientFor } from './harness.ts'

const EVENTS = '/api/v1/events'

async function setup(t: import('ava').ExecutionContext) {
  const api = await new FakeApi().start()
  const client = clientFor(api.url)
  let id = 0
  const recorder = new EventRecorder({ client, component: 'test-controller', clock: systemClock, newId: () => String(++id), signal: new AbortController().signal })
  t.teardown(async () => {
    await client[Symbol.asyncDispose]()
    await api[Symbol.asyncDispose]()
  })
  return { api, recorder }
}

const about = (name: string) => ({ kind: 'Node', apiVersion: 'v1', name, uid: 'u' })

test('the same event counts up, another is a new one; events about cluster objects live in default', async t => {
  const { api, recorder } = await setup(t)
  const text = { type: 'Warning', reason: 'CIDRNotAvailable', message: 'no block left' } as const
  recorder.record(about('n1'), text)
  recorder.record(about('n1'), text)
  recorder.record(about('n1'), { ...text, message: 'other' })
  await recorder.flushed()
  const events = api.all(EVENTS) as unknown as { count: number; message: string; metadata: { namespace: string; name: string }; source: { component: string } }[]
  t.deepEqual(events.map(event => [event.message, event.count]).sort(), [['no block left', 2], ['other', 1]])
  t.true(events.every(event => event.metadata.namespace === 'default' && event.source.component === 'test-controller' && event.metadata.name.startsWith('n1.')))
})

test('one object cannot flood the server, and others are not held back by it', async t => {
  const { api, recorder } = await setup(t)
  for (let index = 0; index < 60; index += 1) recorder.record(about('noisy'), { type: 'Normal', reason: 'R', message: `m${index}` })
  recorder.record(about('quiet'), { type: 'Normal', reason: 'R', message: 'm' })
  await recorder.flushed()
  t.is(api.all(EVENTS).length, 26)
})

test('a server that is away costs events, not the caller', async t => {
  const { api, recorder } = await setup(t)
  await api.stop()
  t.notThrows(() => recorder.record(about('n1'), { type: 'Normal', reason: 'R', message: 'lost' }))
  await recorder.flushed()
  await api.start()
  recorder.record(about('n1'), { type: 'Normal', reason: 'R', message: 'kept' })
  await recorder.flushed()
  t.deepEqual(api.all(EVENTS).map(event => event['message']), ['kept'])
})
