// Requests that build on one another: type changes of Services, applies by several managers, patches of Deployments,
// rules of updates.

import type { Step } from './compare.ts'

type Fields = Record<string, unknown>
const CORE = '/api/v1/namespaces/default'
const MERGE = { 'content-type': 'application/merge-patch+json' }
const STRATEGIC = { 'content-type': 'application/strategic-merge-patch+json' }
const JSON_PATCH = { 'content-type': 'application/json-patch+json' }
const APPLY = { 'content-type': 'application/apply-patch+yaml' }

const step = (name: string, method: string, path: string, body?: unknown, headers: Readonly<Record<string, string>> = {}): Step =>
  ({ name, method, path, headers, ...(body === undefined ? {} : { body }) })

const SERVICES = `${CORE}/services`
const service = (spec: Fields): Fields => ({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'seq' }, spec })
const patchService = (name: string, spec: Fields): Step => step(`service ${name}`, 'PATCH', `${SERVICES}/seq`, { spec }, STRATEGIC)

const SERVICE_STEPS: readonly Step[] = [
  step('service create', 'POST', SERVICES, service({ type: 'NodePort', ports: [{ port: 80, name: 'a' }] })),
  step('service put without addresses', 'PUT', `${SERVICES}/seq`, service({ type: 'NodePort', ports: [{ port: 81, name: 'a' }] })),
  step('service put with another address', 'PUT', `${SERVICES}/seq`, service({ clusterIP: '10.96.77.77', type: 'NodePort', ports: [{ port: 81, name: 'a' }] })),
  patchService('to ClusterIP', { type: 'ClusterIP' }), patchService('to LoadBalancer', { type: 'LoadBalancer', externalTrafficPolicy: 'Local' }),
  patchService('other health port', { healthCheckNodePort: 31_999 }), patchService('to Cluster policy', { externalTrafficPolicy: 'Cluster' }),
  step('service status', 'PATCH', `${SERVICES}/seq/status`, { status: { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } } }, MERGE),
  step('service bad status', 'PATCH', `${SERVICES}/seq/status`, { status: { loadBalancer: { ingress: [{ ip: 'x' }] } } }, MERGE),
  patchService('to nameless ExternalName', { type: 'ExternalName' }), patchService('to ExternalName', { type: 'ExternalName', externalName: 'a.b' }),
  patchService('back to ClusterIP', { type: 'ClusterIP', externalName: null }), patchService('to headless', { clusterIP: 'None', clusterIPs: ['None'] }),
  step('service failing test', 'PATCH', `${SERVICES}/seq`, [{ op: 'test', path: '/spec/type', value: 'X' }], JSON_PATCH),
  step('service missing path', 'PATCH', `${SERVICES}/seq`, [{ op: 'remove', path: '/spec/nope' }], JSON_PATCH),
  step('service forced merge patch', 'PATCH', `${SERVICES}/seq?force=true`, {}, MERGE),
  step('service gone', 'DELETE', `${SERVICES}/nope`), step('service delete', 'DELETE', `${SERVICES}/seq`),
]

const MAPS = `${CORE}/configmaps`
const map = (data: Fields, metadata: Fields = {}, name = 'seq'): Fields => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, ...metadata }, data })
const apply = (name: string, query: string, body: Fields): Step => step(`apply ${name}`, 'PATCH', `${MAPS}/seq${query}`, body, APPLY)

const APPLY_STEPS: readonly Step[] = [
  apply('creates', '?fieldManager=a', map({ x: '1', y: '1' }, { labels: { l: '1' } })), apply('conflicts', '?fieldManager=b', map({ x: '2', y: '2' })),
  apply('conflicts once', '?fieldManager=b', map({ x: '2' })), apply('forces', '?fieldManager=b&force=true', map({ x: '2' })), apply('drops', '?fieldManager=a', map({})),
  step('update among applies', 'PATCH', `${MAPS}/seq?fieldManager=u`, { data: { z: '1', x: '3' } }, MERGE), apply('conflicts with an update', '?fieldManager=b', map({ x: '2', z: '2' })),
  apply('without manager', '', map({})), apply('with managedFields', '?fieldManager=b', map({}, { managedFields: [{ manager: 'x' }] })),
  step('apply of a new object with a uid', 'PATCH', `${MAPS}/new?fieldManager=b`, map({}, { uid: 'x' }, 'new'), APPLY),
  step('post', 'POST', MAPS, map({ a: '1' }, { labels: { a: 'b' }, annotations: { c: 'd' } }, 'put')), step('put', 'PUT', `${MAPS}/put`, map({ a: '1', b: '2' }, {}, 'put')),
  step('same put', 'PUT', `${MAPS}/put`, map({ a: '1', b: '2' }, {}, 'put')), step('finalizers', 'PATCH', `${MAPS}/put`, { metadata: { finalizers: ['a.b/c', 'd.e/f'] } }, MERGE),
  step('delete held', 'DELETE', `${MAPS}/put`), step('finalizer added too late', 'PATCH', `${MAPS}/put`, { metadata: { finalizers: ['a.b/c', 'x.y/z'] } }, MERGE),
  step('finalizers gone', 'PATCH', `${MAPS}/put`, { metadata: { finalizers: null } }, MERGE), step('object gone', 'GET', `${MAPS}/put`), step('delete', 'DELETE', `${MAPS}/seq`),
]

