// Health check node ports on the loopback of this process.

import { createServer } from 'node:net'
import { once } from 'node:events'
import test from 'ava'
import { silentLog } from '../../../src/ops/log.ts'
import { HealthCheckServers, type HealthCheck } from '../../../src/proxy/health/health-check-servers.ts'

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

const open = (refused: string[], healthy = () => true): HealthCheckServers =>
  new HealthCheckServers({ hosts: ['127.0.0.1'], proxyHealthy: healthy, onRefused: check => refused.push(check.name), log: silentLog() })

const check = (name: string, port: number, localEndpoints = 1): HealthCheck => ({ namespace: 'ns', name, port, localEndpoints })
const ask = async (port: number): Promise<{ status: number; weight: string | null; name: string }> => {
  const response = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST' })
  const body = (await response.json()) as { service: { name: string } }
  return { status: response.status, weight: response.headers.get('x-load-balancing-endpoint-weight'), name: body.service.name }
}

test('of two services with one health check port the first keeps it, and the second gets it when the first is gone (scenario 122)', async t => {
  const port = await freePort()
  const refused: string[] = []
  await using servers = open(refused)
  await servers.update([check('b', port, 3)])
  await servers.update([check('b', port, 3), check('a', port)])
  await servers.update([check('b', port, 3), check('a', port)])
  t.deepEqual(await ask(port), { status: 200, weight: '3', name: 'b' })
  t.deepEqual(refused, ['a'])
  await servers.update([check('a', port)])
  t.deepEqual(await ask(port), { status: 200, weight: '1', name: 'a' })
  await servers.update([])
  await t.throwsAsync(ask(port))
})

test('a port that a stranger holds is reported once and taken when it is free', async t => {
  const stranger = createServer().listen(0, '127.0.0.1')
  await once(stranger, 'listening')
  const { port } = stranger.address() as { port: number }
  const refused: string[] = []
  await using servers = open(refused)
  await servers.update([check('a', port)])
  await servers.update([check('a', port)])
  t.deepEqual(refused, ['a'])
  stranger.close()
  await once(stranger, 'close')
  await servers.update([check('a', port)])
  t.is((await ask(port)).status, 200)
})

test('an unhealthy proxy or no local endpoint is answered 503 with the true count (scenario 120)', async t => {
  const port = await freePort()
  let healthy = false
  await using servers = open([], () => healthy)
  await servers.update([check('a', port, 2)])
  t.deepEqual(await ask(port), { status: 503, weight: '2', name: 'a' })
  healthy = true
  await servers.update([check('a', port, 0)])
  t.deepEqual(await ask(port), { status: 503, weight: '0', name: 'a' })
})
