// What is asked for may be forgotten: pages, lists and watches of a past that is gone (scenarios 46, 54).

import test from 'ava'
import { ApiRequests } from '../../lab/api-request.ts'
import { ApiServerLab } from '../../lab/apiserver.ts'

test('a forgotten revision is refused with 410, and clients find their way on', async t => {
  t.timeout(170_000)
  await using lab = await ApiServerLab.open({ flags: ['--etcd-compaction-interval', '1s'] })
  using api = new ApiRequests(lab)
  const path = '/api/v1/namespaces/default/configmaps'
  for (const name of ['a', 'b', 'c']) await api.post(path, { metadata: { name } })
  const first = (await api.get(`${path}?limit=1`)).json
  t.is(first.items.length, 1)
  // The newest thousand revisions are never forgotten, however old they are.
  await Promise.all(Array.from({ length: 16 }, async (_, writer) => {
    for (let i = 0; i < 70; i += 1) await api.post(path, { metadata: { name: `x-${writer}-${i}` } })
  }))
  const old = first.metadata.resourceVersion
  const deadline = Date.now() + 60_000
  while ((await api.get(`${path}?resourceVersion=${old}&resourceVersionMatch=Exact`)).code !== 410) {
    if (Date.now() > deadline) return t.fail('history was not cut')
    await new Promise(resolve => setTimeout(resolve, 100))
  }
  const exact = (await api.get(`${path}?resourceVersion=${old}&resourceVersionMatch=Exact`)).json
  t.deepEqual([exact.reason, exact.message], ['Expired', 'The resourceVersion for the provided list is too old.'])
  const page = await api.get(`${path}?limit=1&continue=${first.metadata.continue}`)
  t.deepEqual([page.code, page.json.reason], [410, 'Expired'])
  t.regex(page.json.message, /^The provided continue parameter is too old to display a consistent list result\./)
  const rest = await api.get(`${path}?continue=${page.json.metadata.continue}`)
  t.is(rest.code, 200)
  t.is(rest.json.items.length, 2 + 16 * 70)
  const [event] = await api.events(`${path}?watch=true&resourceVersion=${old}`, 1)
  t.deepEqual([event!.type, event!.object.code, event!.object.reason], ['ERROR', 410, 'Expired'])
  t.regex(event!.object.message, /^too old resource version: \d+ \(\d+\)$/)
  // Whoever lists again goes on from there.
  const now = (await api.get(path)).json.metadata.resourceVersion
  const seen = api.events(`${path}?watch=true&resourceVersion=${now}`, 1)
  await api.post(path, { metadata: { name: 'after' } })
  t.is((await seen)[0]!.object.metadata.name, 'after')
  // With Table, too: kubectl pages in chunks.
  t.is((await lab.kubectl('get', 'configmaps', '--chunk-size=200', '--no-headers')).trim().split('\n').length, 3 + 16 * 70 + 1)
})
