import test, { type ExecutionContext } from 'ava'
import type { Pod } from 'kubernetes-types/core/v1.js'
import { startInformer, type Informer } from '../../../src/client/informer/informer.ts'
import type { Stored } from '../../../src/client/objects.ts'
import { PODS } from '../../../src/client/resources.ts'
import { silentLog } from '../../../src/ops/log.ts'
import { FakeApi, status } from './fake-api.ts'
import { clientFor, eventually } from './harness.ts'

const COLLECTION = '/api/v1/pods'
const pod = (name: string, fields: Record<string, unknown> = {}) => ({ metadata: { name, namespace: 'default' }, ...fields })
/** Quick retries; nothing stalls on a machine that is merely slow. */
const TIMING = { watchSeconds: 300, stallMs: 60_000, backoff: { initialMs: 5, maxMs: 40, factor: 2, jitter: 0 } }

/** A stall limit short enough to test. */
const HASTY = { ...TIMING, stallMs: 300 }

type Setup = Readonly<{ api: FakeApi; informer: Informer<Stored<Pod>>; changes: string[] }>

async function setup(t: ExecutionContext, options: { seed?: string[]; streamingList?: boolean; timing?: object; tls?: boolean } = {}): Promise<Setup> {
  const api = await new FakeApi({ tls: options.tls === true }).start()
  for (const name of options.seed ?? []) api.put(COLLECTION, pod(name))
  const client = clientFor(api.url)
  const stop = new AbortController()
  const informer = startInformer({
    client, resource: PODS, log: silentLog(), signal: stop.signal, timing: { ...TIMING, ...options.timing },
    ...(options.streamingList !== undefined && { streamingList: options.streamingList }),
    indexes: { node: (object: Stored<Pod>) => (object.spec?.nodeName ? [object.spec.nodeName] : []) },
  })
  const changes: string[] = []
  informer.onChange(change => changes.push(`${change.type} ${change.object.metadata.name}`))
  t.teardown(async () => {
    stop.abort()
    await informer.stopped
    await client[Symbol.asyncDispose]()
    await api[Symbol.asyncDispose]()
  })
  return { api, informer, changes }
}

const same = ({ api, informer }: Setup): boolean =>
  informer.cache.size === api.all(COLLECTION).length &&
  api.all(COLLECTION).every(object => informer.cache.get(`default/${object.metadata.name}`)?.metadata.resourceVersion === object.metadata.resourceVersion)

for (const streamingList of [true, false]) {
  const how = streamingList ? 'streaming' : 'paged'

  test(`an informer lists and then follows changes in order (${how} list, specification 4.8)`, async t => {
    const s = await setup(t, { seed: ['a', 'b'], streamingList })
    await s.informer.synced
    t.deepEqual(s.changes, ['added a', 'added b'])
    s.api.put(COLLECTION, pod('c'))
    s.api.put(COLLECTION, pod('a', { spec: { nodeName: 'n1' } }))
    s.api.remove(COLLECTION, 'default', 'b')
    await eventually(() => s.changes.length === 5, () => s.changes)
    t.deepEqual(s.changes.slice(2), ['added c', 'modified a', 'deleted b'])
    t.deepEqual(s.informer.cache.byIndex('node', 'n1').map(object => object.metadata.name), ['a'])
    t.is(s.informer.cache.get('default/a')?.kind, 'Pod')
  })

  test(`a cut wire loses and repeats nothing, and does not list again (${how} list)`, async t => {
    const s = await setup(t, { seed: ['a'], streamingList })
    await s.informer.synced
    for (let round = 0; round < 20; round += 1) {
      if (round % 3 === 0) s.api.cut()
      s.api.put(COLLECTION, pod(`p${round}`))
    }
    await eventually(() => s.changes.length >= 21, () => s.changes)
    t.deepEqual(s.changes, ['added a', ...Array.from({ length: 20 }, (_, round) => `added p${round}`)])
    const lists = s.api.seen.filter(seen => seen.query.get('watch') !== 'true' || seen.query.get('sendInitialEvents') === 'true')
    t.is(lists.length, 1)
  })

  test(`a version that has left the history leads to a new list and the difference (410, ${how} list)`, async t => {
    const s = await setup(t, { seed: ['a', 'b', 'c'], streamingList })
    await s.informer.synced
    await s.api.stop()
    s.api.remove(COLLECTION, 'default', 'a')
    s.api.put(COLLECTION, pod('b', { spec: { nodeName: 'n2' } }))
    s.api.remove(COLLECTION, 'default', 'c')
    s.api.put(COLLECTION, pod('c'))
    s.api.put(COLLECTION, pod('d'))
    s.api.compacted = s.api.revision
    await s.api.start()
    await eventually(() => same(s) && s.changes.length >= 8, () => s.changes)
    t.deepEqual(s.changes.slice(3).sort(), ['added c', 'added d', 'deleted a', 'deleted c', 'modified b'])
  })
}

