// Lists, paging, selectors, tables and content types over the wire.

import test from 'ava'
import { ApiRequests } from '../../lab/api-request.ts'
import { ApiServerLab } from '../../lab/apiserver.ts'

const lab = await ApiServerLab.open()
const api = new ApiRequests(lab)
test.after.always(async () => {
  api[Symbol.dispose]()
  await lab[Symbol.asyncDispose]()
})

const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json'
const namespace = async (name: string): Promise<string> => {
  await api.post('/api/v1/namespaces', { metadata: { name } })
  return `/api/v1/namespaces/${name}`
}
const pod = (name: string, labels: Record<string, string> = {}) => ({ metadata: { name, labels }, spec: { containers: [{ name: 'c', image: 'nginx' }] } })

test('pages of one list show one revision, end, and say how much remains (scenario 45)', async t => {
  const ns = await namespace('paging')
  for (const name of ['a', 'b', 'c', 'd', 'e']) t.is((await api.post(`${ns}/pods`, pod(name, { x: 'y' }))).code, 201)
  const sizes: number[] = []
  const versions = new Set<string>()
  let token = ''
  let remaining: (number | undefined)[] = []
  do {
    const page = (await api.get(`${ns}/pods?limit=2&continue=${token}`)).json
    sizes.push(page.items.length)
    versions.add(page.metadata.resourceVersion)
    remaining.push(page.metadata.remainingItemCount)
    token = page.metadata.continue ?? ''
    await api.post(`${ns}/configmaps`, { metadata: { generateName: 'noise-' } })
  } while (token !== '')
  t.deepEqual(sizes, [2, 2, 1])
  t.deepEqual(remaining, [3, 1, undefined])
  t.is(versions.size, 1)
  const selected = (await api.get(`${ns}/pods?limit=2&labelSelector=x%3Dy`)).json
  t.is(selected.items.length, 2)
  t.true('continue' in selected.metadata)
  t.false('remainingItemCount' in selected.metadata)
  t.is((await api.get(`${ns}/pods?limit=2&continue=garbage`)).code, 400)
})

test('an empty list has items and the newest revision, which other writes move on (scenario 48)', async t => {
  const first = (await api.get('/apis/storage.k8s.io/v1/storageclasses')).json
  t.deepEqual(first.items, [])
  await api.post('/api/v1/namespaces/default/configmaps', { metadata: { generateName: 'move-' } })
  const second = (await api.get('/apis/storage.k8s.io/v1/storageclasses')).json
  t.true(Number(second.metadata.resourceVersion) > Number(first.metadata.resourceVersion))
})

test('a revision of the future is waited for, then refused; a past one is shown exactly (scenario 47)', async t => {
  const ns = await namespace('exact')
  const made = (await api.post(`${ns}/configmaps`, { metadata: { name: 'a' }, data: { v: '1' } })).json
  await api.patch(`${ns}/configmaps/a`, 'merge', { data: { v: '2' } })
  await api.post(`${ns}/configmaps`, { metadata: { name: 'b' } })
  const exact = (await api.get(`${ns}/configmaps?resourceVersion=${made.metadata.resourceVersion}&resourceVersionMatch=Exact`)).json
  t.deepEqual(exact.items.map((item: any) => [item.metadata.name, item.data?.v]), [['a', '1']])
  t.is(exact.metadata.resourceVersion, made.metadata.resourceVersion)
  const started = performance.now()
  const future = await api.get(`${ns}/configmaps?resourceVersion=${Number(made.metadata.resourceVersion) + 100_000}`)
  t.is(future.code, 504)
  t.is(future.json.details.causes[0].reason, 'ResourceVersionTooLarge')
  t.true(performance.now() - started < 4500)
  const bad = await api.get(`${ns}/configmaps?resourceVersionMatch=Exact`)
  t.is(bad.code, 422)
  t.is(bad.json.details.causes[0].field, 'resourceVersionMatch')
  t.is((await api.get(`${ns}/configmaps?resourceVersion=x`)).code, 400)
})

test('label and field selectors filter, and bad ones are refused (scenarios 51, 58)', async t => {
  const ns = await namespace('selectors')
  await api.post(`${ns}/pods`, pod('one', { tier: 'a' }))
  await api.post(`${ns}/pods`, pod('two', { tier: 'b', x: '1' }))
  const names = async (query: string): Promise<string[]> => (await api.get(`${ns}/pods?${query}`)).json.items.map((item: any) => item.metadata.name)
  t.deepEqual(await names('labelSelector=tier+in+(a,b),!x'), ['one'])
  t.deepEqual(await names('fieldSelector=metadata.name%3Dtwo'), ['two'])
  t.deepEqual(await names('fieldSelector=status.phase!%3DPending'), [])
  t.deepEqual(await names('fieldSelector=spec.nodeName%3D'), ['one', 'two'])
  const badLabel = await api.get(`${ns}/pods?labelSelector=a+in`)
  t.is(badLabel.code, 400)
  t.regex(badLabel.json.message, /unable to parse requirement/)
  const badField = await api.get(`${ns}/pods?fieldSelector=spec.foo%3D1`)
  t.is(badField.code, 400)
  t.regex(badField.json.message, /field label not supported: spec\.foo/)
})

