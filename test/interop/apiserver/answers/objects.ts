// Good and bad objects of the kinds with rules of their own, each as a create with dryRun. Names say what is odd.

import type { Step } from './compare.ts'

type Fields = Record<string, unknown>
const CORE = '/api/v1/namespaces/default'

const create = (path: string, apiVersion: string, kind: string) => (name: string, rest: Fields, metadata: Fields = {}): Step => ({
  name: `${kind} ${name}`, method: 'POST', path: `${path}?dryRun=All`, body: { apiVersion, kind, metadata: { name, ...metadata }, ...rest },
})

const service = (name: string, spec: Fields, metadata?: Fields): Step => create(`${CORE}/services`, 'v1', 'Service')(name, { spec: { ports: [{ port: 80 }], ...spec } }, metadata)
const container = { name: 'c', image: 'nginx' }
const pod = (name: string, spec: Fields): Step => create(`${CORE}/pods`, 'v1', 'Pod')(name, { spec: { containers: [container], ...spec } })
const one = (fields: Fields): Fields => ({ containers: [{ name: 'a', image: 'a', ...fields }] })
const labels = { a: 'b' }
const template = { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'nginx:1' }] } }
const workload = (kind: string) => (name: string, spec: Fields): Step =>
  create(`/apis/apps/v1/namespaces/default/${kind.toLowerCase()}s`, 'apps/v1', kind)(name, { spec: { selector: { matchLabels: labels }, template, ...spec } })
const deployment = workload('Deployment')
const slice = (name: string, rest: Fields): Step => create('/apis/discovery.k8s.io/v1/namespaces/default/endpointslices', 'discovery.k8s.io/v1', 'EndpointSlice')(
  name, { addressType: 'IPv4', endpoints: [{ addresses: ['10.0.0.1'] }], ports: [{ port: 80 }], ...rest })
const policy = (name: string, spec: Fields): Step => create('/apis/networking.k8s.io/v1/namespaces/default/networkpolicies', 'networking.k8s.io/v1', 'NetworkPolicy')(name, { spec: { podSelector: {}, ...spec } })
const RBAC = '/apis/rbac.authorization.k8s.io/v1'
const role = create(`${RBAC}/namespaces/default/roles`, 'rbac.authorization.k8s.io/v1', 'Role')
const binding = create(`${RBAC}/namespaces/default/rolebindings`, 'rbac.authorization.k8s.io/v1', 'RoleBinding')
const configMap = create(`${CORE}/configmaps`, 'v1', 'ConfigMap')
const secret = create(`${CORE}/secrets`, 'v1', 'Secret')

