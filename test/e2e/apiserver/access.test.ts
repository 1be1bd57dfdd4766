// Who may do what: certificates, tokens, anonymous clients, RBAC, reviews.

import test from 'ava'
import { createAuthority, issueCertificate } from '../../../src/ops/certificates/authority.ts'
import { ApiRequests } from '../../lab/api-request.ts'
import { ApiServerLab } from '../../lab/apiserver.ts'
import { kubectlMinor } from '../../lab/kubectl-version.ts'

const lab = await ApiServerLab.open()
const api = new ApiRequests(lab)
test.after.always(async () => {
  api[Symbol.dispose]()
  await lab[Symbol.asyncDispose]()
})

const RBAC = '/apis/rbac.authorization.k8s.io/v1'
const userOf = async (commonName: string, organizations: readonly string[] = []): Promise<ApiRequests> =>
  new ApiRequests(lab, await issueCertificate(lab.authority, { commonName, organizations, usages: ['client'] }))
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

test('without credentials a client may see health and version, nothing else (scenarios 1, 65)', async t => {
  using nobody = ApiRequests.anonymous(lab)
  for (const path of ['/healthz', '/livez', '/readyz', '/readyz/ping', '/version']) t.is((await nobody.get(path)).code, 200, path)
  const refused = await nobody.get('/api/v1/pods')
  t.is(refused.code, 403)
  t.is(refused.json.message, 'pods is forbidden: User "system:anonymous" cannot list resource "pods" in API group "" at the cluster scope')
  t.is((await nobody.get('/metrics')).code, 403)
  const bad = await nobody.get('/api/v1/pods', bearer('nonsense'))
  t.deepEqual([bad.code, bad.json.message, bad.json.reason], [401, 'Unauthorized', 'Unauthorized'])
})

test('a certificate of another authority, an expired one and one for servers are refused', async t => {
  const others = await createAuthority({ commonName: 'others' })
  using stranger = new ApiRequests(lab, await issueCertificate(others, { commonName: 'admin', organizations: ['system:masters'], usages: ['client'] }))
  using late = new ApiRequests(lab, await issueCertificate(lab.authority, { commonName: 'admin', organizations: ['system:masters'], usages: ['client'], validForDays: -1 / 1440 }))
  using server = new ApiRequests(lab, await issueCertificate(lab.authority, { commonName: 'admin', organizations: ['system:masters'], usages: ['server'], dnsNames: ['x'] }))
  for (const client of [stranger, late, server]) t.is((await client.get('/api/v1/pods')).code, 401)
})

