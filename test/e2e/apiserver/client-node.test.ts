// @kubernetes/client-node as it is: objects of any kind, and an informer that outlives the server (scenario 81).

import { CoreV1Api, KubeConfig, KubernetesObjectApi, makeInformer, PatchStrategy, type V1ConfigMap } from '@kubernetes/client-node'
import test from 'ava'
import { ApiServerLab } from '../../lab/apiserver.ts'
import { eventually } from '../../lab/eventually.ts'

function configOf(lab: ApiServerLab): KubeConfig {
  const config = new KubeConfig()
  config.loadFromFile(lab.kubeconfig)
  return config
}

const DEFINITION = {
  apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata: { name: 'widgets.example.org' },
  spec: { group: 'example.org', scope: 'Namespaced', names: { plural: 'widgets', kind: 'Widget' }, versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } } }] },
}

test('objects of built-in and custom kinds are created, read, patched and deleted by what they say they are', async t => {
  await using lab = await ApiServerLab.open()
  const objects = KubernetesObjectApi.makeApiClient(configOf(lab))
  await objects.create(DEFINITION)
  const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web', namespace: 'default' }, spec: { ports: [{ port: 80 }] } }
  const widget = { apiVersion: 'example.org/v1', kind: 'Widget', metadata: { name: 'w', namespace: 'default' }, size: 3 }
  for (const object of [service, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c', namespace: 'default' }, data: { a: 'b' } }, widget]) {
    await eventually(async () => { await objects.create(object as never); return true })
    const patched = await objects.patch({ ...object, metadata: { ...object.metadata, labels: { touched: 'yes' } } } as never, undefined, undefined, undefined, undefined, PatchStrategy.MergePatch)
    t.is((patched as { metadata: { labels: Record<string, string> } }).metadata.labels['touched'], 'yes')
    t.is((await objects.read(object as never) as { kind: string }).kind, object.kind)
    await objects.delete(object as never)
    const error = await t.throwsAsync(() => objects.read(object as never))
    t.is((error as { code?: number }).code, 404)
  }
})

test('an informer sees what comes, changes and goes, also across a restart of the server', async t => {
  t.timeout(60_000)
  await using lab = await ApiServerLab.open()
  const config = configOf(lab)
  const core = config.makeApiClient(CoreV1Api)
  const informer = makeInformer<V1ConfigMap>(config, '/api/v1/namespaces/default/configmaps', () => core.listNamespacedConfigMap({ namespace: 'default' }))
  const events: string[] = []
  for (const type of ['add', 'update', 'delete'] as const) informer.on(type, object => events.push(`${type} ${object.metadata!.name}`))
  // The library leaves starting again to its user.
  let stopped = false
  informer.on('error', () => { if (!stopped) setTimeout(() => void informer.start().catch(() => undefined), 100) })
  t.teardown(async () => { stopped = true; await informer.stop() })
  await informer.start()
  const create = (name: string): Promise<unknown> => core.createNamespacedConfigMap({ namespace: 'default', body: { metadata: { name } } })
  await create('one')
  await eventually(() => events.includes('add one') || events.join())
  await lab.stop()
  await lab.start()
  await create('two')
  await eventually(() => events.includes('add two') || events.join(), { timeoutMs: 30_000 })
  await core.deleteNamespacedConfigMap({ name: 'one', namespace: 'default' })
  await eventually(() => events.includes('delete one') || events.join(), { timeoutMs: 30_000 })
  t.is(events.filter(event => event === 'add one').length, 1)
})
