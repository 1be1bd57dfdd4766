// Namespaces and owners: what is deleted takes along what belongs to it, and nothing else.

import test from 'ava'
import { ApiServerLab } from '../../lab/apiserver.ts'
import { ControllerManagerLab } from '../../lab/controller-manager.ts'
import { CONFIG_MAPS } from '../../../src/client/resources.ts'
import { adminClient, create, until } from './harness.ts'

const signal = new AbortController().signal
const map = (name: string, owners: object[] = [], namespace = 'default', more: object = {}) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace, ownerReferences: owners, ...more } })
const owner = (object: { metadata: { name: string; uid: string } }, blockOwnerDeletion = false) => ({ apiVersion: 'v1', kind: 'ConfigMap', name: object.metadata.name, uid: object.metadata.uid, blockOwnerDeletion })
const NAMES = ['get', 'configmaps', '-o', 'jsonpath={.items[*].metadata.name}']

test('a namespace is emptied and goes, whatever was in it; what is created meanwhile is refused (scenario 38)', async t => {
  await using lab = await ApiServerLab.open()
  await using manager = await ControllerManagerLab.start(lab)
  await create(lab, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'demo' } })
  await create(lab,
    map('a', [], 'demo'), map('held', [], 'demo', { finalizers: ['example.org/held'] }),
    { apiVersion: 'v1', kind: 'Service', metadata: { name: 's', namespace: 'demo' }, spec: { selector: { app: 'x' }, ports: [{ port: 80 }] } },
    { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', namespace: 'demo' }, spec: { containers: [{ name: 'c', image: 'i' }] } },
    { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'd', namespace: 'demo' }, spec: { replicas: 0, selector: { matchLabels: { app: 'x' } }, template: { metadata: { labels: { app: 'x' } }, spec: { containers: [{ name: 'c', image: 'i' }] } } } },
  )
  await lab.kubectl('delete', 'namespace', 'demo', '--wait=false')
  const conditions = await until(lab, ['get', 'namespace', 'demo', '-o', 'jsonpath={range .status.conditions[*]}{.type}={.status}:{.message};{end}'],
    output => output.includes('NamespaceFinalizersRemaining=True'))
  t.regex(conditions, /NamespaceContentRemaining=True:Some resources are remaining: configmaps\. has 1 resource instances/)
  t.regex(conditions, /example\.org\/held in 1 resource instances/)
  const refused = await t.throwsAsync(create(lab, map('late', [], 'demo')))
  t.regex(refused!.message, /because it is being terminated/)
  await lab.kubectl('-n', 'demo', 'patch', 'configmap', 'held', '--type=merge', '-p', '{"metadata":{"finalizers":null}}')
  await until(lab, ['get', 'namespace', 'demo', '-o', 'name'], output => output.includes('NotFound'))
  t.is(await manager.stop(), 0)
})

test('what lost its last owner is collected; what has another keeps that one only (scenario 42)', async t => {
  await using lab = await ApiServerLab.open()
  await using client = await adminClient(lab)
  await using manager = await ControllerManagerLab.start(lab)
  const [one, two] = [await client.create(CONFIG_MAPS, map('one') as never, { signal }), await client.create(CONFIG_MAPS, map('two') as never, { signal })]
  await create(lab, map('child', [owner(one)]), map('shared', [owner(one), owner(two)]), map('free'))
  const child = await client.get(CONFIG_MAPS, { name: 'child', namespace: 'default' }, { signal })
  await create(lab, map('grandchild', [owner(child)]), map('stranger', [{ ...owner(one), uid: 'ffffffff-0000-4000-8000-000000000000' }]))
  await until(lab, NAMES, output => !output.includes('stranger'))
  await lab.kubectl('delete', 'configmap', 'one')
  const left = await until(lab, NAMES, output => !/\bchild|grandchild/.test(output))
  t.deepEqual(left.split(' ').filter(name => name !== 'kube-root-ca.crt').sort(), ['free', 'shared', 'two'])
  await until(lab, ['get', 'configmap', 'shared', '-o', 'jsonpath={.metadata.ownerReferences[*].name}'], output => output === 'two')
  t.is(await manager.stop(), 0)
})

test('an orphaning deletion leaves the dependents without their reference (scenario 42)', async t => {
  await using lab = await ApiServerLab.open()
  await using client = await adminClient(lab)
  await using manager = await ControllerManagerLab.start(lab)
  const one = await client.create(CONFIG_MAPS, map('one') as never, { signal })
  await create(lab, map('child', [owner(one)]))
  await lab.kubectl('delete', 'configmap', 'one', '--cascade=orphan')
  await until(lab, ['get', 'configmap', 'one', '-o', 'name'], output => output.includes('NotFound'))
  t.is(await lab.kubectl('get', 'configmap', 'child', '-o', 'jsonpath={.metadata.ownerReferences}'), '')
  t.is(await manager.stop(), 0)
})

test('a foreground deletion ends with the owner; blocked owners in a circle do not wait for ever (scenario 42)', async t => {
  await using lab = await ApiServerLab.open()
  await using client = await adminClient(lab)
  await using manager = await ControllerManagerLab.start(lab)
  const one = await client.create(CONFIG_MAPS, map('one') as never, { signal })
  await create(lab, map('child', [owner(one, true)], 'default', { finalizers: ['example.org/held'] }))
  await lab.kubectl('delete', 'configmap', 'one', '--cascade=foreground', '--wait=false')
  await until(lab, ['get', 'configmap', 'child', '-o', 'jsonpath={.metadata.deletionTimestamp}'], output => output !== '')
  t.is(await lab.kubectl('get', 'configmap', 'one', '-o', 'jsonpath={.metadata.finalizers[0]}'), 'foregroundDeletion')
  await lab.kubectl('patch', 'configmap', 'child', '--type=merge', '-p', '{"metadata":{"finalizers":null}}')
  await until(lab, ['get', 'configmap', 'one', '-o', 'name'], output => output.includes('NotFound'))

  const a = await client.create(CONFIG_MAPS, map('a') as never, { signal })
  const b = await client.create(CONFIG_MAPS, map('b', [owner(a, true)]) as never, { signal })
  await lab.kubectl('patch', 'configmap', 'a', '--type=merge', '-p', JSON.stringify({ metadata: { ownerReferences: [owner(b, true)] } }))
  await lab.kubectl('delete', 'configmap', 'a', '--cascade=foreground', '--wait=false')
  await until(lab, NAMES, output => !/\b[ab]\b/.test(output))
  t.is(await manager.stop(), 0)
})
