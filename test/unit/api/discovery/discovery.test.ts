import test from 'ava'
import { aggregatedDiscovery } from '../../../../src/api/discovery/aggregated.ts'
import { apiGroup, apiGroupList, apiResourceList, storageVersionHash } from '../../../../src/api/discovery/legacy.ts'
import { builtinIndex } from '../../../../src/api/registry/resource-index.ts'

const index = builtinIndex()
type Rows = { name: string; group?: string; version?: string; kind: string; verbs: string[]; shortNames?: string[] }[]

test('the resource list of the core group shows services as upstream does (4)', t => {
  const rows = apiResourceList(index, '', 'v1')!['resources'] as Rows
  t.like(rows.find(({ name }) => name === 'services'), {
    singularName: 'service', namespaced: true, kind: 'Service', shortNames: ['svc'], categories: ['all'],
    verbs: ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'],
  })
  t.like(rows.find(({ name }) => name === 'pods/eviction'), { kind: 'Eviction', group: 'policy', version: 'v1', verbs: ['create'] })
  t.like(rows.find(({ name }) => name === 'serviceaccounts/token'), { group: 'authentication.k8s.io', version: 'v1' })
  t.false('group' in rows.find(({ name }) => name === 'pods/status')!)
})

test('a storage version hash is the value that kube-apiserver shows', t => {
  // `kubectl get --raw /api/v1` of any cluster: pods xPOwRZ+Yhw8=, services 0/CO1lhkEBI=.
  t.is(storageVersionHash({ group: '', version: 'v1', kind: 'Pod' }), 'xPOwRZ+Yhw8=')
  t.is(storageVersionHash({ group: '', version: 'v1', kind: 'Service' }), '0/CO1lhkEBI=')
})

test('aggregated discovery has the core group on one side and all others on the other, preferred versions first (3)', t => {
  const core = aggregatedDiscovery(index, 'core')['items'] as { metadata: { name?: string }; versions: { version: string }[] }[]
  const groups = aggregatedDiscovery(index, 'groups')['items'] as typeof core
  t.is(core.length, 1)
  t.is(core[0]!.metadata.name, undefined)
  t.deepEqual(groups.find(({ metadata }) => metadata.name === 'autoscaling')!.versions.map(({ version }) => version), ['v2', 'v1'])
  t.is(groups.length, index.groups.length - 1)
})

test('groups are listed with their preferred version; an unknown one has no document (5)', t => {
  const groups = apiGroupList(index)['groups'] as { name: string; preferredVersion: { groupVersion: string } }[]
  t.is(groups.find(({ name }) => name === 'discovery.k8s.io')!.preferredVersion.groupVersion, 'discovery.k8s.io/v1')
  t.is(apiGroup(index, 'nope'), undefined)
  t.is(apiResourceList(index, 'apps', 'v2'), undefined)
})
