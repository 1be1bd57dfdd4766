// Pods as processes: what a real `weft node` makes of Pod objects of a real API server.

import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import type { Container } from 'kubernetes-types/core/v1.js'
import { CONFIG_MAPS, EVENTS, LEASES, NODES, SECRETS } from '../../../src/client/resources.ts'
import { eventually } from '../../lab/eventually.ts'
import { isReady, NODE_NAME, NodeLab } from '../../lab/node.ts'

const signal = new AbortController().signal

const shell = (script: string, more: Partial<Container> = {}): Container => ({ name: 'c', image: 'any', command: ['sh', '-c', script], ...more })
const sleeper = (more: Partial<Container> = {}): Container => shell('trap "exit 0" TERM; while :; do sleep 1 & wait $!; done', more)
const logOf = (lab: NodeLab, uid: string, run: string): string => readFileSync(join(lab.rootFolder, 'pods', uid, 'containers', run, 'log'), 'utf8')

test.serial('a pod of the sample image answers at its address, and leaves nothing behind', async t => {
  await using lab = await NodeLab.open()
  await lab.create('web', { containers: [{ name: 'echo', image: 'weft/echo:1', readinessProbe: { httpGet: { port: 8080 as never, path: '/' } } }] })
  const pod = await lab.ready('web')
  t.like(pod.status, { phase: 'Running', podIP: '10.244.1.2', hostIP: lab.host.address })
  t.like(pod.status!.containerStatuses![0], { ready: true, started: true, restartCount: 0 })
  const { body } = await lab.host.get(pod.status!.podIP!, 8080)
  t.regex(body, /web/)
  t.regex(body, new RegExp(NODE_NAME))
  await lab.delete('web')
  await lab.gone('web')
  await lab.clean()
  await t.throwsAsync(lab.host.get('10.244.1.2', 8080, '/', { timeoutMs: 300 }))
})

test.serial('containers have their own process tree and share network, host name and IPC with the pod alone', async t => {
  await using lab = await NodeLab.open()
  const look = (name: string): Container => shell('echo pid $$$$; for n in pid mnt net uts ipc; do readlink /proc/self/ns/$n; done; hostname; ls /proc | grep -c "^[0-9]"; exec sleep 600', { name })
  await lab.create('ns', { hostname: 'call-me', containers: [look('a'), look('b')] })
  const { metadata: { uid } } = await lab.ready('ns')
  for (const run of ['a.0', 'b.0']) await eventually(() => logOf(lab, uid, run).trim().split('\n').length === 8)
  const [a, b] = ['a.0', 'b.0'].map(run => logOf(lab, uid, run).trim().split('\n'))
  t.is(a![0], 'pid 1')
  t.deepEqual(a!.slice(3, 6), b!.slice(3, 6))
  t.not(a![1], b![1])
  t.not(a![2], b![2])
  t.false(a![3]!.includes(String(lab.host.identity.inode)))
  t.is(a![6], 'call-me')
  t.true(Number(a![7]) <= 5)
})

test.serial('the chain of plugins is called as libcni does: results handed on, DEL backwards with the final one', async t => {
  await using lab = await NodeLab.open()
  lab.cni.configure([{ type: 'wired', capabilities: { portMappings: true } }, { type: 'tuned', capabilities: { bandwidth: true } }])
  await lab.create('p', { containers: [sleeper({ ports: [{ containerPort: 80, hostPort: 8088 }] })] }, { annotations: { 'kubernetes.io/egress-bandwidth': '10M' } })
  const { metadata: { uid } } = await lab.ready('p')
  await lab.delete('p')
  await lab.gone('p')
  const calls = lab.cni.calls()
  t.deepEqual(calls.map(call => `${call.verb} ${call.plugin}`), ['ADD wired', 'ADD tuned', 'DEL tuned', 'DEL wired'])
  const [first, second, third, fourth] = calls
  t.is(new Set(calls.map(call => call.containerId)).size, 1)
  t.regex(first!.args, new RegExp(`^IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=p;K8S_POD_INFRA_CONTAINER_ID=${first!.containerId};K8S_POD_UID=${uid}$`))
  t.like(first!.input, { name: 'test-net', cniVersion: '1.0.0', type: 'wired', runtimeConfig: { portMappings: [{ hostPort: 8088, containerPort: 80, protocol: 'tcp' }] } })
  t.is(first!.input.prevResult, undefined)
  t.is(second!.input.prevResult.ips[0].address, '10.244.1.2/24')
  t.deepEqual(second!.input.runtimeConfig, { bandwidth: { egressRate: 10_000_000, egressBurst: 4_294_967_295 } })
  for (const call of [third, fourth]) t.is(call!.input.prevResult.ips[0].address, '10.244.1.2/24')
})