test('a server that refuses streaming lists is asked for pages', async t => {
  const s = await setup(t)
  await s.informer.synced
  s.api.streamingLists = false
  for (let index = 0; index < 1_203; index += 1) s.api.put(COLLECTION, pod(`p${index}`))
  s.api.cut()
  const again = startInformer({ client: clientFor(s.api.url), resource: PODS, log: silentLog(), timing: TIMING, signal: AbortSignal.timeout(8_000) })
  await again.synced
  t.is(again.cache.size, 1_203)
  const pages = s.api.seen.filter(seen => seen.query.has('limit'))
  t.deepEqual(pages.map(seen => [seen.query.get('limit'), seen.query.get('continue')]), [['500', null], ['500', '500'], ['500', '1000']])
})

test('a server whose etcd is too old for streaming lists answers 500 and is asked for pages', async t => {
  const s = await setup(t)
  s.api.put(COLLECTION, pod('a'))
  s.api.intercept = (seen, reply) => {
    if (seen.query.get('sendInitialEvents') !== 'true') return false
    status(reply, 500, 'InternalError', 'a watch stream was requested by the client but the required storage feature RequestWatchProgress is disabled')
    return true
  }
  const stop = new AbortController()
  const again = startInformer({ client: clientFor(s.api.url), resource: PODS, log: silentLog(), timing: TIMING, signal: stop.signal })
  await again.synced
  t.is(again.cache.size, 1)
  stop.abort()
  await again.stopped
})

test('a server that never ends a streaming list is asked for pages', async t => {
  const s = await setup(t)
  s.api.put(COLLECTION, pod('a'))
  s.api.intercept = (seen, reply) => {
    if (seen.query.get('sendInitialEvents') !== 'true') return false
    reply.writeHead(200)
    reply.flushHeaders()
    return true
  }
  const stop = new AbortController()
  const again = startInformer({ client: clientFor(s.api.url), resource: PODS, log: silentLog(), timing: HASTY, signal: stop.signal })
  await again.synced
  t.is(again.cache.size, 1)
  stop.abort()
  await again.stopped
})

test('a list that fails half-way leaves the cache as it was', async t => {
  const s = await setup(t, { seed: ['a', 'b'], streamingList: false })
  await s.informer.synced
  let refusals = 0
  s.api.intercept = (seen, reply) => {
    if (seen.query.get('continue') === null || refusals > 3) return false
    refusals += 1
    status(reply, 500, 'InternalError', 'no')
    return true
  }
  await s.api.stop()
  s.api.remove(COLLECTION, 'default', 'a')
  for (let index = 0; index < 600; index += 1) s.api.put(COLLECTION, pod(`p${index}`))
  s.api.compacted = s.api.revision
  await s.api.start()
  await eventually(() => refusals > 2)
  await eventually(() => same(s))
  t.deepEqual(s.changes.filter(change => change.startsWith('deleted')), ['deleted a'])
})

test('half a line before a cut is not an event; the whole line comes with the next watch', async t => {
  const s = await setup(t, { seed: ['a'] })
  await s.informer.synced
  s.api.inject('{"type":"ADDED","object":{"metadata":{"name":"gh')
  s.api.cut()
  s.api.put(COLLECTION, pod('b'))
  await eventually(() => s.changes.length === 2, () => s.changes)
  t.deepEqual(s.changes, ['added a', 'added b'])
})

test('a line that is not JSON, or an unknown event, is a failure that resumes', async t => {
  const s = await setup(t, { seed: ['a'] })
  await s.informer.synced
  s.api.inject('<html>bad gateway</html>\n')
  s.api.put(COLLECTION, pod('b'))
  await eventually(() => s.changes.length === 2, () => s.changes)
  await eventually(() => s.api.watching === 1)
  s.api.inject('{"type":"SURPRISE","object":{}}\n')
  s.api.put(COLLECTION, pod('c'))
  await eventually(() => s.changes.length === 3, () => s.changes)
  t.deepEqual(s.changes, ['added a', 'added b', 'added c'])
})

test('characters of several bytes survive being cut across chunks', async t => {
  const s = await setup(t, { seed: [] })
  await s.informer.synced
  const line = Buffer.from(`${JSON.stringify({ type: 'ADDED', object: { metadata: { name: 'x', namespace: 'default', uid: 'u', resourceVersion: '9', annotations: { note: 'Füße 🧶' } } } })}\n`)
  for (const byte of line) {
    s.api.inject(Buffer.from([byte]) as unknown as string)
    await new Promise(resolve => setImmediate(resolve))
  }
  await eventually(() => s.informer.cache.size === 1)
  t.is(s.informer.cache.get('default/x')?.metadata.annotations?.['note'], 'Füße 🧶')
})

