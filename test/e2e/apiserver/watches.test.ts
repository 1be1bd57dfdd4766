// Watches over the wire: order, selectors, initial events, bookmarks, time limits, the end of history.

import test from 'ava'
import { ApiRequests } from '../../lab/api-request.ts'
import { ApiServerLab } from '../../lab/apiserver.ts'

const lab = await ApiServerLab.open()
const api = new ApiRequests(lab)
test.after.always(async () => {
  api[Symbol.dispose]()
  await lab[Symbol.asyncDispose]()
})

const namespace = async (name: string): Promise<string> => {
  await api.post('/api/v1/namespaces', { metadata: { name } })
  return `/api/v1/namespaces/${name}`
}
const now = async (ns: string): Promise<string> => (await api.get(`${ns}/configmaps`)).json.metadata.resourceVersion

test('a hundred writes are a hundred events in order (scenario 49)', async t => {
  const ns = await namespace('hundred')
  const from = await now(ns)
  const seen = api.events(`${ns}/configmaps?watch=true&resourceVersion=${from}`, 100)
  await Promise.all(Array.from({ length: 100 }, (_, i) => api.post(`${ns}/configmaps`, { metadata: { name: `c${i}` } })))
  const events = await seen
  const versions = events.map(event => Number(event.object.metadata.resourceVersion))
  t.deepEqual(versions, [...new Set(versions)].sort((a, b) => a - b))
  t.is(new Set(events.map(event => event.object.metadata.name)).size, 100)
})

test('to a selector, an object comes when it starts to match and goes when it stops (scenario 50)', async t => {
  const ns = await namespace('selected')
  const from = await now(ns)
  await api.post(`${ns}/configmaps`, { metadata: { name: 'c' } })
  await api.patch(`${ns}/configmaps/c`, 'merge', { metadata: { labels: { a: 'b' } } })
  await api.patch(`${ns}/configmaps/c`, 'merge', { data: { x: '1' } })
  const removed = (await api.patch(`${ns}/configmaps/c`, 'merge', { metadata: { labels: { a: null } } })).json
  await api.delete(`${ns}/configmaps/c`)
  await api.post(`${ns}/configmaps`, { metadata: { name: 'last', labels: { a: 'b' } } })
  const events = await api.events(`${ns}/configmaps?watch=true&resourceVersion=${from}&labelSelector=a%3Db`, 4)
  t.deepEqual(events.map(event => [event.type, event.object.metadata.name]), [['ADDED', 'c'], ['MODIFIED', 'c'], ['DELETED', 'c'], ['ADDED', 'last']])
  t.deepEqual(events[2]!.object.metadata.labels, { a: 'b' })
  t.is(events[2]!.object.metadata.resourceVersion, removed.metadata.resourceVersion)
})

test('binding a pod adds it to the watch of its node (scenarios 51, 67)', async t => {
  const ns = await namespace('binding')
  const from = await now(ns)
  const seen = api.events(`${ns}/pods?watch=true&resourceVersion=${from}&fieldSelector=spec.nodeName%3Dn1`, 1)
  await api.post(`${ns}/pods`, { metadata: { name: 'p' }, spec: { containers: [{ name: 'c', image: 'nginx' }] } })
  const binding = { metadata: { name: 'p' }, target: { kind: 'Node', name: 'n1' } }
  t.is((await api.post(`${ns}/pods/p/binding`, binding)).code, 201)
  const [event] = await seen
  t.is(event!.type, 'ADDED')
  t.is(event!.object.spec.nodeName, 'n1')
  t.is(event!.object.status.conditions.find((condition: any) => condition.type === 'PodScheduled').status, 'True')
  const twice = await api.post(`${ns}/pods/p/binding`, binding)
  t.is(twice.code, 409)
  t.regex(twice.json.message, /Operation cannot be fulfilled on pods\/binding "p": pod p is already assigned to node "n1"/)
})

test('initial events end with their bookmark, then the present follows (scenario 52)', async t => {
  const ns = await namespace('initial')
  for (const name of ['a', 'b']) await api.post(`${ns}/configmaps`, { metadata: { name } })
  const query = 'watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan'
  const seen = api.events(`${ns}/configmaps?${query}&allowWatchBookmarks=true`, 4)
  await new Promise(resolve => setTimeout(resolve, 200))
  await api.post(`${ns}/configmaps`, { metadata: { name: 'c' } })
  const events = await seen
  t.deepEqual(events.map(event => event.type), ['ADDED', 'ADDED', 'BOOKMARK', 'ADDED'])
  t.deepEqual(events[2]!.object.metadata.annotations, { 'k8s.io/initial-events-end': 'true' })
  t.deepEqual([events[2]!.object.kind, events[2]!.object.apiVersion], ['ConfigMap', 'v1'])
  const plain: string[] = []
  for await (const event of api.watch(`${ns}/configmaps?${query}&timeoutSeconds=1`)) plain.push(event.type)
  t.deepEqual(plain, ['ADDED', 'ADDED', 'ADDED'])
  t.is((await api.get(`${ns}/configmaps?watch=true&sendInitialEvents=true`)).code, 422)
  t.is((await api.get(`${ns}/configmaps?sendInitialEvents=true`)).code, 422)
})

test('a watch ends after its time, without an error, and its headers come before any event (scenario 55)', async t => {
  const ns = await namespace('timed')
  const from = await now(ns)
  const started = performance.now()
  const answer = await api.get(`${ns}/configmaps?watch=true&resourceVersion=${from}&timeoutSeconds=1`)
  t.is(answer.code, 200)
  t.is(answer.text, '')
  t.true(performance.now() - started > 900 && performance.now() - started < 3000)
})

test('the watch of a table names its columns once (scenario 56)', async t => {
  const ns = await namespace('table')
  for (const name of ['a', 'b']) await api.post(`${ns}/pods`, { metadata: { name }, spec: { containers: [{ name: 'c', image: 'nginx' }] } })
  const events = await api.events(`${ns}/pods?watch=true&resourceVersion=0`, 2, { headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' } })
  t.deepEqual(events.map(event => event.object.kind), ['Table', 'Table'])
  t.true(events[0]!.object.columnDefinitions.length > 4)
  t.falsy(events[1]!.object.columnDefinitions)
  t.is(events[1]!.object.rows[0].cells[0], 'b')
})

test('events of both groups are one storage in two forms (scenario 60)', async t => {
  const ns = await namespace('events')
  const made = await api.post('/apis/events.k8s.io/v1/namespaces/events/events', {
    metadata: { name: 'e' }, eventTime: '2026-01-01T00:00:00.000000Z', reportingController: 'weft/test', reportingInstance: 'i', action: 'Do', reason: 'Done',
    regarding: { kind: 'Pod', name: 'p', namespace: 'events' }, note: 'hello', type: 'Normal',
  })
  t.is(made.code, 201, made.text)
  const core = (await api.get(`${ns}/events/e`)).json
  t.deepEqual([core.apiVersion, core.involvedObject.name, core.message, core.reportingComponent], ['v1', 'p', 'hello', 'weft/test'])
  t.is((await api.get(`${ns}/events?fieldSelector=involvedObject.name%3Dp`)).json.items.length, 1)
  const [watched] = await api.events('/apis/events.k8s.io/v1/namespaces/events/events?watch=true&resourceVersion=0', 1)
  t.is(watched!.object.note, 'hello')
})
