import test from 'ava'
import { HttpEndpoints } from '../../../src/ops/http-endpoints.ts'
import { silentLog } from '../../../src/ops/log.ts'
import { Gauge, openMetrics } from '../../../src/ops/metrics.ts'

test('health and metrics are answered by exact path, everything else with 404, and a failing one with 500', async t => {
  const metrics = openMetrics()
  new Gauge({ name: 'weft_test_peers', help: 'x', registers: [metrics] }).set(3)
  await using server = await HttpEndpoints.open({
    host: '127.0.0.1', port: 0, log: silentLog(),
    endpoints: {
      '/healthz': () => ({ status: 200, body: 'ok' }),
      '/metrics': async () => ({ status: 200, body: await metrics.metrics(), contentType: metrics.contentType }),
      '/broken': () => Promise.reject(new Error('broken on purpose')),
    },
  })
  const get = async (path: string, method = 'GET') => {
    const response = await fetch(`http://127.0.0.1:${server.port}${path}`, { method })
    return `${response.status} ${await response.text()}`
  }
  t.is(await get('/healthz?verbose'), '200 ok')
  t.regex(await get('/metrics'), /^200 [^]*weft_test_peers 3/)
  t.regex(await get('/toString'), /^404/)
  t.regex(await get('/healthz', 'POST'), /^405/)
  t.regex(await get('/broken'), /^500 broken on purpose/)
})

test('a port that is taken is an error that names it', async t => {
  await using server = await HttpEndpoints.open({ host: '127.0.0.1', port: 0, endpoints: {}, log: silentLog() })
  await t.throwsAsync(HttpEndpoints.open({ host: '127.0.0.1', port: server.port, endpoints: {}, log: silentLog() }), { code: 'LISTEN_FAILED', message: new RegExp(String(server.port)) })
})