test('a watch that is muted for longer than the server may keep it is opened anew', async t => {
  const s = await setup(t, { seed: ['a'], timing: { watchSeconds: 0, stallMs: 300 } })
  await s.informer.synced
  s.api.mute()
  s.api.put(COLLECTION, pod('b'))
  await eventually(() => s.changes.length === 2, () => s.changes)
  t.deepEqual(s.changes, ['added a', 'added b'])
})

test('bookmarks move the point from which a watch resumes', async t => {
  const s = await setup(t, { seed: ['a'] })
  await s.informer.synced
  for (let index = 0; index < 5; index += 1) s.api.put('/api/v1/configmaps', { metadata: { name: `c${index}`, namespace: 'default' } })
  s.api.bookmark(COLLECTION)
  await new Promise(resolve => setTimeout(resolve, 50))
  s.api.compacted = s.api.revision
  s.api.cut()
  await eventually(() => s.api.seen.at(-1)?.query.get('resourceVersion') === '6', () => s.api.seen.at(-1)?.query.get('resourceVersion'))
  s.api.put(COLLECTION, pod('b'))
  await eventually(() => s.changes.length === 2, () => s.changes)
  t.pass()
})

test('a server that is ahead of us no longer (restored backup) leads to a new list', async t => {
  const s = await setup(t, { seed: ['a'] })
  await s.informer.synced
  let refused = 0
  s.api.intercept = (seen, reply) => {
    if (seen.query.get('watch') !== 'true' || (seen.query.get('resourceVersion') ?? '') === '') return false
    refused += 1
    reply.writeHead(504, { 'content-type': 'application/json' })
    reply.end(JSON.stringify({ kind: 'Status', code: 504, reason: 'Timeout', details: { causes: [{ reason: 'ResourceVersionTooLarge' }] } }))
    return true
  }
  s.api.cut()
  await eventually(() => refused === 1 && s.api.watching === 1, () => refused)
  s.api.put(COLLECTION, pod('b'))
  await eventually(() => s.changes.length === 2, () => s.changes)
  t.is(refused, 1)
})

test('an object that was deleted and made again while we were away is told as deleted and added', async t => {
  const s = await setup(t, { seed: ['a'] })
  await s.informer.synced
  const first = s.informer.cache.get('default/a')!.metadata.uid
  await s.api.stop()
  s.api.remove(COLLECTION, 'default', 'a')
  s.api.put(COLLECTION, pod('a'))
  s.api.compacted = s.api.revision
  await s.api.start()
  await eventually(() => s.changes.length === 3, () => s.changes)
  t.deepEqual(s.changes, ['added a', 'deleted a', 'added a'])
  t.not(s.informer.cache.get('default/a')!.metadata.uid, first)
})

test('watches that the server ends at once are not asked for in a tight loop', async t => {
  const s = await setup(t, { seed: ['a'], timing: { backoff: { initialMs: 100, maxMs: 100, factor: 1, jitter: 0 } } })
  await s.informer.synced
  s.api.intercept = (seen, reply) => {
    if (seen.query.get('watch') !== 'true') return false
    reply.writeHead(200)
    reply.end()
    return true
  }
  const before = s.api.seen.length
  s.api.endWatches()
  await new Promise(resolve => setTimeout(resolve, 450))
  t.true(s.api.seen.length - before <= 6, `${s.api.seen.length - before} watches in 450 ms`)
})

test('a listener that throws does not stop the others, nor the informer', async t => {
  const s = await setup(t, { seed: ['a'] })
  s.informer.onChange(() => {
    throw new Error('broken listener')
  })
  await s.informer.synced
  s.api.put(COLLECTION, pod('b'))
  await eventually(() => s.informer.cache.size === 2)
  t.pass()
})

test('a late listener is told of everything there is, and of nothing after it unsubscribes', async t => {
  const s = await setup(t, { seed: ['a', 'b'] })
  await s.informer.synced
  const late: string[] = []
  const unsubscribe = s.informer.onChange(change => late.push(`${change.type} ${change.key}`))
  t.deepEqual(late, ['added default/a', 'added default/b'])
  unsubscribe()
  s.api.put(COLLECTION, pod('c'))
  await eventually(() => s.changes.length === 3)
  t.is(late.length, 2)
})

test('an informer that is stopped before it synced says so', async t => {
  const client = clientFor('http://127.0.0.1:9')
  const stop = new AbortController()
  const informer = startInformer({ client, resource: PODS, log: silentLog(), timing: TIMING, signal: stop.signal })
  stop.abort(new Error('enough'))
  await t.throwsAsync(informer.synced, { message: 'enough' })
  await informer.stopped
})
