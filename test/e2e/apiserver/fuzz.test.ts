// Malformed everything: bodies, patches, selectors, tokens, options, paths. The server answers each with a 4xx Status,
// stays up, and stores nothing that it cannot serve. WEFT_FUZZ_REQUESTS makes the run longer.

import test from 'ava'
import fc from 'fast-check'
import { BUILTIN_RESOURCES } from '../../../src/api/registry/builtin.ts'
import { ApiRequests, type Answer } from '../../lab/api-request.ts'
import { ApiServerLab } from '../../lab/apiserver.ts'

const REQUESTS = Number(process.env['WEFT_FUZZ_REQUESTS'] ?? 4000)
const SEED = fc.readConfigureGlobal().seed

const STORED = BUILTIN_RESOURCES.filter(resource => resource.depth !== 'virtual')
const pathOf = ({ group, version, plural, namespaced }: (typeof STORED)[number]): string =>
  `${group === '' ? `/api/${version}` : `/apis/${group}/${version}`}${namespaced ? '/namespaces/fuzz' : ''}/${plural}`

const word: fc.Arbitrary<string> = fc.oneof(fc.constantFrom('a', 'x-y', 'A_b', '', '..', 'spec', 'metadata', '__proto__', 'constructor', 'default', 'fuzz'), fc.string({ maxLength: 12 }))
const json = fc.jsonValue({ maxDepth: 4 })
const resource = fc.constantFrom(...STORED)
/** An object that looks right from afar: names of real fields with values of any type. */
const nearly = fc.record({
  apiVersion: fc.option(fc.constantFrom('v1', 'apps/v1', 'a/b/c'), { nil: undefined }), kind: fc.option(fc.constantFrom('Pod', 'Service', 'Nope'), { nil: undefined }),
  metadata: fc.oneof(json, fc.record({ name: word, labels: fc.oneof(json, fc.dictionary(word, word)), finalizers: json, ownerReferences: json, annotations: json, generateName: word, resourceVersion: word }, { requiredKeys: [] })),
  spec: fc.oneof(json, fc.record({ ports: json, selector: json, template: json, clusterIP: json, clusterIPs: json, type: json, containers: json, replicas: json, podCIDRs: json, versions: json, names: json, group: json }, { requiredKeys: [] })),
  status: json, data: json, rules: json, subjects: json, roleRef: json, endpoints: json, addressType: json, subsets: json, webhooks: json,
}, { requiredKeys: [] })
const body = fc.oneof(
  { weight: 4, arbitrary: nearly.map(value => JSON.stringify(value)) }, { weight: 2, arbitrary: json.map(value => JSON.stringify(value)) },
  { weight: 1, arbitrary: fc.string({ maxLength: 60 }) }, { weight: 1, arbitrary: nearly.map(value => JSON.stringify(value).slice(0, -3)) },
)
const binary = fc.uint8Array({ maxLength: 80 }).map(bytes => Buffer.concat([Buffer.from('k8s\0'), bytes]))
const query = fc.array(fc.tuple(fc.constantFrom(
  'labelSelector', 'fieldSelector', 'limit', 'continue', 'resourceVersion', 'resourceVersionMatch', 'dryRun', 'fieldManager', 'fieldValidation', 'force', 'timeout', 'gracePeriodSeconds',
  'propagationPolicy', 'includeObject', 'pretty', 'sendInitialEvents', 'orphanDependents',
), fc.oneof(word, fc.constantFrom('a in', 'a=b', 'a in (b,c)', '!a', 'metadata.name=x', 'spec.nodeName!=', '-1', '0', '5', '99999999999999999999', 'eyJ2IjoiIn0', 'All', 'true', 'Exact', '1h'))), { maxLength: 3 })
  .map(pairs => pairs.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&'))

/** Objects that are there, so that patches and replacements have something to break. */
const SEEDS: Readonly<Record<string, object>> = {
  '/api/v1/namespaces/fuzz/configmaps': { metadata: { name: 'x-y' }, data: { a: 'b' } },
  '/api/v1/namespaces/fuzz/services': { metadata: { name: 'x-y' }, spec: { type: 'NodePort', ports: [{ port: 80 }] } },
  '/api/v1/namespaces/fuzz/pods': { metadata: { name: 'x-y' }, spec: { containers: [{ name: 'c', image: 'i' }] } },
  '/api/v1/nodes': { metadata: { name: 'x-y' } },
  '/apis/apps/v1/namespaces/fuzz/deployments': { metadata: { name: 'x-y' }, spec: { selector: { matchLabels: { a: 'b' } }, template: { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }] } } } },
  '/apis/discovery.k8s.io/v1/namespaces/fuzz/endpointslices': { metadata: { name: 'x-y' }, addressType: 'IPv4', endpoints: [], ports: [] },
  '/apis/networking.k8s.io/v1/namespaces/fuzz/networkpolicies': { metadata: { name: 'x-y' }, spec: { podSelector: {} } },
}
const seeded = fc.constantFrom(...STORED.filter(kind => pathOf(kind) in SEEDS))
/** What to do to what: mostly requests that get as far as a handler. */
const target = fc.oneof(
  { weight: 4, arbitrary: fc.record({ method: fc.constant('POST'), resource, name: fc.constant(undefined), sub: fc.constant(undefined) }) },
  { weight: 5, arbitrary: fc.record({ method: fc.constantFrom('PUT', 'PATCH', 'PATCH'), resource: seeded, name: fc.constant('x-y'), sub: fc.option(fc.constantFrom('status', 'scale'), { nil: undefined, freq: 4 }) }) },
  { weight: 2, arbitrary: fc.record({ method: fc.constant('GET'), resource, name: fc.constant(undefined), sub: fc.constant(undefined) }) },
  { weight: 2, arbitrary: fc.record({
    method: fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'), resource, name: fc.option(word, { nil: undefined }),
    sub: fc.option(fc.constantFrom('status', 'scale', 'binding', 'eviction', 'token', 'finalize', 'log', 'nope'), { nil: undefined, freq: 3 }),
  }) },
)
const JSON_ONLY = { arbitrary: fc.constant('application/json'), weight: 8 } as const

