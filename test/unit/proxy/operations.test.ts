import test from 'ava'
import { Registry } from '../../../src/ops/metrics.ts'
import { readConfig } from '../../../src/proxy/config/read-config.ts'
import { metricsEndpoints } from '../../../src/proxy/operations.ts'

test('/metrics/slis tells of the health check by upstream\'s names, once it was asked', async t => {
  const endpoints = metricsEndpoints(readConfig({}), new Registry())
  t.notRegex((await endpoints['/metrics/slis']!()).body, /name="ping"/)
  for (let i = 0; i < 2; i += 1) await endpoints['/healthz']!()
  const { body } = await endpoints['/metrics/slis']!()
  t.regex(body, /^kubernetes_healthcheck\{name="ping",type="healthz"\} 1$/m)
  t.regex(body, /^kubernetes_healthchecks_total\{name="ping",status="success",type="healthz"\} 2$/m)
})

test('kube-proxy\'s profiler is not there, and says so to those who switched it on', async t => {
  t.false('/debug/pprof/heap' in metricsEndpoints(readConfig({}), new Registry()))
  const endpoints = metricsEndpoints(readConfig({ enableProfiling: true }), new Registry())
  t.like(await endpoints['/debug/pprof/heap']!(), { status: 501 })
})
