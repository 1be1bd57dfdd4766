// Reads, deletes, reviews and odd requests: what is asked of a server rather than given to it.

import type { Step } from './compare.ts'

const CORE = '/api/v1/namespaces/default'
const MAPS = `${CORE}/configmaps`
const PODS = `${CORE}/pods`
const DELETE_MAP = (name: string, body: unknown, query = ''): Step => ({ name: `delete ${name}`, method: 'DELETE', path: `${MAPS}/odd${query}`, body })
const get = (path: string, headers?: Readonly<Record<string, string>>): Step => ({ name: `GET ${path}`, method: 'GET', path, ...(headers === undefined ? {} : { headers }) })
const post = (name: string, path: string, body: unknown): Step => ({ name, method: 'POST', path, body })
const merge = (name: string, path: string, body: unknown): Step => ({ name, method: 'PATCH', path, body, headers: { 'content-type': 'application/merge-patch+json' } })
const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'odd' }, data: { a: 'b' } }
const token = (value: unknown): string => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')

const LISTS: readonly Step[] = [
  '', '?limit=1', '?limit=-1', '?limit=x', '?resourceVersion=x', '?resourceVersion=-1', '?resourceVersion=0&resourceVersionMatch=Exact', '?resourceVersionMatch=Exact',
  '?resourceVersion=1&resourceVersionMatch=X', '?resourceVersionMatch=NotOlderThan&continue=x', '?continue=x', `?continue=${token('x')}`, `?continue=${token({ v: 'x', rv: 1, start: 'a' })}`,
  `?continue=${token({ v: 'meta.k8s.io/v1', rv: 0, start: 'a' })}`, `?continue=${token({ v: 'meta.k8s.io/v1', rv: 1, start: '' })}`, `?continue=${token({ v: 'meta.k8s.io/v1', rv: 1, start: '../a' })}`,
  '?sendInitialEvents=true', '?labelSelector=a%20in', '?labelSelector=a%3Db%2C%2C', '?labelSelector=%2Fa%3Db', '?labelSelector=a%3E1', '?labelSelector=a%3Ex', '?fieldSelector=spec.foo%3D1', '?fieldSelector=metadata.name%3Dodd',
  '?fieldSelector=metadata.name', '?fieldSelector=metadata.name%3Da%2Cmetadata.name%3Db', '?timeoutSeconds=x', '?export=true', '?timeout=x', '?allowWatchBookmarks=x',
].map(query => get(`${MAPS}${query}`))

const WATCHES: readonly Step[] = [
  '?watch=true&resourceVersion=x', '?watch=true&sendInitialEvents=true', '?watch=true&resourceVersionMatch=NotOlderThan', '?watch=true&sendInitialEvents=true&resourceVersionMatch=Exact',
  '?watch=true&labelSelector=a%20in', '?watch=true&fieldSelector=spec.foo%3D1', '?watch=true&timeoutSeconds=x',
].map(query => get(`${MAPS}${query}`))