const DEPLOYMENTS = '/apis/apps/v1/namespaces/default/deployments'
const containers = [{ name: 'c', image: 'nginx:1', ports: [{ containerPort: 80 }], env: [{ name: 'A', value: '1' }, { name: 'B', value: '2' }] }]
const deployment = (list: unknown = containers): Fields => ({
  apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'seq', labels: { app: 'x' } },
  spec: { replicas: 1, selector: { matchLabels: { app: 'x' } }, template: { metadata: { labels: { app: 'x' } }, spec: { containers: list } } },
})
const patchPods = (name: string, spec: Fields): Step => step(`deployment ${name}`, 'PATCH', `${DEPLOYMENTS}/seq`, { spec: { template: { spec } } }, STRATEGIC)

const DEPLOYMENT_STEPS: readonly Step[] = [
  step('deployment create', 'POST', `${DEPLOYMENTS}?fieldManager=kubectl-create`, deployment()), patchPods('image', { containers: [{ name: 'c', image: 'nginx:2' }] }),
  patchPods('environment', { containers: [{ name: 'c', env: [{ name: 'A', $patch: 'delete' }, { name: 'C', value: '3' }] }] }),
  patchPods('order', { '$setElementOrder/containers': [{ name: 'd' }, { name: 'c' }], containers: [{ name: 'd', image: 'd' }] }),
  step('deployment strategy', 'PATCH', `${DEPLOYMENTS}/seq`, { spec: { strategy: { $retainKeys: ['type'], type: 'Recreate' } } }, STRATEGIC),
  step('deployment scale', 'PATCH', `${DEPLOYMENTS}/seq/scale`, { spec: { replicas: 3 } }, MERGE),
  step('deployment apply', 'PATCH', `${DEPLOYMENTS}/seq?fieldManager=ap`, deployment(), APPLY), step('deployment forced apply', 'PATCH', `${DEPLOYMENTS}/seq?fieldManager=ap&force=true`, deployment(), APPLY),
  step('deployment smaller apply', 'PATCH', `${DEPLOYMENTS}/seq?fieldManager=ap&force=true`, deployment([{ name: 'c', image: 'nginx:1' }]), APPLY),
  step('deployment selector', 'PATCH', `${DEPLOYMENTS}/seq`, { spec: { selector: { matchLabels: { app: 'y' } } } }, MERGE), step('deployment delete', 'DELETE', `${DEPLOYMENTS}/seq`),
]

const SLICES = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices'
const BINDINGS = '/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings'
const LEASES = '/apis/coordination.k8s.io/v1/namespaces/default/leases'
const merge = (name: string, path: string, body: Fields): Step => step(name, 'PATCH', path, body, MERGE)

const RULE_STEPS: readonly Step[] = [
  step('immutable map', 'POST', MAPS, { ...map({ a: '1' }, {}, 'fixed'), immutable: true }), merge('immutable map changed', `${MAPS}/fixed`, { data: { a: '2' }, immutable: false }), step('immutable map deleted', 'DELETE', `${MAPS}/fixed`),
  step('secret', 'POST', `${CORE}/secrets`, { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'seq' }, stringData: { a: 'b' } }), merge('secret type', `${CORE}/secrets/seq`, { type: 'x' }), step('secret deleted', 'DELETE', `${CORE}/secrets/seq`),
  step('binding', 'POST', BINDINGS, { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'RoleBinding', metadata: { name: 'seq' }, roleRef: { kind: 'ClusterRole', name: 'view' } }),
  merge('binding role', `${BINDINGS}/seq`, { roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'edit' } }), step('binding deleted', 'DELETE', `${BINDINGS}/seq`),
  step('slice', 'POST', SLICES, { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: { name: 'seq' }, addressType: 'IPv4', endpoints: [], ports: [] }),
  merge('slice type', `${SLICES}/seq`, { addressType: 'IPv6' }), merge('slice annotation', `${SLICES}/seq`, { metadata: { annotations: { a: 'b' } } }), merge('slice label', `${SLICES}/seq`, { metadata: { labels: { a: 'b' } } }),
  merge('slice endpoint', `${SLICES}/seq`, { endpoints: [{ addresses: ['10.0.0.1'] }] }), step('slice deleted', 'DELETE', `${SLICES}/seq`),
  step('node', 'POST', '/api/v1/nodes', { apiVersion: 'v1', kind: 'Node', metadata: { name: 'seq', annotations: { 'node.alpha.kubernetes.io/ttl': '0' } } }),
  step('node CIDR', 'PATCH', '/api/v1/nodes/seq', { spec: { podCIDR: '10.1.0.0/24', podCIDRs: ['10.1.0.0/24'] } }, STRATEGIC), merge('node other CIDR', '/api/v1/nodes/seq', { spec: { podCIDR: '10.2.0.0/24', podCIDRs: ['10.2.0.0/24'] } }),
  merge('node provider', '/api/v1/nodes/seq', { spec: { providerID: 'a' } }), merge('node other provider', '/api/v1/nodes/seq', { spec: { providerID: 'b' } }), step('node deleted', 'DELETE', '/api/v1/nodes/seq'),
  step('lease', 'POST', LEASES, { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name: 'seq' }, spec: { holderIdentity: 'a' } }),
  step('lease without version', 'PUT', `${LEASES}/seq`, { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name: 'seq' }, spec: { holderIdentity: 'b' } }), step('lease deleted', 'DELETE', `${LEASES}/seq`),
  step('missing namespace', 'POST', '/api/v1/namespaces/nope/configmaps', map({})), step('default namespace', 'DELETE', '/api/v1/namespaces/default'),
]

export const SEQUENCES: readonly Step[] = [...SERVICE_STEPS, ...APPLY_STEPS, ...DEPLOYMENT_STEPS, ...RULE_STEPS]
