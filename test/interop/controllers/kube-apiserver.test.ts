// The controllers and the client against the real kube-apiserver: what it sends and what it refuses is the yardstick.

import test from 'ava'
import { CONFIG_MAPS } from '../../../src/client/resources.ts'
import { ControllerManagerLab } from '../../lab/controller-manager.ts'
import { FakeKubelet } from '../../lab/fake-kubelet.ts'
import { KUBE_APISERVER, KubeApiServerLab, hasKubeApiServer } from '../../lab/kube-apiserver.ts'
import { missingPeer } from '../../peers/cache.ts'
import { adminClient, create, until } from '../../e2e/controllers/harness.ts'

const interop = hasKubeApiServer() ? test : test.skip
const words = (text: string): string[] => text.split(' ').filter(word => word !== '')

interop(hasKubeApiServer() ? 'on kube-apiserver 1.36 nodes get CIDRs, deployments roll, slices follow and what is deleted takes along what it owns' : missingPeer(KUBE_APISERVER), async t => {
  t.timeout(240_000)
  await using lab = await KubeApiServerLab.open()
  await using client = await adminClient(lab)
  // Upstream's role of that name holds little: its controllers act as service accounts. Ours act as one.
  await using manager = await ControllerManagerLab.start(lab, [`--root-ca-file=${lab.path('ca.crt')}`], ['system:masters'])
  await using kubelet = await FakeKubelet.start(client, ['n1', 'n2'])
  await until(lab, ['get', 'nodes', '-o', 'jsonpath={.items[*].spec.podCIDR}'], output => new Set(words(output)).size === 2)

  await lab.kubectl('create', 'deployment', 'web', '--image=one', '--replicas=3')
  await lab.kubectl('expose', 'deployment', 'web', '--port=80', '--target-port=8080')
  t.regex(await lab.kubectl('rollout', 'status', 'deployment/web', '--timeout=60s'), /successfully rolled out/)
  const endpoints = ['get', 'endpointslices', '-l', 'kubernetes.io/service-name=web', '-o', 'jsonpath={.items[*].endpoints[*].addresses[0]}']
  await until(lab, endpoints, output => words(output).length === 3)
  await lab.kubectl('set', 'image', 'deployment/web', '*=two')
  t.regex(await lab.kubectl('rollout', 'status', 'deployment/web', '--timeout=60s'), /successfully rolled out/)
  await lab.kubectl('rollout', 'undo', 'deployment/web')
  t.regex(await lab.kubectl('rollout', 'status', 'deployment/web', '--timeout=60s'), /successfully rolled out/)
  await until(lab, ['get', 'pods', '-o', 'jsonpath={.items[*].spec.containers[0].image}'], output => words(output).join() === 'one,one,one')
  const addresses = [...kubelet.pods.cache.values()].map(pod => pod.status?.podIP).sort()
  await until(lab, endpoints, output => words(output).sort().join() === addresses.join())
  await until(lab, ['get', 'endpoints', 'web', '-o', 'jsonpath={.subsets[*].addresses[*].ip}'], output => words(output).sort().join() === addresses.join())

  await create(lab, {
    apiVersion: 'apps/v1', kind: 'DaemonSet', metadata: { name: 'agent' },
    spec: { selector: { matchLabels: { app: 'agent' } }, template: { metadata: { labels: { app: 'agent' } }, spec: { containers: [{ name: 'c', image: 'one' }] } } },
  })
  t.regex(await lab.kubectl('rollout', 'status', 'daemonset/agent', '--timeout=60s'), /successfully rolled out/)

  await create(lab, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'demo' } })
  await until(lab, ['-n', 'demo', 'get', 'serviceaccount/default', 'configmap/kube-root-ca.crt', '-o', 'name'], output => output.trim().split('\n').length === 2)
  await lab.kubectl('-n', 'demo', 'create', 'deployment', 'd', '--image=one', '--replicas=2')
  await until(lab, ['-n', 'demo', 'get', 'pods', '-o', 'name'], output => output.trim().split('\n').length === 2)
  await lab.kubectl('delete', 'namespace', 'demo', '--timeout=60s')

  await lab.kubectl('delete', 'deployment/web', 'daemonset/agent')
  await until(lab, ['get', 'replicasets,pods,controllerrevisions', '-o', 'name'], output => output.trim() === '')
  await lab.kubectl('delete', 'service', 'web')
  await until(lab, ['get', 'endpointslices,endpoints', '-l', 'app=web', '-o', 'name'], output => output.trim() === '')

  const signal = new AbortController().signal
  const one = await client.create(CONFIG_MAPS, { metadata: { name: 'one', namespace: 'default' } }, { signal })
  await create(lab, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'child', ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'one', uid: one.metadata.uid, blockOwnerDeletion: true }] } })
  await lab.kubectl('delete', 'configmap', 'one', '--cascade=foreground', '--timeout=60s')
  await until(lab, ['get', 'configmap', 'child', '-o', 'name'], output => output.includes('NotFound'))

  t.is(await manager.stop(), 0)
  const complaints = manager.lines.filter(line => /"level":"(?:warn|error)"/.test(line) && !/outside the cluster|fallen silent/.test(line))
  t.deepEqual(complaints, [])
})
