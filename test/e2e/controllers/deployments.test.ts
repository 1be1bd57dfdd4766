// Deployments as people use them: kubectl against a real server and the real controllers.

import test from 'ava'
import { ApiServerLab } from '../../lab/apiserver.ts'
import { ControllerManagerLab } from '../../lab/controller-manager.ts'
import { FakeKubelet } from '../../lab/fake-kubelet.ts'
import { adminClient, create, until } from './harness.ts'

const IMAGES = ['get', 'pods', '-o', 'jsonpath={.items[*].spec.containers[0].image}']
const words = (text: string): string[] => text.split(' ').filter(word => word !== '')

test('a deployment is created, rolled out, undone, scaled and deleted with what it owns (scenarios 14, 16, 42, 61)', async t => {
  await using lab = await ApiServerLab.open()
  await using client = await adminClient(lab)
  await using kubelet = await FakeKubelet.start(client, ['n1', 'n2'])
  await using manager = await ControllerManagerLab.start(lab)
  await lab.kubectl('create', 'deployment', 'web', '--image=one', '--replicas=3')
  t.regex(await lab.kubectl('rollout', 'status', 'deployment/web', '--timeout=60s'), /successfully rolled out/)
  t.deepEqual(words(await lab.kubectl(...IMAGES)), ['one', 'one', 'one'])
  t.regex(await lab.kubectl('get', 'deployment', 'web'), /web\s+3\/3\s+3\s+3/)

  await lab.kubectl('set', 'image', 'deployment/web', '*=two')
  t.regex(await lab.kubectl('rollout', 'status', 'deployment/web', '--timeout=60s'), /successfully rolled out/)
  await until(lab, IMAGES, output => words(output).join() === 'two,two,two')
  t.regex(await lab.kubectl('rollout', 'history', 'deployment/web'), /1\s+<none>\s+2\s+<none>/)

  await lab.kubectl('rollout', 'undo', 'deployment/web')
  t.regex(await lab.kubectl('rollout', 'status', 'deployment/web', '--timeout=60s'), /successfully rolled out/)
  await until(lab, IMAGES, output => words(output).join() === 'one,one,one')
  t.regex(await lab.kubectl('rollout', 'history', 'deployment/web'), /2\s+<none>\s+3\s+<none>/)

  await lab.kubectl('scale', 'deployment/web', '--replicas=5')
  await until(lab, IMAGES, output => words(output).length === 5)
  await lab.kubectl('wait', '--for=condition=Available', 'deployment/web', '--timeout=60s')
  await lab.kubectl('rollout', 'restart', 'deployment/web')
  t.regex(await lab.kubectl('rollout', 'status', 'deployment/web', '--timeout=60s'), /successfully rolled out/)
  t.is(words(await lab.kubectl('get', 'replicasets', '-o', 'jsonpath={.items[*].metadata.name}')).length, 3)

  await lab.kubectl('delete', 'deployment', 'web')
  await until(lab, ['get', 'replicasets,pods', '-o', 'name'], output => output.trim() === '')
  t.is(kubelet.pods.cache.size, 0)
  t.is(await manager.stop(), 0)
})

test('a rollout that cannot become ready keeps the old pods serving, says so, and is undone', async t => {
  await using lab = await ApiServerLab.open()
  await using client = await adminClient(lab)
  await using kubelet = await FakeKubelet.start(client, ['n1'])
  kubelet.broken.add('bad')
  await using manager = await ControllerManagerLab.start(lab)
  await lab.kubectl('create', 'deployment', 'web', '--image=good', '--replicas=4')
  await lab.kubectl('rollout', 'status', 'deployment/web', '--timeout=60s')
  await lab.kubectl('patch', 'deployment', 'web', '-p', '{"spec":{"progressDeadlineSeconds":2}}')
  await lab.kubectl('set', 'image', 'deployment/web', '*=bad')
  const failed = await t.throwsAsync(lab.kubectl('rollout', 'status', 'deployment/web', '--timeout=60s'))
  t.regex(failed!.message, /exceeded its progress deadline/)
  const images = words(await lab.kubectl(...IMAGES))
  t.is(images.filter(image => image === 'good').length, 3, 'one may be unavailable of four')
  t.is(images.filter(image => image === 'bad').length, 2, 'one above the total')
  await lab.kubectl('rollout', 'undo', 'deployment/web')
  t.regex(await lab.kubectl('rollout', 'status', 'deployment/web', '--timeout=60s'), /successfully rolled out/)
  await until(lab, IMAGES, output => words(output).join() === 'good,good,good,good')
  t.is(await manager.stop(), 0)
})

test('kill -9 of the controllers in the middle of a rollout makes no pod twice', async t => {
  await using lab = await ApiServerLab.open()
  await using client = await adminClient(lab)
  await using kubelet = await FakeKubelet.start(client, ['n1', 'n2'])
  await using managers = new AsyncDisposableStack()
  let manager = managers.use(await ControllerManagerLab.start(lab))
  await lab.kubectl('create', 'deployment', 'web', '--image=one', '--replicas=20')
  for (const image of ['two', 'three']) {
    await until(lab, IMAGES, output => words(output).length >= 10)
    await manager.stop('SIGKILL')
    await lab.kubectl('set', 'image', 'deployment/web', `*=${image}`)
    manager = managers.use(await ControllerManagerLab.start(lab))
  }
  t.regex(await lab.kubectl('rollout', 'status', 'deployment/web', '--timeout=60s'), /successfully rolled out/)
  const last = await until(lab, IMAGES, output => words(output).every(image => image === 'three'))
  t.is(words(last).length, 20)
  t.is(kubelet.pods.cache.size, 20)
  t.is(await manager.stop(), 0)
})