test.serial('DEL uses the configuration that ADD had, whatever the file says by then', async t => {
  await using lab = await NodeLab.open()
  await lab.create('p', { containers: [sleeper()] })
  await lab.ready('p')
  lab.cni.configure([{ type: 'tuned' }], 'other-net')
  await lab.delete('p')
  await lab.gone('p')
  await lab.clean()
  t.like(lab.cni.calls().at(-1), { verb: 'DEL', plugin: 'wired', input: { name: 'test-net' } })
})

test.serial('an ADD that fails is undone, reported and tried again until it works', async t => {
  await using lab = await NodeLab.open()
  lab.cni.fail('ADD', { cniVersion: '1.0.0', code: 11, msg: 'not yet' })
  const created = await lab.create('p', { containers: [sleeper()] })
  await eventually(async () => {
    const { items } = await lab.client.list(EVENTS, { namespace: 'default', signal })
    return items.some(event => event.reason === 'FailedCreatePodSandBox' && /code 11\): not yet/.test(event.message ?? '') && event.involvedObject.uid === created.metadata.uid)
  })
  rmSync(lab.cni.path('fail-ADD'))
  await lab.ready('p')
  const ids = lab.cni.calls().filter(call => call.verb === 'ADD').map(call => call.containerId)
  t.is(new Set(ids).size, ids.length)
  t.true(ids.slice(0, -1).every(id => lab.cni.calls().some(call => call.verb === 'DEL' && call.containerId === id)))
  await lab.delete('p')
  await lab.gone('p')
  await lab.clean()
})

test.serial('restart policies: Never ends, OnFailure repeats until it works, Always goes on', async t => {
  await using lab = await NodeLab.open()
  const counter = join(lab.folder, 'counter')
  await lab.create('good', { restartPolicy: 'Never', containers: [shell('exit 0')] })
  await lab.create('bad', { restartPolicy: 'Never', containers: [shell('exit 3')] })
  await lab.create('retry', { restartPolicy: 'OnFailure', containers: [shell(`test -e ${counter} && exit 0; touch ${counter}; exit 7`)] })
  await lab.create('again', { restartPolicy: 'Always', containers: [shell(`test -e ${counter}.k && exec sleep 600; touch ${counter}.k; exit 9`)] })
  t.is((await lab.until('good', pod => pod.status?.phase === 'Succeeded')).status!.containerStatuses![0]!.state!.terminated!.reason, 'Completed')
  const bad = await lab.until('bad', pod => pod.status?.phase === 'Failed')
  t.like(bad.status!.containerStatuses![0]!.state!.terminated, { exitCode: 3, reason: 'Error' })
  t.true(bad.status!.podIP!.startsWith('10.244.1.'))
  // A pod that has ended gives its address back although its object stays.
  await eventually(() => lab.cni.calls().some(({ verb, args }) => verb === 'DEL' && args.includes('K8S_POD_NAME=bad;')))
  const retry = await lab.until('retry', pod => pod.status?.phase === 'Succeeded')
  t.like(retry.status!.containerStatuses![0], { restartCount: 1, lastState: { terminated: { exitCode: 7 } } })
  const again = await lab.until('again', pod => pod.status?.containerStatuses?.[0]?.restartCount === 1 && isReady(pod))
  t.is(again.status!.containerStatuses![0]!.lastState!.terminated!.exitCode, 9)
})