const request = fc.record({
  target,
  query, body: fc.oneof({ weight: 5, arbitrary: body }, { weight: 1, arbitrary: binary }),
  type: fc.constantFrom('application/json', 'application/json', 'application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf', 'application/json-patch+json', 'application/merge-patch+json', 'application/strategic-merge-patch+json', 'application/apply-patch+yaml', 'text/plain', ''),
  accept: fc.oneof(JSON_ONLY, { arbitrary: fc.constantFrom('*/*', 'application/json;as=Table;v=v1;g=meta.k8s.io', 'application/xml', 'application/yaml', ';;,'), weight: 2 }),
})

const PATCHES = ['application/json-patch+json', 'application/merge-patch+json', 'application/strategic-merge-patch+json', 'application/apply-patch+yaml'] as const

/** These two are 500 by upstream's own choice; eviction and proxy paths need what is not there. */
const ALLOWED_500 = /resourceVersion should not be set on objects to be created|no preferred addresses found|no endpoints available|the pod has none|no service port|range is full/

test('thousands of malformed requests get their 4xx, and the server serves what it stored (issue: bad input)', async t => {
  t.timeout(600_000)
  await using lab = await ApiServerLab.open()
  using api = new ApiRequests(lab)
  await api.post('/api/v1/namespaces', { metadata: { name: 'fuzz' } })
  for (const [path, object] of Object.entries(SEEDS)) t.is((await api.post(path, object)).code, 201, path)
  const codes = new Map<number, number>()
  const bad: string[] = []
  const samples = fc.sample(request, REQUESTS)
  const judge = (what: unknown, answer: Answer): void => {
    codes.set(answer.code, (codes.get(answer.code) ?? 0) + 1)
    const statusBody = answer.json?.kind === 'Status' ? answer.json : undefined
    const { method, sub } = (what as (typeof samples)[number]).target
    // The answer to HEAD has no text that could say why.
    const expected = answer.code < 500 || ALLOWED_500.test(answer.text) || (method === 'HEAD' && sub === 'log')
    const shaped = answer.code < 400 || answer.text === '' || answer.text === '404 page not found\n' || (statusBody?.status === 'Failure' && statusBody.code === answer.code && typeof statusBody.message === 'string')
    if (!expected || !shaped) bad.push(`${JSON.stringify(what).slice(0, 600)} -> ${answer.code} ${answer.text.slice(0, 300)}`)
  }
  const workers = Array.from({ length: 8 }, async (_, worker) => {
    for (let i = worker; i < samples.length; i += 8) {
      const { target: { method, resource: kind, name, sub }, query: search, body: content, type: given, accept } = samples[i]!
      // The body's type mostly fits the method: everything else is 415 and teaches nothing.
      const type = method === 'PATCH' ? (given.includes('patch') ? given : PATCHES[i % PATCHES.length]!) : given.includes('patch') ? 'application/json' : given
      const path = `${pathOf(kind)}${name === undefined ? '' : `/${encodeURIComponent(name)}`}${sub === undefined || name === undefined ? '' : `/${sub}`}?${search}`
      const sends = !['GET', 'HEAD', 'OPTIONS'].includes(method)
      try {
        judge(samples[i], await api.send(method, path, { ...(sends ? { body: content } : {}), headers: { ...(sends && type !== '' ? { 'content-type': type } : {}), accept } }))
      } catch (error) {
        bad.push(`${JSON.stringify(samples[i]).slice(0, 600)} -> ${String(error)}\n${lab.log.slice(-25).join('\n').slice(0, 2000)}`)
      }
    }
  })
  await Promise.all(workers)
  t.log(`seed ${SEED}: ${[...codes].sort(([a], [b]) => a - b).map(([code, count]) => `${code}x${count}`).join(' ')}`)
  t.deepEqual(bad.slice(0, 10), [])
  // Alive, and everything that got in can be listed, in every form.
  t.is((await api.get('/readyz')).code, 200)
  for (const kind of STORED) {
    const all = pathOf(kind).replace('/namespaces/fuzz', '')
    for (const accept of ['application/json', 'application/json;as=Table;v=v1;g=meta.k8s.io']) {
      const listed = await api.get(all, { accept })
      t.is(listed.code, 200, `${all} ${accept}: ${listed.text.slice(0, 300)}`)
    }
  }
  t.deepEqual(lab.log.filter(line => /"level":"(?:error|fatal)"/.test(line)).slice(0, 3), [])
})