const OBJECTS: readonly Step[] = [
  post('a map', MAPS, map), get(`${MAPS}/odd`), get(`${MAPS}/odd?resourceVersion=x`), get(`${MAPS}/odd?resourceVersion=0`), get(`${MAPS}/nope`), get(`${MAPS}/odd/status`), get(`${MAPS}/odd/nope`),
  get(`${MAPS}/odd`, { accept: 'application/xml' }), get(`${MAPS}/odd?includeObject=Bad`, { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' }), get(`${MAPS}/A_b`),
  get('/api/v1/namespaces/nope/configmaps'), get('/api/v1/namespaces/nope'), get('/api/v1/gadgets'), get('/apis/nope/v1/things'), get('/apis/apps/v2'), get('/nope'), get('/apis/apps/v1/namespaces/default/deployments/x/scale'),
  get('/api/v1/nodes/nope/status'), get('/api/v1/configmaps/odd'), get('/api/v1/namespaces/default/nodes'), get('/api/v1/nodes/nope'),
  { name: 'POST to an object', method: 'POST', path: `${MAPS}/odd`, body: map }, { name: 'PUT to a collection', method: 'PUT', path: MAPS, body: map }, { name: 'PATCH to a collection', method: 'PATCH', path: MAPS, body: {} },
  { name: 'OPTIONS', method: 'OPTIONS', path: MAPS }, { name: 'DELETE of namespaces', method: 'DELETE', path: '/api/v1/namespaces' }, { name: 'create without a namespace', method: 'POST', path: '/api/v1/configmaps', body: map },
  { name: 'other namespace', method: 'POST', path: '/api/v1/namespaces/kube-system/configmaps', body: { ...map, metadata: { name: 'odd', namespace: 'default' } } },
  { name: 'other kind', method: 'POST', path: MAPS, body: { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'odd2' } } }, { name: 'other version', method: 'POST', path: MAPS, body: { apiVersion: 'v2', kind: 'ConfigMap', metadata: { name: 'odd2' } } },
  { name: 'no JSON', method: 'POST', path: MAPS, body: '{' }, { name: 'an array', method: 'POST', path: MAPS, body: '[]' }, { name: 'nothing', method: 'POST', path: MAPS, body: '' }, { name: 'null', method: 'POST', path: MAPS, body: 'null' },
  { name: 'text', method: 'POST', path: MAPS, body: 'x', headers: { 'content-type': 'text/plain' } }, { name: 'bad protobuf', method: 'POST', path: MAPS, body: 'x', headers: { 'content-type': 'application/vnd.kubernetes.protobuf' } },
  { name: 'wrong type', method: 'POST', path: MAPS, body: { ...map, data: 'x' } }, { name: 'wrong value', method: 'POST', path: MAPS, body: { ...map, data: { a: 1 } } }, { name: 'wrong labels', method: 'POST', path: MAPS, body: { ...map, metadata: { name: 'odd2', labels: [] } } },
  { name: 'strict', method: 'POST', path: `${MAPS}?fieldValidation=Strict`, body: { ...map, metadata: { name: 'odd2' }, nope: 1 } }, { name: 'warn', method: 'POST', path: `${MAPS}?dryRun=All`, body: { ...map, metadata: { name: 'odd2' }, nope: 1 } },
  { name: 'bad field validation', method: 'POST', path: `${MAPS}?fieldValidation=X`, body: map }, { name: 'bad dry run', method: 'POST', path: `${MAPS}?dryRun=Some`, body: map }, { name: 'long manager', method: 'POST', path: `${MAPS}?fieldManager=${'x'.repeat(200)}`, body: map },
  { name: 'stated version', method: 'POST', path: MAPS, body: { ...map, metadata: { name: 'odd2', resourceVersion: '1' } } }, { name: 'exists', method: 'POST', path: MAPS, body: map }, { name: 'nameless', method: 'POST', path: MAPS, body: { ...map, metadata: {} } },
  { name: 'put other name', method: 'PUT', path: `${MAPS}/odd`, body: { ...map, metadata: { name: 'even' } } }, { name: 'put other uid', method: 'PUT', path: `${MAPS}/odd`, body: { ...map, metadata: { name: 'odd', uid: 'x' } } },
  { name: 'put stale', method: 'PUT', path: `${MAPS}/odd`, body: { ...map, metadata: { name: 'odd', resourceVersion: '1' } } }, { name: 'put bad version', method: 'PUT', path: `${MAPS}/odd`, body: { ...map, metadata: { name: 'odd', resourceVersion: 'x' } } },
  { name: 'put missing', method: 'PUT', path: `${MAPS}/even`, body: { ...map, metadata: { name: 'even' } } }, merge('patch of a missing one', `${MAPS}/even`, {}), merge('patch the name', `${MAPS}/odd`, { metadata: { name: 'even' } }),
  merge('patch the kind', `${MAPS}/odd`, { kind: 'Secret' }), merge('patch a wrong type', `${MAPS}/odd`, { data: 'x' }), merge('patch with an array', `${MAPS}/odd`, []), merge('patch that is no JSON', `${MAPS}/odd`, '{'), merge('patch the stale', `${MAPS}/odd`, { metadata: { resourceVersion: '1' } }),
  { name: 'unknown patch type', method: 'PATCH', path: `${MAPS}/odd`, body: {}, headers: { 'content-type': 'application/json' } }, { name: 'empty json patch', method: 'PATCH', path: `${MAPS}/odd`, body: '', headers: { 'content-type': 'application/json-patch+json' } },
  { name: 'json patch that is an object', method: 'PATCH', path: `${MAPS}/odd`, body: {}, headers: { 'content-type': 'application/json-patch+json' } }, { name: 'json patch unknown op', method: 'PATCH', path: `${MAPS}/odd`, body: [{ op: 'x', path: '/data' }], headers: { 'content-type': 'application/json-patch+json' } },
  { name: 'strategic unknown directive', method: 'PATCH', path: `${MAPS}/odd`, body: { data: { $patch: 'x' } }, headers: { 'content-type': 'application/strategic-merge-patch+json' } },
]

const DELETES: readonly Step[] = [
  DELETE_MAP('no JSON', '{'), DELETE_MAP('bad policy', { propagationPolicy: 'Foo' }), DELETE_MAP('bad policy in the query', undefined, '?propagationPolicy=Foo'), DELETE_MAP('both policies', { propagationPolicy: 'Orphan', orphanDependents: true }),
  DELETE_MAP('other uid', { preconditions: { uid: 'x' } }), DELETE_MAP('other version', { preconditions: { resourceVersion: '1' } }), DELETE_MAP('bad dry run', { dryRun: ['Some'] }), DELETE_MAP('bad grace', { gracePeriodSeconds: 'x' }), DELETE_MAP('bad grace in the query', undefined, '?gracePeriodSeconds=x'),
  DELETE_MAP('dry run', { dryRun: ['All'] }), DELETE_MAP('foreground', { propagationPolicy: 'Foreground' }), DELETE_MAP('again', undefined), merge('without finalizers', `${MAPS}/odd`, { metadata: { finalizers: null } }), DELETE_MAP('gone', undefined),
  post('a second map', MAPS, map), DELETE_MAP('orphan', { propagationPolicy: 'Orphan', gracePeriodSeconds: 3 }), merge('without orphan', `${MAPS}/odd`, { metadata: { finalizers: null } }), post('a third map', MAPS, map), DELETE_MAP('with a status', { kind: 'DeleteOptions', apiVersion: 'v1', gracePeriodSeconds: 0 }),
  { name: 'collection by an odd selector', method: 'DELETE', path: `${MAPS}?labelSelector=a%20in` }, { name: 'collection', method: 'DELETE', path: `${MAPS}?labelSelector=none%3Dsuch` },
]

const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'odd' }, spec: { nodeName: 'n', containers: [{ name: 'c', image: 'i' }] } }
const PODS_STEPS: readonly Step[] = [
  post('a pod', PODS, pod), merge('pod command', `${PODS}/odd`, { spec: { containers: [{ name: 'c', image: 'i', command: ['x'] }] } }), merge('pod tolerations emptied', `${PODS}/odd`, { spec: { tolerations: [] } }), merge('pod tolerations gone', `${PODS}/odd`, { spec: { tolerations: null } }),
  merge('pod grace', `${PODS}/odd`, { spec: { terminationGracePeriodSeconds: 3 } }), merge('pod deadline', `${PODS}/odd`, { spec: { activeDeadlineSeconds: 30 } }), merge('pod longer deadline', `${PODS}/odd`, { spec: { activeDeadlineSeconds: 60 } }), merge('pod deadline gone', `${PODS}/odd`, { spec: { activeDeadlineSeconds: null } }),
  merge('pod node', `${PODS}/odd`, { spec: { nodeName: 'm' } }), merge('pod label', `${PODS}/odd`, { metadata: { labels: { a: 'b' } } }), merge('pod status', `${PODS}/odd/status`, { status: { phase: 'Running', podIP: '10.0.0.1', podIPs: [{ ip: '10.0.0.1' }] } }),
  merge('pod bad phase', `${PODS}/odd/status`, { status: { podIPs: [{ ip: 'x' }] } }), post('binding', `${PODS}/odd/binding`, { apiVersion: 'v1', kind: 'Binding', metadata: { name: 'odd' }, target: { kind: 'Node', name: 'm' } }), post('binding without target', `${PODS}/odd/binding`, { apiVersion: 'v1', kind: 'Binding', metadata: { name: 'odd' }, target: { name: '' } }),
  { name: 'pod delete', method: 'DELETE', path: `${PODS}/odd` }, { name: 'pod delete longer', method: 'DELETE', path: `${PODS}/odd`, body: { gracePeriodSeconds: 60 } }, { name: 'pod delete shorter', method: 'DELETE', path: `${PODS}/odd`, body: { gracePeriodSeconds: 5 } }, get(`${PODS}/odd`),
  { name: 'pod delete negative', method: 'DELETE', path: `${PODS}/odd`, body: { gracePeriodSeconds: -1 } }, get(`${PODS}/odd`), { name: 'pod delete now', method: 'DELETE', path: `${PODS}/odd`, body: { gracePeriodSeconds: 0 } }, get(`${PODS}/odd`),
  post('eviction of nothing', `${PODS}/odd/eviction`, { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'odd' } }), 
]