test.serial('a container that keeps failing waits in CrashLoopBackOff', async t => {
  await using lab = await NodeLab.open()
  await lab.create('loop', { containers: [shell('exit 1')] })
  const pod = await lab.until('loop', ({ status }) => status?.containerStatuses?.[0]?.state?.waiting?.reason === 'CrashLoopBackOff')
  t.like(pod.status, { phase: 'Running' })
  t.is(pod.status!.containerStatuses![0]!.restartCount, 1)
  t.regex(pod.status!.containerStatuses![0]!.state!.waiting!.message!, /^back-off 10s restarting failed container=c pod=loop_default\(/)
  t.false(isReady(pod))
})

test.serial('readiness follows its probe, and a liveness probe that fails restarts the container', async t => {
  await using lab = await NodeLab.open()
  const [ready, sick] = [join(lab.folder, 'ready'), join(lab.folder, 'sick')]
  await lab.create('probed', { containers: [sleeper({
    readinessProbe: { exec: { command: ['test', '-e', ready] }, periodSeconds: 1, failureThreshold: 1 },
    livenessProbe: { exec: { command: ['sh', '-c', `! test -e ${sick}`] }, periodSeconds: 1, failureThreshold: 1 },
  })] })
  await lab.until('probed', pod => pod.status?.phase === 'Running')
  t.false(isReady(await lab.pod('probed')))
  writeFileSync(ready, '')
  await lab.ready('probed')
  rmSync(ready)
  const unready = await lab.until('probed', pod => !isReady(pod))
  t.is(unready.status!.conditions!.find(({ type }) => type === 'Ready')!.message, 'containers with unready status: [c]')
  writeFileSync(sick, '')
  const restarted = await lab.until('probed', pod => (pod.status?.containerStatuses?.[0]?.restartCount ?? 0) >= 1)
  t.truthy(restarted.status!.containerStatuses![0]!.lastState!.terminated)
})

test.serial('init containers run in turn before the others; a failed one with policy Never fails the pod', async t => {
  await using lab = await NodeLab.open()
  const file = join(lab.folder, 'order')
  const step = (name: string, more = ''): Container => shell(`echo ${name} >> ${file}; ${more}`, { name })
  await lab.create('ordered', { initContainers: [step('one', 'sleep 0.2'), step('two')], containers: [step('main', 'exec sleep 600')] })
  await lab.ready('ordered')
  await eventually(() => readFileSync(file, 'utf8') === 'one\ntwo\nmain\n')
  await lab.create('broken', { restartPolicy: 'Never', initContainers: [shell('exit 4', { name: 'init' })], containers: [step('never')] })
  const broken = await lab.until('broken', pod => pod.status?.phase === 'Failed')
  t.like(broken.status!.initContainerStatuses![0]!.state!.terminated, { exitCode: 4 })
  t.is(readFileSync(file, 'utf8'), 'one\ntwo\nmain\n')
})

test.serial('the environment comes from values, the downward API, config maps and secrets', async t => {
  await using lab = await NodeLab.open()
  await lab.client.create(CONFIG_MAPS, { metadata: { name: 'conf', namespace: 'default' }, data: { colour: 'blue', size: '7' } }, { signal })
  await lab.client.create(SECRETS, { metadata: { name: 'hidden', namespace: 'default' }, data: { word: Buffer.from('sesame').toString('base64') } }, { signal })
  await lab.create('env', { restartPolicy: 'Never', containers: [shell('echo "$POD_NAME|$NODE_NAME|$IP|$GREETING|$size|$WORD|$APP"; echo "$0"; echo "$1"', {
    args: ['$(GREETING)', '$$(GREETING) $(UNKNOWN)'],
    envFrom: [{ configMapRef: { name: 'conf' } }],
    env: [
      { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } }, { name: 'GREETING', value: 'sky is $(colour)' },
      { name: 'WORD', valueFrom: { secretKeyRef: { name: 'hidden', key: 'word' } } }, { name: 'APP', valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } } },
    ],
  })] }, { labels: { app: 'shop' } })
  const { metadata: { uid } } = await lab.until('env', pod => pod.status?.phase === 'Succeeded')
  t.is(logOf(lab, uid, 'c.0'), `env|${NODE_NAME}|10.244.1.2|sky is blue|7|sesame|shop\nsky is blue\n$(GREETING) $(UNKNOWN)\n`)
})

