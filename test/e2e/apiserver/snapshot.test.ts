// A backup of a running server, and a server that goes on from it.

import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import test from 'ava'
import { ApiRequests } from '../../lab/api-request.ts'
import { ApiServerLab } from '../../lab/apiserver.ts'

const weft = (...args: readonly string[]): string => execFileSync(process.execPath, [join(import.meta.dirname, '..', '..', '..', 'src', 'main.ts'), 'apiserver', ...args], { encoding: 'utf8' })

test('what a snapshot holds is served again, nothing written later is, and old watches are told to list again', async t => {
  await using lab = await ApiServerLab.open()
  using api = new ApiRequests(lab)
  const kept = (await api.post('/api/v1/namespaces/default/services', { metadata: { name: 'kept' }, spec: { ports: [{ port: 80 }] } })).json
  t.regex(weft('snapshot', 'save', lab.path('snapshot'), '--data-dir', lab.path('store')), /saved revision \d+/)
  const later = (await api.post('/api/v1/namespaces/default/configmaps', { metadata: { name: 'later' } })).json
  await lab.stop()
  t.regex(weft('snapshot', 'restore', lab.path('snapshot'), '--data-dir', lab.path('restored')), /goes on at revision \d+/)
  await using second = await ApiServerLab.open({ beside: lab, flags: ['--data-dir', lab.path('restored')] })
  using again = new ApiRequests(second)
  const found = (await again.get('/api/v1/namespaces/default/services/kept')).json
  t.deepEqual([found.metadata.uid, found.spec.clusterIP, found.metadata.resourceVersion], [kept.metadata.uid, kept.spec.clusterIP, kept.metadata.resourceVersion])
  t.is((await again.get('/api/v1/namespaces/default/configmaps/later')).code, 404)
  const [told] = await again.events(`/api/v1/configmaps?watch=true&resourceVersion=${later.metadata.resourceVersion}`, 1)
  t.deepEqual([told!.type, told!.object.code, told!.object.reason], ['ERROR', 410, 'Expired'])
  const next = (await again.post('/api/v1/namespaces/default/configmaps', { metadata: { name: 'next' } })).json
  t.true(Number(next.metadata.resourceVersion) > Number(later.metadata.resourceVersion))
})