test('a daemon set runs on every node that fits, follows nodes and labels, and is updated and undone', async t => {
  await using lab = await ApiServerLab.open()
  await using client = await adminClient(lab)
  await using kubelet = await FakeKubelet.start(client, ['n1', 'n2'])
  await using manager = await ControllerManagerLab.start(lab)
  await create(lab, {
    apiVersion: 'apps/v1', kind: 'DaemonSet', metadata: { name: 'agent' },
    spec: { selector: { matchLabels: { app: 'agent' } }, template: { metadata: { labels: { app: 'agent' } }, spec: { containers: [{ name: 'c', image: 'one' }] } } },
  })
  t.regex(await lab.kubectl('rollout', 'status', 'daemonset/agent', '--timeout=60s'), /successfully rolled out/)
  const places = ['get', 'pods', '-o', 'jsonpath={.items[*].spec.nodeName}']
  t.deepEqual(words(await lab.kubectl(...places)).sort(), ['n1', 'n2'])
  await create(lab, { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n3' }, status: { conditions: [{ type: 'Ready', status: 'True' }] } })
  await until(lab, places, output => words(output).sort().join() === 'n1,n2,n3')
  await lab.kubectl('set', 'image', 'daemonset/agent', '*=two')
  t.regex(await lab.kubectl('rollout', 'status', 'daemonset/agent', '--timeout=60s'), /successfully rolled out/)
  await until(lab, IMAGES, output => words(output).join() === 'two,two,two')
  await lab.kubectl('rollout', 'undo', 'daemonset/agent')
  t.regex(await lab.kubectl('rollout', 'status', 'daemonset/agent', '--timeout=60s'), /successfully rolled out/)
  await until(lab, IMAGES, output => words(output).join() === 'one,one,one')
  await lab.kubectl('delete', 'node', 'n3')
  await until(lab, places, output => words(output).sort().join() === 'n1,n2')
  await lab.kubectl('delete', 'daemonset', 'agent')
  await until(lab, ['get', 'controllerrevisions,pods', '-o', 'name'], output => output.trim() === '')
  t.is(kubelet.pods.cache.size, 0)
  t.is(await manager.stop(), 0)
})

test('a drain waits for the disruption budget and completes when there is room (scenario 62)', async t => {
  await using lab = await ApiServerLab.open()
  await using client = await adminClient(lab)
  await using kubelet = await FakeKubelet.start(client, ['n1', 'n2'])
  await using manager = await ControllerManagerLab.start(lab)
  await lab.kubectl('create', 'deployment', 'web', '--image=one', '--replicas=2')
  await lab.kubectl('rollout', 'status', 'deployment/web', '--timeout=60s')
  await create(lab, { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', metadata: { name: 'web' }, spec: { minAvailable: '100%', selector: { matchLabels: { app: 'web' } } } })
  await until(lab, ['get', 'pdb', 'web', '-o', 'jsonpath={.status.currentHealthy}/{.status.desiredHealthy}/{.status.disruptionsAllowed}'], output => output === '2/2/0')
  const refused = await t.throwsAsync(lab.kubectl('drain', 'n1', '--timeout=3s'))
  t.regex(refused!.message, /violate the pod's disruption budget/)
  await lab.kubectl('patch', 'pdb', 'web', '--type=merge', '-p', '{"spec":{"minAvailable":1}}')
  await lab.kubectl('drain', 'n1', '--timeout=60s')
  await until(lab, ['get', 'pods', '-o', 'jsonpath={.items[*].spec.nodeName}'], output => words(output).join() === 'n2,n2')
  t.is(kubelet.pods.cache.size, 2)
  t.is(await manager.stop(), 0)
})

test('a paused deployment scales but does not roll; Recreate has no old pod beside a new one', async t => {
  await using lab = await ApiServerLab.open()
  await using client = await adminClient(lab)
  await using kubelet = await FakeKubelet.start(client, ['n1'])
  await using manager = await ControllerManagerLab.start(lab)
  await lab.kubectl('create', 'deployment', 'web', '--image=one', '--replicas=2')
  await lab.kubectl('rollout', 'status', 'deployment/web', '--timeout=60s')
  await lab.kubectl('rollout', 'pause', 'deployment/web')
  await lab.kubectl('set', 'image', 'deployment/web', '*=two')
  await lab.kubectl('scale', 'deployment/web', '--replicas=0')
  await until(lab, IMAGES, output => words(output).length === 0)
  await lab.kubectl('scale', 'deployment/web', '--replicas=3')
  await until(lab, IMAGES, output => words(output).join() === 'one,one,one')
  await lab.kubectl('rollout', 'resume', 'deployment/web')
  t.regex(await lab.kubectl('rollout', 'status', 'deployment/web', '--timeout=60s'), /successfully rolled out/)
  await until(lab, IMAGES, output => words(output).join() === 'two,two,two')

  const mixtures: string[] = []
  kubelet.pods.onChange(() => {
    const images = new Set([...kubelet.pods.cache.values()].map(pod => pod.spec!.containers[0]!.image!))
    if (images.size > 1) mixtures.push([...images].join())
  })
  await lab.kubectl('patch', 'deployment', 'web', '-p', '{"spec":{"strategy":{"type":"Recreate","rollingUpdate":null}}}')
  await lab.kubectl('set', 'image', 'deployment/web', '*=three')
  t.regex(await lab.kubectl('rollout', 'status', 'deployment/web', '--timeout=60s'), /successfully rolled out/)
  await until(lab, IMAGES, output => words(output).join() === 'three,three,three')
  t.deepEqual(mixtures, [])
  t.is(await manager.stop(), 0)
  t.deepEqual(manager.lines.filter(line => /"level":"(?:warn|error)"/.test(line)), [])
})