const REVIEWS: readonly Step[] = [
  post('self access without anything', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectAccessReview', spec: {} }),
  post('access of nobody', '/apis/authorization.k8s.io/v1/subjectaccessreviews', { apiVersion: 'authorization.k8s.io/v1', kind: 'SubjectAccessReview', spec: { resourceAttributes: { verb: 'get', resource: 'pods' } } }),
  post('rules of no namespace', '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews', { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectRulesReview', spec: {} }),
  post('no token', '/apis/authentication.k8s.io/v1/tokenreviews', { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: {} }),
  post('token request', `${CORE}/serviceaccounts/default/token`, { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 60 } }),
  post('token request of nobody', `${CORE}/serviceaccounts/nope/token`, { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} }),
  get('/healthz/ping'), get('/healthz/nope'), get('/readyz?exclude=ping'),
]

export const READS: readonly Step[] = [...LISTS, ...OBJECTS, ...WATCHES, ...DELETES, ...PODS_STEPS, ...REVIEWS]

const GO_TEXT = 'upstream shows what Go\'s decoder or types say'
const OWN_CODE = 'upstream answers 500, or 422 with the whole object in the text, to what is the client\'s own mistake'
/** Where our answer differs on purpose, and why; it is a 4xx all the same. */
export const DIFFERENT: Readonly<Record<string, string>> = {
  [`GET ${MAPS}?continue=x`]: GO_TEXT, [`GET ${MAPS}?continue=eA`]: GO_TEXT, [`GET ${MAPS}/odd?resourceVersion=x`]: OWN_CODE, [`GET ${MAPS}?watch=true&resourceVersion=x`]: OWN_CODE,
  [`GET ${MAPS}/odd`]: 'the text of 406 lists the types that are served', 'other kind': GO_TEXT, 'other version': GO_TEXT, 'no JSON': GO_TEXT, 'an array': GO_TEXT, nothing: GO_TEXT, null: GO_TEXT, 'bad protobuf': GO_TEXT,
  'put other uid': 'the text of upstream shows the key in etcd', 'put bad version': OWN_CODE, 'patch the kind': OWN_CODE, 'patch a wrong type': OWN_CODE, 'patch with an array': GO_TEXT, 'patch that is no JSON': GO_TEXT,
  'unknown patch type': 'ours lists the types that are taken', 'empty json patch': GO_TEXT, 'json patch that is an object': GO_TEXT, 'strategic unknown directive': OWN_CODE, 'delete no JSON': GO_TEXT, 'delete bad grace': GO_TEXT,
  'delete other version': 'the text names the revision', 'pod command': 'upstream appends a diff of Go structs', 'pod grace': 'upstream appends a diff of Go structs', 'pod node': 'upstream appends a diff of Go structs', 'binding without target': OWN_CODE,
}