export const OBJECTS: readonly Step[] = [
  service('plain', {}), service('A_b', {}), service('a.b', {}), service('1a', {}), service('node-port', { type: 'NodePort' }),
  service('balancer', { type: 'LoadBalancer', externalTrafficPolicy: 'Local' }), service('external', { type: 'ExternalName', externalName: 'a.b', ports: undefined }),
  service('external-nameless', { type: 'ExternalName', ports: undefined }), service('external-ip', { type: 'ExternalName', externalName: 'a.b', clusterIP: '10.96.0.9' }),
  service('no-ports', { ports: [] }), service('unnamed', { ports: [{ port: 80 }, { port: 81 }] }), service('same-name', { ports: [{ name: 'a', port: 80 }, { name: 'a', port: 81 }] }),
  service('same-port', { ports: [{ name: 'a', port: 80 }, { name: 'b', port: 80 }] }), service('protocol', { ports: [{ port: 80, protocol: 'X' }] }),
  service('port-0', { ports: [{ port: 0 }] }), service('port-70000', { ports: [{ port: 70_000 }] }), service('node-port-of-cluster-ip', { ports: [{ port: 80, nodePort: 30_080 }] }),
  service('type', { type: 'X' }), service('target', { ports: [{ port: 80, targetPort: 'a_b' }] }), service('target-name', { ports: [{ port: 80, targetPort: 'http' }] }),
  service('affinity', { sessionAffinity: 'ClientIP' }), service('affinity-x', { sessionAffinity: 'X' }),
  service('affinity-0', { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 0 } } }),
  service('affinity-90000', { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 90_000 } } }),
  service('headless', { clusterIP: 'None' }), service('headless-selector', { clusterIP: 'None', selector: labels }), service('headless-node-port', { clusterIP: 'None', type: 'NodePort' }),
  service('external-policy', { externalTrafficPolicy: 'Local' }), service('external-policy-x', { type: 'NodePort', externalTrafficPolicy: 'X' }), service('internal-policy-x', { internalTrafficPolicy: 'X' }),
  service('health-port', { healthCheckNodePort: 30_001 }), service('class', { loadBalancerClass: 'a/b' }), service('source-ranges', { loadBalancerSourceRanges: ['10.0.0.0/8'] }),
  service('source-range-host-bits', { type: 'LoadBalancer', loadBalancerSourceRanges: ['10.0.0.1/8'] }), service('allocate', { allocateLoadBalancerNodePorts: true }),
  service('distribution', { trafficDistribution: 'X' }), service('distribution-close', { trafficDistribution: 'PreferClose' }), service('external-loopback', { externalIPs: ['127.0.0.1'] }),
  service('external-ips', { externalIPs: ['1.2.3.4'] }), service('external-zeros', { externalIPs: ['01.2.3.4'] }), service('selector', { selector: { 'a b': 'c' } }),
  service('family', { ipFamilies: ['IPv6'] }), service('family-x', { ipFamilies: ['X'] }), service('require-dual', { ipFamilyPolicy: 'RequireDualStack' }), service('policy-x', { ipFamilyPolicy: 'X' }),
  service('prefer-dual', { ipFamilyPolicy: 'PreferDualStack' }), service('ip-x', { clusterIP: 'x' }), service('ip-outside', { clusterIP: '10.99.0.1' }), service('ip-v6', { clusterIP: 'fd00::1' }),
  service('ips-only', { clusterIPs: ['10.96.0.20'] }), service('ips-differ', { clusterIP: '10.96.0.20', clusterIPs: ['10.96.0.21'] }), service('none-and-ip', { clusterIP: 'None', clusterIPs: ['None', '10.96.0.1'] }),
  service('app-protocol', { ports: [{ port: 80, appProtocol: 'a b' }] }), service('dns', { type: 'NodePort', ports: [{ name: 't', port: 53 }, { name: 'u', port: 53, protocol: 'UDP' }] }),
  service('annotation', {}, { annotations: { 'a b': 'c' } }), service('finalizer', {}, { finalizers: ['x'] }), service('owner', {}, { ownerReferences: [{}] }),
  pod('plain', {}), pod('no-containers', { containers: [] }), pod('no-name', { containers: [{ image: 'a' }] }), pod('no-image', { containers: [{ name: 'a' }] }),
  pod('same-name', { containers: [container, container] }), pod('bad-name', { containers: [{ name: 'A', image: 'a' }] }), pod('port-0', one({ ports: [{ containerPort: 0 }] })),
  pod('port-name', one({ ports: [{ containerPort: 70_000, name: 'TOOLONGNAMEFORAPORT' }] })), pod('host-network', { hostNetwork: true, ...one({ ports: [{ containerPort: 80, hostPort: 81 }] }) }),
  pod('mount', one({ volumeMounts: [{ name: 'v', mountPath: '/x' }] })), pod('request-above-limit', one({ resources: { requests: { cpu: '2' }, limits: { cpu: '1' } } })),
  pod('quantities', one({ resources: { requests: { cpu: 0.5, memory: '1024Mi' }, limits: { cpu: '1000m', memory: '2Gi' } } })), pod('restart-x', { restartPolicy: 'X' }), pod('dns-x', { dnsPolicy: 'X' }),
  pod('toleration-value', { tolerations: [{ key: 'a', operator: 'Exists', value: 'b' }] }), pod('environment', one({ env: [{ name: '' }, { name: 'a=b' }, { name: 'x', valueFrom: {} }] })),
  pod('probe', one({ image: 'a:1', livenessProbe: { httpGet: { port: 80 } } })),
  pod('volumes', { volumes: [{ name: 'v' }, { name: 'c', configMap: { name: 'x' } }, { name: 's', secret: { secretName: 'x' } }, { name: 'h', hostPath: { path: '/x' } }] }),
  pod('same-volume', { volumes: [{ name: 'v' }, { name: 'v' }] }), pod('account', { serviceAccountName: 'nope' }), pod('node', { nodeName: 'N_x' }), pod('deadline', { activeDeadlineSeconds: 0 }),
  pod('image-space', one({ image: ' a' })), pod('pull-x', one({ imagePullPolicy: 'X' })), pod('node-selector', { nodeSelector: { 'a b': 'c' } }), pod('sidecar', { initContainers: [{ name: 'i', image: 'i', restartPolicy: 'Always' }] }),
  pod('priority', { priorityClassName: 'system-node-critical' }), pod('gates', { schedulingGates: [{ name: 'a/b' }] }),
  deployment('plain', {}), deployment('no-selector', { selector: undefined }), deployment('empty-selector', { selector: {} }), deployment('mismatch', { selector: { matchLabels: { x: 'y' } } }),
  deployment('negative', { replicas: -1 }), deployment('restart', { template: { ...template, spec: { ...template.spec, restartPolicy: 'Never' } } }), deployment('strategy', { strategy: { type: 'X' } }),
  deployment('recreate', { strategy: { type: 'Recreate', rollingUpdate: {} } }), deployment('zeros', { strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: 0 } } }),
  deployment('percent', { strategy: { rollingUpdate: { maxSurge: 'a' } } }), deployment('deadline', { progressDeadlineSeconds: 5, minReadySeconds: 10 }),
  ...['ReplicaSet', 'StatefulSet'].flatMap(kind => [workload(kind)('plain', {}), workload(kind)('no-selector', { selector: undefined }), workload(kind)('negative', { replicas: -1 })]),
  slice('plain', {}), slice('no-type', { addressType: undefined }), slice('type', { addressType: 'X' }), slice('family', { endpoints: [{ addresses: ['fd00::1'] }] }),
  slice('loopback', { endpoints: [{ addresses: ['127.0.0.1'] }] }), slice('none', { endpoints: [{ addresses: [] }] }), slice('many', { endpoints: [{ addresses: Array.from({ length: 101 }, (_, i) => `10.0.0.${i}`) }] }),
  slice('same-name', { ports: [{ port: 80 }, { port: 81 }] }), slice('names', { addressType: 'FQDN', endpoints: [{ addresses: ['a.b'] }] }), slice('1001', { endpoints: Array(1001).fill({ addresses: ['10.0.0.1'] }) }),
  create(`${CORE}/endpoints`, 'v1', 'Endpoints')('plain', { subsets: [{ addresses: [{ ip: '10.0.0.1' }], ports: [{ port: 80 }] }] }),
  create('/api/v1/namespaces', 'v1', 'Namespace')('fresh', {}), create('/api/v1/namespaces', 'v1', 'Namespace')('a.b', {}),
  create('/api/v1/nodes', 'v1', 'Node')('two-v4', { spec: { podCIDRs: ['10.0.0.0/24', '10.0.1.0/24'] } }),
  configMap('key', { data: { '..': 'x' } }), configMap('type', { data: { a: 1 } }), secret('plain', { stringData: { a: 'b' } }), secret('tls', { type: 'kubernetes.io/tls' }), secret('base64', { data: { a: '***' } }),
  policy('plain', {}), policy('egress', { egress: [{}] }), policy('peer', { ingress: [{ from: [{}] }] }), policy('both', { ingress: [{ from: [{ ipBlock: { cidr: '10.0.0.0/8' }, podSelector: {} }] }] }),
  policy('except', { ingress: [{ from: [{ ipBlock: { cidr: '10.0.0.0/8', except: ['11.0.0.0/8', '10.0.0.0/8'] } }] }] }), policy('cidr', { ingress: [{ from: [{ ipBlock: { cidr: 'x' } }, { ipBlock: {} }, { ipBlock: { cidr: '10.0.0.1/8' } }] }] }),
  policy('end-port', { ingress: [{ ports: [{ endPort: 5 }, { port: 10, endPort: 5 }, { port: 'a', endPort: 5 }, { port: 'A_b' }, { port: 0 }] }] }), policy('types', { policyTypes: ['X', 'Ingress', 'Egress'] }),
  role('rules', { rules: [{}, { verbs: ['get'] }, { verbs: ['get'], nonResourceURLs: ['/x'] }] }), role('empty', {}),
  binding('bad', { roleRef: { kind: 'X', name: '' }, subjects: [{ kind: 'X' }, { kind: 'ServiceAccount', name: 'a' }, { kind: 'User', name: 'u' }] }),
  binding('plain', { roleRef: { kind: 'ClusterRole', name: 'view' }, subjects: [{ kind: 'ServiceAccount', name: 'a', namespace: 'default' }, { kind: 'User', name: 'u' }] }),
  ...[['x', { minAvailable: 'x' }], ['101', { minAvailable: '101%' }], ['half', { maxUnavailable: '50%', selector: { matchLabels: labels } }]].map(([name, spec]) =>
    create('/apis/policy/v1/namespaces/default/poddisruptionbudgets', 'policy/v1', 'PodDisruptionBudget')(name as string, { spec })),
  create('/apis/networking.k8s.io/v1/ipaddresses', 'networking.k8s.io/v1', 'IPAddress')('01.2.3.4', { spec: {} }),
  create('/apis/networking.k8s.io/v1/servicecidrs', 'networking.k8s.io/v1', 'ServiceCIDR')('twice', { spec: { cidrs: ['10.0.0.1/8', '10.0.0.0/8'] } }),
  create(`${CORE}/events`, 'v1', 'Event')('elsewhere', { involvedObject: { namespace: 'other', name: 'x' } }),
  create('/apis/storage.k8s.io/v1/storageclasses', 'storage.k8s.io/v1', 'StorageClass')('plain', { provisioner: 'a/b' }),
]
