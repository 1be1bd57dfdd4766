import test, { type ExecutionContext } from 'ava'
import { readFileSync } from 'node:fs'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { ApiError, TransportError, isAlreadyExists, isConflict, isGone, isNotFound } from '../../../src/client/errors.ts'
import { certificateCredentials } from '../../../src/client/kubeconfig/credentials.ts'
import { CONFIG_MAPS, PODS, type Resource } from '../../../src/client/resources.ts'
import { startInformer } from '../../../src/client/informer/informer.ts'
import { silentLog } from '../../../src/ops/log.ts'
import { FakeApi, FIXTURES, answer, status, type FakeOptions } from './fake-api.ts'
import { clientFor, eventually } from './harness.ts'

const signal = new AbortController().signal
const MAPS = '/api/v1/configmaps'
const map = (name: string) => ({ metadata: { name, namespace: 'default' }, data: { a: '1' } })

async function serve(t: ExecutionContext, options: FakeOptions = {}): Promise<FakeApi> {
  const api = await new FakeApi(options).start()
  t.teardown(() => api[Symbol.asyncDispose]())
  return api
}

/** A server in front of which every byte can be stopped, as by a firewall that drops without a word. */
async function mutableWire(t: ExecutionContext, port: number): Promise<{ port: number; mute: () => void }> {
  let muted = false
  const sockets: Socket[] = []
  const { connect } = await import('node:net')
  const server: Server = createServer(inside => {
    const outside = connect(port, '127.0.0.1')
    sockets.push(inside, outside)
    for (const [from, to] of [[inside, outside], [outside, inside]] as const) {
      from.on('data', chunk => {
        if (!muted) to.write(chunk)
      })
      from.on('error', () => {})
      from.on('close', () => !muted && to.destroy())
    }
  })
  await new Promise<void>(resolve => void server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return { port: (server.address() as AddressInfo).port, mute: () => void (muted = true) }
}

for (const [name, options, version] of [
  ['plain HTTP', {}, '1.1'],
  ['TLS with HTTP/2', { tls: true }, '2.0'],
  ['TLS with HTTP/1.1 only', { tls: true, http2: false }, '1.1'],
] as const) {
  test(`objects are created, read, changed, listed and deleted over ${name}`, async t => {
    const api = await serve(t, options)
    await using client = clientFor(api.url)
    const made = await client.create(CONFIG_MAPS, map('a'), { signal })
    t.is(made.kind, 'ConfigMap')
    t.is((await client.get(CONFIG_MAPS, { name: 'a', namespace: 'default' }, { signal })).metadata.uid, made.metadata.uid)
    const patched = await client.patch(CONFIG_MAPS, made.metadata, { type: 'merge', body: { data: { b: '2' } } }, { signal })
    t.deepEqual(patched.data, { a: '1', b: '2' })
    t.is(api.seen.at(-1)?.headers['content-type'], 'application/merge-patch+json')
    await t.throwsAsync(client.update(CONFIG_MAPS, made, { signal }), { instanceOf: ApiError, message: /has been modified/ })
    t.is((await client.list(CONFIG_MAPS, { namespace: 'default', signal })).items.length, 1)
    await client.delete(CONFIG_MAPS, made.metadata, { signal, preconditions: { uid: made.metadata.uid } })
    t.true(isNotFound(await t.throwsAsync(client.get(CONFIG_MAPS, made.metadata, { signal }))))
    t.true(api.seen.every(seen => seen.httpVersion === version), api.seen.map(seen => seen.httpVersion).join())
    t.is(api.seen[0]?.headers['user-agent'], 'weft-test/0')
  })

  test(`a hundred requests at once are all answered over ${name}`, async t => {
    const api = await serve(t, options)
    api.put(MAPS, map('a'))
    await using client = clientFor(api.url)
    const answers = await Promise.all(Array.from({ length: 100 }, () => client.get(CONFIG_MAPS, { name: 'a', namespace: 'default' }, { signal })))
    t.is(answers.length, 100)
    if (version === '2.0') t.is(api.connections, 1)
  })

  test(`a long body arrives whole over ${name}`, async t => {
    const api = await serve(t, options)
    const data = { big: 'ü'.repeat(3_000_000) }
    api.put(MAPS, { ...map('a'), data })
    await using client = clientFor(api.url)
    t.deepEqual((await client.get(CONFIG_MAPS, { name: 'a', namespace: 'default' }, { signal })).data, data)
  })

  test(`aborting ends a request and a watch at once over ${name}`, async t => {
    const api = await serve(t, options)
    await using client = clientFor(api.url)
    api.intercept = seen => seen.path.endsWith('/hang')
    const stop = new AbortController()
    const reason = new Error('enough')
    const hanging = client.get(CONFIG_MAPS, { name: 'hang', namespace: 'default' }, { signal: stop.signal })
    const watching = (async () => {
      for await (const event of client.watch(PODS, { signal: stop.signal, resourceVersion: '0' })) void event
    })()
    await eventually(() => api.watching === 1 && api.seen.length === 2)
    stop.abort(reason)
    t.is(await t.throwsAsync(hanging), reason)
    t.is(await t.throwsAsync(watching), reason)
    await eventually(() => api.watching === 0)
  })

  test(`a request after the server closed or cut the connection succeeds over ${name}`, async t => {
    const api = await serve(t, options)
    api.put(MAPS, map('a'))
    await using client = clientFor(api.url)
    for (let round = 0; round < 5; round += 1) {
      t.is((await client.get(CONFIG_MAPS, { name: 'a', namespace: 'default' }, { signal })).metadata.name, 'a')
      await api.stop()
      await t.throwsAsync(client.get(CONFIG_MAPS, { name: 'a', namespace: 'default' }, { signal }), { instanceOf: TransportError, code: 'API_UNREACHABLE' })
      await api.start()
    }
  })

  test(`a deadline passes over ${name}`, async t => {
    const api = await serve(t, options)
    api.intercept = () => true
    await using client = clientFor(api.url)
    const error = await t.throwsAsync(client.get(CONFIG_MAPS, { name: 'a', namespace: 'default' }, { signal, timeoutMs: 50 }), { instanceOf: TransportError })
    t.regex(error!.message, /no answer within 50 ms/)
  })
}

test('error answers become typed errors, also when they are not Status objects', async t => {
  const api = await serve(t)
  await using client = clientFor(api.url)
  const get = () => client.get(CONFIG_MAPS, { name: 'a', namespace: 'default' }, { signal })
  api.intercept = (_, reply) => (status(reply, 409, 'AlreadyExists', 'exists'), true)
  t.true(isAlreadyExists(await t.throwsAsync(get())))
  api.intercept = (_, reply) => (status(reply, 409, 'Conflict', 'moved on'), true)
  t.true(isConflict(await t.throwsAsync(get())))
  api.intercept = (_, reply) => (status(reply, 410, 'Expired', 'too old'), true)
  t.true(isGone(await t.throwsAsync(get())))
  api.intercept = (_, reply) => (status(reply, 429, 'TooManyRequests', 'slower', { 'retry-after': '7' }), true)
  t.like(await t.throwsAsync(get()), { retryAfterMs: 7_000, retryable: true })
  api.intercept = (_, reply) => (reply.writeHead(404, { 'content-type': 'text/plain' }).end('404 page not found\n'), true)
  t.like(await t.throwsAsync(get()), { status: 404, message: '404 page not found', reason: '' })
  api.intercept = (_, reply) => (answer(reply, 200, '<html>'), true)
  t.regex((await t.throwsAsync(get(), { instanceOf: TransportError }))!.message, /not JSON/)
})

test('a client certificate from files is presented', async t => {
  const api = await serve(t, { tls: true })
  const credentials = certificateCredentials({ cert: { file: `${FIXTURES}/client-cert.pem` }, key: { pem: readFileSync(`${FIXTURES}/client-key.pem`, 'utf8') } })
  await using client = clientFor(api.url, { config: { credentials } })
  const names: string[] = []
  api.intercept = (_, reply) => {
    const { stream } = reply as unknown as { stream: { session: { socket: { getPeerCertificate(): { subject?: { CN?: string } } } } } }
    names.push(stream.session.socket.getPeerCertificate().subject?.CN ?? '')
    return false
  }
  await client.list(CONFIG_MAPS, { signal })
  t.deepEqual(names, ['weft test client'])
})

test('a server whose certificate is not ours to trust is refused, unless told otherwise', async t => {
  const api = await serve(t, { tls: true })
  const trust = { ca: undefined, serverName: undefined, insecureSkipVerify: false }
  await using strict = clientFor(api.url, { config: { trust } })
  await t.throwsAsync(strict.list(CONFIG_MAPS, { signal }), { instanceOf: TransportError, message: /certificate/ })
  await using lax = clientFor(api.url, { config: { trust: { ...trust, insecureSkipVerify: true } } })
  t.deepEqual((await lax.list(CONFIG_MAPS, { signal })).items, [])
})

test('tls-server-name is what the certificate is checked against', async t => {
  const api = await serve(t, { tls: true })
  const ca = { file: `${FIXTURES}/ca-cert.pem` }
  await using good = clientFor(api.url, { config: { trust: { ca, serverName: 'weft.test', insecureSkipVerify: false } } })
  t.deepEqual((await good.list(CONFIG_MAPS, { signal })).items, [])
  await using bad = clientFor(api.url, { config: { trust: { ca, serverName: 'other.test', insecureSkipVerify: false } } })
  await t.throwsAsync(bad.list(CONFIG_MAPS, { signal }), { instanceOf: TransportError, message: /other\.test/ })
})

test('a wire that falls silent is given up when a ping stays unanswered', async t => {
  const api = await serve(t, { tls: true })
  const wire = await mutableWire(t, Number(new URL(api.url).port))
  await using client = clientFor(`https://127.0.0.1:${wire.port}`, { transport: { ping: { intervalMs: 100, timeoutMs: 1_500 } } })
  const seen: string[] = []
  const watching = (async () => {
    for await (const event of client.watch(CONFIG_MAPS, { signal, resourceVersion: '0' })) if (event.type !== 'BOOKMARK') seen.push(event.object.metadata.name)
  })()
  await eventually(() => api.watching === 1)
  api.put(MAPS, map('a'))
  await eventually(() => seen.length === 1)
  wire.mute()
  await t.throwsAsync(watching, { instanceOf: TransportError, message: /ping/ })
})

test('more watches than a connection may carry do not hold up requests', async t => {
  const api = await serve(t, { tls: true, maxStreams: 10 })
  api.put(MAPS, map('a'))
  await using client = clientFor(api.url)
  const stop = new AbortController()
  // The first exchange tells the limit.
  await client.get(CONFIG_MAPS, { name: 'a', namespace: 'default' }, { signal })
  const watches = Array.from({ length: 35 }, async () => {
    for await (const event of client.watch(CONFIG_MAPS, { signal: stop.signal, resourceVersion: '0' })) void event
  })
  for (const watch of watches) watch.catch(() => {})
  await eventually(() => api.watching === 35, () => api.watching)
  const answers = await Promise.all(Array.from({ length: 20 }, () => client.get(CONFIG_MAPS, { name: 'a', namespace: 'default' }, { signal, timeoutMs: 5_000 })))
  t.is(answers.length, 20)
  t.true(api.connections >= 4 && api.connections <= 8, String(api.connections))
  stop.abort()
  await Promise.allSettled(watches)
})

test('an outage of any length is logged once, and its end once', async t => {
  const lines: string[] = []
  const log = silentLog()
  const told = Object.assign(Object.create(log) as typeof log, {
    child: () => told,
    warn: (_: unknown, message: string) => lines.push(`warn ${message}`),
    info: (_: unknown, message: string) => lines.push(`info ${message}`),
  })
  const api = await serve(t)
  await using client = clientFor(api.url, { log: told })
  const stop = new AbortController()
  const timing = { backoff: { initialMs: 2, maxMs: 5, factor: 2, jitter: 0 } }
  const informers = [PODS as Resource, CONFIG_MAPS as Resource].map(resource => startInformer({ client, resource, log: silentLog(), timing, signal: stop.signal }))
  await Promise.all(informers.map(informer => informer.synced))
  await api.stop()
  await eventually(() => (client.outages.current()[0]?.failures ?? 0) > 20)
  await api.start()
  await eventually(() => api.watching === 2)
  await eventually(() => client.outages.current().length === 0)
  stop.abort()
  await Promise.all(informers.map(informer => informer.stopped))
  t.deepEqual(lines, ['warn api server unreachable', 'info api server reachable again'])
})
