import test from 'ava'
import { ask } from '../../../src/cluster/echo/ask.ts'
import { openEchoServer } from '../../../src/cluster/echo/echo-server.ts'
import { openLab } from '../../lab/lab.ts'
import { spawnInNetns } from '../../lab/processes.ts'
import { once } from 'node:events'
import { join } from 'node:path'

const MAIN = join(import.meta.dirname, '..', '..', '..', 'src', 'main.ts')
const { signal } = new AbortController()

test('an echo server is asked from inside a namespace', async t => {
  await using lab = await openLab({ hosts: 2 })
  const server = spawnInNetns(lab.host(2).netns, [process.execPath, MAIN, 'echo', '--pod', 'p', '--host', 'h'], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(server.stdout!, 'data')
  const answer = await ask(`http://${lab.host(2).address}:8080/`, { netns: lab.host(1).netns, timeoutMs: 2_000, signal })
  t.deepEqual([answer.pod, answer.host], ['p', 'h'])
  t.true(answer.client.startsWith(`${lab.host(1).address}:`), answer.client)
  server.kill()
})

test('an IPv6 echo server is asked by its address', async t => {
  await using server = await openEchoServer({ pod: 'p', host: 'h', httpPort: 0, tcpPort: 0, udpPort: 0 })
  t.regex((await ask(`http://[::1]:${server.httpPort}/`, { netns: '/proc/self/ns/net', timeoutMs: 2_000, signal })).client, /^\[::1\]:/)
})

test('silence and refusal are errors that name the URL', async t => {
  await using lab = await openLab({ hosts: 1 })
  await t.throwsAsync(ask(`http://${lab.host(1).address}:8080/`, { netns: lab.host(1).netns, timeoutMs: 1_000, signal }), { code: 'ECHO_FAILED', message: /:8080\/: .*ECONNREFUSED/ })
  await t.throwsAsync(ask('http://172.30.0.77:8080/', { netns: lab.host(1).netns, timeoutMs: 100, signal }), { code: 'ECHO_FAILED', message: /no answer within 0\.1 s/ })
})