test('tables and metadata-only forms are given to who asks (scenarios 56, 57)', async t => {
  const ns = await namespace('tables')
  await api.post(`${ns}/pods`, pod('p'))
  const table = (await api.get(`${ns}/pods`, { accept: TABLE })).json
  t.is(table.kind, 'Table')
  t.deepEqual(table.columnDefinitions.slice(0, 5).map((column: any) => column.name), ['Name', 'Ready', 'Status', 'Restarts', 'Age'])
  t.is(table.rows[0].cells[0], 'p')
  t.is(table.rows[0].object.kind, 'PartialObjectMetadata')
  t.is((await api.get(`${ns}/pods?includeObject=None`, { accept: TABLE })).json.rows[0].object, null)
  t.is((await api.get(`${ns}/pods?includeObject=Object`, { accept: TABLE })).json.rows[0].object.kind, 'Pod')
  t.is((await api.get(`${ns}/pods?includeObject=Bad`, { accept: TABLE })).code, 400)
  const partial = (await api.get(`${ns}/pods`, { accept: 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1' })).json
  t.is(partial.kind, 'PartialObjectMetadataList')
  t.false('spec' in partial.items[0])
  t.is(partial.items[0].metadata.name, 'p')
})

test('content types: unknown ones are refused, none means JSON, pretty is indented, large is compressed (scenarios 10, 11, 83)', async t => {
  const refused = await api.get('/api/v1/pods', { accept: 'application/xml' })
  t.is(refused.code, 406)
  t.is(refused.json.reason, 'NotAcceptable')
  t.is((await api.get('/api/v1/namespaces')).headers['content-type'], 'application/json')
  t.regex((await api.get('/api/v1/namespaces/default?pretty=true')).text, /^\{\n {2}"/)
  t.regex((await api.get('/api/v1/namespaces/default', { accept: 'application/yaml' })).text, /^kind: Namespace$/m)
  for (const type of ['text/plain', 'application/cbor']) {
    const unknown = await api.post('/api/v1/namespaces', 'x', { 'content-type': type })
    t.is(unknown.code, 415)
    t.regex(unknown.json.message, /accepted media types include: application\/json, application\/yaml, application\/vnd\.kubernetes\.protobuf/)
  }
  const ns = await namespace('large')
  for (let i = 0; i < 3; i += 1) await api.post(`${ns}/configmaps`, { metadata: { name: `c${i}` }, data: { x: 'y'.repeat(100_000) } })
  const large = await api.get(`${ns}/configmaps`, { 'accept-encoding': 'gzip' })
  t.is(large.headers['content-encoding'], 'gzip')
  t.true(large.bytes.length < 20_000)
  t.is((await api.get(`${ns}/configmaps/c0`, { 'accept-encoding': 'gzip' })).headers['content-encoding'], undefined)
})

test('paths that lead nowhere are answered in plain text, and every answer carries the usual headers (scenario 5)', async t => {
  const nowhere = await api.get('/nope')
  t.is(nowhere.code, 404)
  t.is(nowhere.text, '404 page not found\n')
  t.is((await api.get('/api/v1/namespaces/default/gadgets')).code, 404)
  const answer = await api.get('/api/v1/namespaces/default', { 'audit-id': 'abc-1' })
  t.is(answer.headers['audit-id'], 'abc-1')
  t.is(answer.headers['cache-control'], 'no-cache, private')
  t.is(answer.headers['x-content-type-options'], 'nosniff')
  t.is((await api.send('OPTIONS', '/api/v1/pods')).code, 405)
  t.is((await api.get('/api/v1/namespaces/%zz')).code, 400)
})

test('discovery answers in both forms, with validators (scenarios 2, 3, 7)', async t => {
  const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json'
  for (const path of ['/api', '/apis']) {
    const first = await api.get(path, { accept })
    t.is(first.headers['content-type'], 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList')
    t.is(first.json.kind, 'APIGroupDiscoveryList')
    const again = await api.get(path, { accept, 'if-none-match': first.headers.etag! })
    t.is(again.code, 304)
    t.is(again.bytes.length, 0)
  }
  t.is((await api.get('/apis')).json.kind, 'APIGroupList')
  t.is((await api.get('/api')).json.kind, 'APIVersions')
  t.is((await api.get('/version')).json.major, '1')
  const root = (await api.get('/openapi/v3')).json
  const url: string = root.paths['api/v1'].serverRelativeURL
  const document = await api.get(url)
  t.is(document.headers['cache-control'], 'public, immutable')
  t.is((await api.get(url.replace(/hash=.*/, 'hash=old'))).code, 301)
})