test.serial('what cannot be started says why and what to do', async t => {
  await using lab = await NodeLab.open()
  await lab.create('image', { containers: [{ name: 'c', image: 'nginx:1' }] })
  await lab.create('program', { containers: [{ name: 'c', image: 'x', command: ['there-is-no-such-program'] }] })
  await lab.create('config', { containers: [sleeper({ envFrom: [{ configMapRef: { name: 'nowhere' } }] })] })
  const waiting = async (name: string) => (await lab.until(name, pod => (pod.status?.containerStatuses?.[0]?.state?.waiting?.message ?? '') !== '')).status!.containerStatuses![0]!.state!.waiting!
  t.like(await waiting('image'), { reason: 'ErrImagePull', message: 'image "nginx:1" cannot be pulled: this node runs containers as processes on its own file system. Give container c a command, or use the image weft/echo' })
  t.is((await waiting('program')).reason, 'CreateContainerError')
  t.like(await waiting('config'), { reason: 'CreateContainerConfigError', message: 'container c: configmap "nowhere" not found' })
  t.is((await lab.pod('image')).status!.phase, 'Pending')
})

test.serial('a pod on the host network has the node’s addresses and no attachment', async t => {
  await using lab = await NodeLab.open({ network: false })
  await lab.create('host', { hostNetwork: true, containers: [shell('readlink /proc/self/ns/net; exec sleep 600')] })
  const pod = await lab.ready('host')
  t.deepEqual(pod.status!.podIPs, [{ ip: lab.host.address }, { ip: lab.host.address6 }])
  await eventually(() => logOf(lab, pod.metadata.uid, 'c.0').includes(String(lab.host.identity.inode)) || logOf(lab, pod.metadata.uid, 'c.0'))
  t.deepEqual(lab.cni.calls(), [])
  await lab.delete('host', 0)
  await lab.gone('host')
  await lab.clean()
})

test.serial('deletion asks first, insists after the grace period, and takes all processes of the pod along', async t => {
  await using lab = await NodeLab.open()
  const said = join(lab.folder, 'said')
  await lab.create('polite', { terminationGracePeriodSeconds: 30, containers: [shell(`trap "echo bye > ${said}; exit 0" TERM; while :; do sleep 1 & wait $!; done`)] })
  await lab.create('deaf', { terminationGracePeriodSeconds: 1, containers: [shell('trap "" TERM; setsid sleep 600 & while :; do sleep 1; done')] })
  await Promise.all([lab.ready('polite'), lab.ready('deaf')])
  const began = performance.now()
  await lab.delete('polite')
  await lab.gone('polite')
  t.true(performance.now() - began < 5_000)
  t.is(readFileSync(said, 'utf8'), 'bye\n')
  await lab.delete('deaf')
  await lab.gone('deaf')
  await lab.clean()
  t.is(lab.cni.calls().filter(call => call.verb === 'DEL').length, 2)
})

test.serial('a node registers, renews its lease, and is Ready once the pod network is', async t => {
  await using lab = await NodeLab.open({ network: false })
  const ready = async () => (await lab.client.get(NODES, { name: NODE_NAME }, { signal })).status!.conditions!.find(({ type }) => type === 'Ready')!
  t.like(await ready(), { status: 'False', reason: 'KubeletNotReady' })
  t.regex((await ready()).message!, /no network configuration in .*net\.d/)
  await lab.create('waits', { containers: [sleeper()] })
  lab.cni.configure()
  await eventually(async () => (await ready()).status === 'True', { timeoutMs: 5_000 })
  await lab.ready('waits')
  const node = await lab.client.get(NODES, { name: NODE_NAME }, { signal })
  t.like(node.metadata.labels, { 'kubernetes.io/hostname': NODE_NAME, 'kubernetes.io/os': 'linux' })
  t.deepEqual(node.status!.addresses, [{ type: 'InternalIP', address: lab.host.address }, { type: 'InternalIP', address: lab.host.address6 }, { type: 'Hostname', address: NODE_NAME }])
  t.is(node.status!.capacity!['pods'], '110')
  const lease = await lab.client.get(LEASES, { namespace: 'kube-node-lease', name: NODE_NAME }, { signal })
  t.like(lease.spec, { holderIdentity: NODE_NAME, leaseDurationSeconds: 40 })
  t.is(lease.metadata.ownerReferences![0]!.uid, node.metadata.uid)
})

test.serial('the root folder of a pod is closed to other users', async t => {
  await using lab = await NodeLab.open()
  await lab.create('p', { containers: [sleeper()] })
  await lab.ready('p')
  t.is(statSync(lab.rootFolder).mode & 0o777, 0o700)
  t.true(existsSync(join(lab.rootFolder, 'pods')))
})
