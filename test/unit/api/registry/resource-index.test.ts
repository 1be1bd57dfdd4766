import test from 'ava'
import { BUILTIN_RESOURCES } from '../../../../src/api/registry/builtin.ts'
import { builtinIndex } from '../../../../src/api/registry/resource-index.ts'
import { storageKey } from '../../../../src/api/registry/resource.ts'

const index = builtinIndex()

test('the historic key prefixes are the ones that etcd holds', t => {
  const key = (group: string, version: string, plural: string): string => storageKey(index.find(group, version, plural)!, 'ns', 'x')
  t.is(key('', 'v1', 'services'), '/services/specs/ns/x')
  t.is(key('', 'v1', 'endpoints'), '/services/endpoints/ns/x')
  t.is(key('', 'v1', 'nodes'), '/minions/x')
  t.is(key('', 'v1', 'replicationcontrollers'), '/controllers/ns/x')
  t.is(key('networking.k8s.io', 'v1', 'ingresses'), '/ingress/ns/x')
  t.is(key('apps', 'v1', 'deployments'), '/deployments/ns/x')
  t.is(key('events.k8s.io', 'v1', 'events'), key('', 'v1', 'events'))
  t.is(key('apiextensions.k8s.io', 'v1', 'customresourcedefinitions'), '/apiextensions.k8s.io/customresourcedefinitions/x')
})

test('every resource is found by its URL and by its kind', t => {
  for (const resource of BUILTIN_RESOURCES) {
    t.is(index.find(resource.group, resource.version, resource.plural), resource)
    t.is(index.findKind(resource.group, resource.version, resource.kind), resource)
  }
  t.is(index.find('', 'v1', 'gadgets'), undefined)
})

test('verbs are alphabetical, namespaces have no deletecollection, reviews are create only (4)', t => {
  for (const { verbs, subresources } of BUILTIN_RESOURCES) {
    t.deepEqual([...verbs].sort(), [...verbs])
    for (const sub of subresources) t.deepEqual([...sub.verbs].sort(), [...sub.verbs])
  }
  t.false(index.find('', 'v1', 'namespaces')!.verbs.includes('deletecollection'))
  t.deepEqual(index.find('authentication.k8s.io', 'v1', 'tokenreviews')!.verbs, ['create'])
  t.deepEqual(index.find('', 'v1', 'services')!.verbs, ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'])
})

test('groups come in the order that decides ambiguous short names, autoscaling v2 before v1', t => {
  t.deepEqual(index.groups.map(({ group }) => group.split('.')[0]), [
    '', 'apiregistration', 'apps', 'events', 'authentication', 'authorization', 'autoscaling', 'batch', 'certificates', 'networking',
    'policy', 'rbac', 'storage', 'admissionregistration', 'apiextensions', 'scheduling', 'coordination', 'node', 'discovery', 'resource', 'flowcontrol',
  ])
  t.deepEqual(index.groups.find(({ group }) => group === 'autoscaling')!.versions.map(({ version }) => version), ['v2', 'v1'])
})

test('no two stored kinds share a key prefix, except the two forms of events and of autoscalers', t => {
  const owners = new Map<string, Set<string>>()
  for (const { storage, depth } of BUILTIN_RESOURCES) {
    if (depth === 'virtual') continue
    owners.set(storage.prefix, (owners.get(storage.prefix) ?? new Set()).add(JSON.stringify(storage.kind)))
  }
  for (const [prefix, kinds] of owners) t.is(kinds.size, 1, prefix)
})
