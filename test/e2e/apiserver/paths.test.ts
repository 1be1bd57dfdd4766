// Paths that are no resources, and resources that are not stored.

import { createPublicKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import test from 'ava'
import { ApiRequests } from '../../lab/api-request.ts'
import { ApiServerLab } from '../../lab/apiserver.ts'

let lab: ApiServerLab
test.before(async () => { lab = await ApiServerLab.open() })
test.after.always(async () => { await lab[Symbol.asyncDispose]() })

test('who checks service-account tokens elsewhere finds the issuer and its keys', async t => {
  using api = new ApiRequests(lab)
  const { issuer, jwks_uri: keys, id_token_signing_alg_values_supported: algorithms } = (await api.get('/.well-known/openid-configuration')).json
  t.is(issuer, 'https://kubernetes.default.svc.cluster.local')
  t.is(new URL(keys).pathname, '/openid/v1/jwks')
  t.deepEqual(algorithms, ['ES256'])
  const answer = await api.get('/openid/v1/jwks')
  t.is(answer.headers['content-type'], 'application/jwk-set+json')
  const [key] = (JSON.parse(answer.text) as { keys: { kid: string }[] }).keys
  t.true(createPublicKey({ key: key!, format: 'jwk' }).equals(createPublicKey(readFileSync(lab.path('sa.pub')))))
  t.is((await ApiRequests.anonymous(lab).get('/openid/v1/jwks')).code, 403)
})

test('the root lists the paths that there are, and each of them is there', async t => {
  using api = new ApiRequests(lab)
  const { paths } = (await api.get('/')).json as { paths: string[] }
  t.true(paths.includes('/api/v1') && paths.includes('/apis/discovery.k8s.io/v1') && paths.includes('/readyz/shutdown'))
  for (const path of paths) t.is((await api.get(path)).code, 200, path)
})

test('kubectl get componentstatuses tells of the store, with the warning that the kind is deprecated', async t => {
  const { code, stdout, stderr } = await lab.tryKubectl('get', 'componentstatuses')
  t.is(code, 0, stderr)
  t.regex(stdout, /etcd-0\s+Healthy\s+ok/)
  t.regex(stderr, /v1 ComponentStatus is deprecated in v1\.19\+/)
  t.regex((await lab.tryKubectl('get', 'componentstatuses', 'scheduler')).stderr, /"scheduler" not found/)
})

test('an unknown resource of a group that is served is a Status, any other path a plain page (5)', async t => {
  using api = new ApiRequests(lab)
  for (const path of ['/api/v1/gadgets', '/api/v1/namespaces/default/gadgets', '/apis/apps/v2', '/api/v1/namespaces/default/configmaps/a/nope']) {
    const { code, json } = await api.get(path)
    t.is(code, 404, path)
    t.is(json.message, 'the server could not find the requested resource', path)
  }
  t.is((await api.get('/apis/no.such.group/v1/things')).text, '404 page not found\n')
})