test('a user gets what a binding gives, as soon as it is there, and loses it with it (scenario 63)', async t => {
  using dora = await userOf('dora', ['readers'])
  const path = '/api/v1/namespaces/default/pods'
  const refused = await dora.get(path)
  t.is(refused.json.message, 'pods is forbidden: User "dora" cannot list resource "pods" in API group "" in the namespace "default"')
  await api.post(`${RBAC}/namespaces/default/rolebindings`, { metadata: { name: 'readers' }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' }, subjects: [{ kind: 'Group', name: 'readers', apiGroup: 'rbac.authorization.k8s.io' }] })
  t.is((await dora.get(path)).code, 200)
  t.is((await dora.get('/api/v1/namespaces/kube-system/pods')).code, 403)
  t.is((await dora.get('/api/v1/namespaces/default/secrets')).code, 403)
  t.is((await dora.post('/api/v1/namespaces/default/configmaps', { metadata: { name: 'x' } })).code, 403)
  await api.delete(`${RBAC}/namespaces/default/rolebindings/readers`)
  t.is((await dora.get(path)).code, 403)
})

test('a token for a service account opens its doors, and dies with the account (scenario 64)', async t => {
  await api.post('/api/v1/namespaces/default/serviceaccounts', { metadata: { name: 'robot' } })
  await api.post(`${RBAC}/clusterrolebindings`, { metadata: { name: 'robot' }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' }, subjects: [{ kind: 'ServiceAccount', name: 'robot', namespace: 'default' }] })
  const path = '/api/v1/namespaces/default/serviceaccounts/robot/token'
  const made = await api.post(path, { spec: { expirationSeconds: 600 } })
  t.is(made.code, 201)
  const { token } = made.json.status
  const claims = JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString())
  t.deepEqual([claims.sub, claims.aud, claims.exp - claims.iat], ['system:serviceaccount:default:robot', ['https://kubernetes.default.svc.cluster.local'], 600])
  using nobody = ApiRequests.anonymous(lab)
  t.is((await nobody.get('/api/v1/pods', bearer(token))).code, 200)
  const short = await api.post(path, { spec: { expirationSeconds: 60 } })
  t.is(short.code, 422)
  t.regex(short.json.message, /may not specify a duration less than 10 minutes/)
  const review = (await api.post('/apis/authentication.k8s.io/v1/tokenreviews', { spec: { token } })).json
  t.deepEqual([review.status.authenticated, review.status.user.username], [true, 'system:serviceaccount:default:robot'])
  t.is((await api.post('/apis/authentication.k8s.io/v1/tokenreviews', { spec: { token: 'x' } })).json.status.authenticated, false)
  const elsewhere = (await api.post(path, { spec: { audiences: ['vault'] } })).json.status.token
  t.is((await nobody.get('/api/v1/pods', bearer(elsewhere))).code, 401)
  await api.delete('/api/v1/namespaces/default/serviceaccounts/robot')
  const other = (await api.post('/api/v1/namespaces/default/serviceaccounts/default/token', {})).json.status.token
  t.is((await nobody.get('/api/v1/namespaces/kube-system/pods', bearer(other))).code, 403)
  const deadline = Date.now() + 15_000
  while ((await nobody.get('/api/v1/pods', bearer(token))).code !== 401) {
    if (Date.now() > deadline) return t.fail('the token outlived its account')
    await new Promise(resolve => setTimeout(resolve, 200))
  }
})

test('nobody grants more than he holds, and a binding keeps its role (scenario 66)', async t => {
  using carl = await userOf('carl')
  await api.post(`${RBAC}/clusterroles`, { metadata: { name: 'granter' }, rules: [{ verbs: ['*'], apiGroups: ['rbac.authorization.k8s.io'], resources: ['roles', 'rolebindings', 'clusterroles'] }, { verbs: ['get'], apiGroups: [''], resources: ['pods'] }] })
  await api.post(`${RBAC}/clusterrolebindings`, { metadata: { name: 'granter' }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'granter' }, subjects: [{ kind: 'User', name: 'carl', apiGroup: 'rbac.authorization.k8s.io' }] })
  // `*` holds escalate and bind as well, so the verbs are narrowed for what follows.
  await api.patch(`${RBAC}/clusterroles/granter`, 'json', [{ op: 'replace', path: '/rules/0/verbs', value: ['get', 'list', 'create', 'update', 'patch', 'delete'] }])
  const more = await carl.post(`${RBAC}/namespaces/default/roles`, { metadata: { name: 'r' }, rules: [{ verbs: ['delete'], apiGroups: [''], resources: ['pods'] }] })
  t.is(more.code, 403)
  t.regex(more.json.message, /user "carl" \(groups=\["system:authenticated"\]\) is attempting to grant RBAC permissions not currently held:\n\{APIGroups:\[""\], Resources:\["pods"\], Verbs:\["delete"\]\}/)
  t.is((await carl.post(`${RBAC}/namespaces/default/roles`, { metadata: { name: 'r' }, rules: [{ verbs: ['get'], apiGroups: [''], resources: ['pods'] }] })).code, 201)
  const subjects = [{ kind: 'User', name: 'carl', apiGroup: 'rbac.authorization.k8s.io' }]
  t.is((await carl.post(`${RBAC}/namespaces/default/rolebindings`, { metadata: { name: 'b' }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'admin' }, subjects })).code, 403)
  t.is((await carl.post(`${RBAC}/namespaces/default/rolebindings`, { metadata: { name: 'b' }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'r' }, subjects })).code, 201)
  const moved = await api.patch(`${RBAC}/namespaces/default/rolebindings/b`, 'merge', { roleRef: { kind: 'ClusterRole', name: 'view' } })
  t.is(moved.code, 422)
  t.regex(moved.json.message, /cannot change roleRef/)
})
test('kubectl auth can-i and whoami tell the truth, for oneself and as another (scenario 63)', async t => {
  const account = 'system:serviceaccount:default:default'
  t.is((await lab.tryKubectl('auth', 'can-i', 'list', 'pods', `--as=${account}`)).stdout.trim(), 'no')
  await api.post(`${RBAC}/namespaces/default/rolebindings`, { metadata: { name: 'viewer' }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' }, subjects: [{ kind: 'ServiceAccount', name: 'default', namespace: 'default' }] })
  t.is((await lab.kubectl('auth', 'can-i', 'list', 'pods', `--as=${account}`)).trim(), 'yes')
  // kubectl knows the word since 1.28; older ones' users ask as it does.
  const self = kubectlMinor() < 28
    ? (await api.post('/apis/authentication.k8s.io/v1/selfsubjectreviews', { metadata: {} })).text
    : await lab.kubectl('auth', 'whoami')
  t.regex(self, /system:masters.*system:authenticated/s)
  using frank = await userOf('frank')
  t.is((await frank.get('/api/v1/pods', { 'impersonate-user': 'kubernetes-admin', 'impersonate-group': 'system:masters' })).code, 403)
})


test('a node\'s credentials reach its own objects and what its pods name, nothing of other nodes', async t => {
  using node = await userOf('system:node:n1', ['system:nodes'])
  for (const name of ['n1', 'n2']) {
    const made = await node.post('/api/v1/nodes', { metadata: { name } })
    t.is(made.code, name === 'n1' ? 201 : 403, made.text)
  }
  await api.post('/api/v1/nodes', { metadata: { name: 'n2' } })
  t.is((await node.get('/api/v1/nodes')).code, 200)
  t.is((await node.patch('/api/v1/nodes/n1/status', 'strategic-merge', { status: { conditions: [{ type: 'Ready', status: 'True' }] } })).code, 200)
  const other = await node.patch('/api/v1/nodes/n2/status', 'strategic-merge', { status: { conditions: [{ type: 'Ready', status: 'True' }] } })
  t.is(other.code, 403)
  t.is(other.json.message, 'nodes "n2" is forbidden: node "n1" is not allowed to modify node "n2"')
  const leases = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases'
  t.is((await node.post(leases, { metadata: { name: 'n1' }, spec: { holderIdentity: 'n1' } })).code, 201)
  t.is((await node.post(leases, { metadata: { name: 'n2' }, spec: { holderIdentity: 'n1' } })).code, 403)
  const ns = '/api/v1/namespaces/default'
  for (const name of ['mine', 'theirs']) {
    await api.post(`${ns}/secrets`, { metadata: { name }, stringData: { a: 'b' } })
    await api.post(`${ns}/pods`, { metadata: { name }, spec: { containers: [{ name: 'c', image: 'i', envFrom: [{ secretRef: { name } }] }] } })
    await api.post(`${ns}/pods/${name}/binding`, { target: { kind: 'Node', name: name === 'mine' ? 'n1' : 'n2' } })
  }
  t.is((await node.get(`${ns}/secrets/mine`)).code, 200)
  t.is((await node.get(`${ns}/secrets/theirs`)).json.message, 'secrets "theirs" is forbidden: no relationship found between node "n1" and this object')
  t.is((await node.get(`${ns}/secrets`)).code, 403)
  t.is((await node.patch(`${ns}/pods/mine/status`, 'strategic-merge', { status: { phase: 'Running' } })).code, 200)
  t.is((await node.patch(`${ns}/pods/theirs/status`, 'strategic-merge', { status: { phase: 'Running' } })).code, 403)
  t.is((await node.delete(`${ns}/pods/theirs`)).code, 403)
  t.is((await node.post(`${ns}/pods`, { metadata: { name: 'new' }, spec: { nodeName: 'n1', containers: [{ name: 'c', image: 'i' }] } })).code, 403)
  t.is((await node.post(`${ns}/serviceaccounts/default/token`, {})).code, 201)
  t.is((await node.delete(`${ns}/pods/mine`, { gracePeriodSeconds: 0 })).code, 200)
})
