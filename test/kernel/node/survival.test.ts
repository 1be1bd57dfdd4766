// What becomes of pods when the node part, the API server or the machine's state goes away under them.

import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import type { Container } from 'kubernetes-types/core/v1.js'
import { removeNetns } from '../../../src/net/netns/named-netns.ts'
import { eventually } from '../../lab/eventually.ts'
import { NodeLab } from '../../lab/node.ts'

const echo: Container = { name: 'echo', image: 'weft/echo', readinessProbe: { tcpSocket: { port: 9000 as never } } }
const shell = (script: string): Container => ({ name: 'c', image: 'any', command: ['sh', '-c', script] })
const shimOf = (lab: NodeLab, uid: string, run: string): number => Number(readFileSync(join(lab.rootFolder, 'pods', uid, 'containers', run, 'pid'), 'utf8').split(' ')[0])

test.serial('pods outlive a kill -9 of the node part and are found again, not restarted', async t => {
  await using lab = await NodeLab.open()
  await lab.create('p', { containers: [echo] })
  const before = await lab.ready('p')
  const shim = shimOf(lab, before.metadata.uid, 'echo.0')
  await lab.stop('SIGKILL')
  t.is((await lab.host.get(before.status!.podIP!, 8080)).status, 200)
  await lab.start()
  t.is((await lab.host.get(before.status!.podIP!, 8080)).status, 200)
  const after = await lab.ready('p')
  t.is(shimOf(lab, before.metadata.uid, 'echo.0'), shim)
  t.is(after.status!.containerStatuses![0]!.restartCount, 0)
  t.deepEqual(after.status!.podIPs, before.status!.podIPs)
  t.is(lab.cni.calls().filter(call => call.verb === 'ADD').length, 1)
  await eventually(() => lab.cni.calls().some(call => call.verb === 'CHECK' && call.input.prevResult.ips[0].address === `${before.status!.podIP}/24`))
  await lab.delete('p', 0)
  await lab.gone('p')
  await lab.clean()
})

test.serial('a pod that ends while the node part is away is reported with its exit code', async t => {
  await using lab = await NodeLab.open()
  const go = join(lab.folder, 'go')
  await lab.create('p', { restartPolicy: 'Never', containers: [shell(`until test -e ${go}; do sleep 0.05; done; exit 5`)] })
  const { metadata: { uid } } = await lab.ready('p')
  await lab.stop('SIGKILL')
  writeFileSync(go, '')
  await eventually(() => readdirSync(join(lab.rootFolder, 'pods', uid, 'containers', 'c.0')).includes('exit'))
  await lab.start()
  const pod = await lab.until('p', ({ status }) => status?.phase === 'Failed')
  t.is(pod.status!.containerStatuses![0]!.state!.terminated!.exitCode, 5)
})

test.serial('a pod that is deleted while the node part is away is removed when it is back', async t => {
  await using lab = await NodeLab.open()
  await lab.create('graceful', { containers: [echo] })
  await lab.create('forced', { containers: [echo] })
  await Promise.all([lab.ready('graceful'), lab.ready('forced')])
  await lab.stop('SIGKILL')
  await lab.delete('graceful')
  await lab.delete('forced', 0)
  await lab.gone('forced')
  await lab.start()
  await lab.gone('graceful')
  await lab.clean()
  t.is(lab.cni.calls().filter(call => call.verb === 'DEL').length, 2)
})

test.serial('a node part killed at any moment of a pod’s start leaks nothing', async t => {
  await using lab = await NodeLab.open()
  for (const delayMs of [0, 15, 30, 45, 60, 80, 120]) {
    const name = `p-${delayMs}`
    await lab.create(name, { containers: [echo] })
    await new Promise(resolve => setTimeout(resolve, delayMs))
    await lab.stop('SIGKILL')
    await lab.start()
    await lab.ready(name)
    await lab.delete(name, 0)
    await lab.gone(name)
    await lab.clean()
  }
  const calls = lab.cni.calls()
  const added = new Set(calls.filter(call => call.verb === 'ADD').map(call => call.containerId))
  t.true([...added].every(id => calls.some(call => call.verb === 'DEL' && call.containerId === id)))
})

test.serial('while the API server is away pods run and restart, and are reported when it is back', async t => {
  await using lab = await NodeLab.open()
  const crash = join(lab.folder, 'crash')
  await lab.create('p', { containers: [shell(`until test -e ${crash}; do sleep 0.05; done; rm ${crash}; exit 1`)] })
  const { metadata: { uid } } = await lab.ready('p')
  await lab.bridge.cut()
  writeFileSync(crash, '')
  await eventually(() => readdirSync(join(lab.rootFolder, 'pods', uid, 'containers')).includes('c.1'))
  await lab.bridge.mend()
  const pod = await lab.until('p', ({ status }) => status?.containerStatuses?.[0]?.restartCount === 1)
  t.is(pod.status!.containerStatuses![0]!.lastState!.terminated!.exitCode, 1)
})

test.serial('a container whose keeper is killed ends with it and is started again', async t => {
  await using lab = await NodeLab.open()
  await lab.create('p', { containers: [echo] })
  const { metadata: { uid }, status } = await lab.ready('p')
  process.kill(shimOf(lab, uid, 'echo.0'), 'SIGKILL')
  const pod = await lab.until('p', ({ status: now }) => now?.containerStatuses?.[0]?.restartCount === 1 && now.containerStatuses[0].ready, 60_000)
  t.like(pod.status!.containerStatuses![0]!.lastState!.terminated, { exitCode: 137, reason: 'ContainerStatusUnknown' })
  t.is((await lab.host.get(status!.podIP!, 8080)).status, 200)
})

test.serial('a pod whose namespace is gone, as after a reboot, gets a new sandbox and starts over', async t => {
  await using lab = await NodeLab.open()
  await lab.create('p', { containers: [echo] })
  const { metadata: { uid } } = await lab.ready('p')
  await lab.stop('SIGKILL')
  const [sandbox] = readdirSync(join(lab.rootFolder, 'pods', uid, 'sandboxes'))
  process.kill(shimOf(lab, uid, 'echo.0'), 'SIGKILL')
  for (const name of ['net', 'uts', 'ipc']) removeNetns(join(lab.rootFolder, 'pods', uid, 'sandboxes', sandbox!, name))
  await lab.start()
  const pod = await lab.until('p', ({ status }) => status?.containerStatuses?.[0]?.restartCount === 1 && status.containerStatuses[0].ready === true)
  t.is((await lab.host.get(pod.status!.podIP!, 8080)).status, 200)
  t.deepEqual(lab.cni.calls().map(({ verb }) => verb), ['ADD', 'DEL', 'ADD'])
})
