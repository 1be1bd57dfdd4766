// Killing, stopping and starting: nothing leaks, no address is held twice.

import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import test from 'ava'
import { FAULT_POINTS } from '../../../cni/plugin/host/cni-host.ts'
import { eventually } from '../../lab/eventually.ts'
import { CniLab, SHIM, WEFT_CONFIG } from './cni-lab.ts'

/** Shims give up sooner, so that a test about an agent that is away does not wait for a minute. */
const IMPATIENT = { WEFT_CNI_TIMEOUT_MS: '300' }

test.serial('killed at any step of ADD, the agent comes back without a trace of it (50)', async t => {
  await using lab = await CniLab.open({ agent: false })
  const bystander = await lab.addPod()
  await lab.start()
  await lab.add({ id: 'bystander', netns: bystander.netns })
  await lab.stop()
  for (const stopAt of FAULT_POINTS.filter(point => point.startsWith('add:'))) {
    const pod = await lab.addPod()
    await lab.start({ stopAt })
    const answer = await lab.call('ADD', { id: stopAt.replace(':', '.'), netns: pod.netns, env: IMPATIENT })
    t.is(answer.json?.code, 11, stopAt)
    await lab.start()
    if (stopAt === 'add:active') await lab.del({ id: 'add.active', netns: pod.netns }) // it was done; only the runtime never heard
    await lab.settled(1)
    const fresh = await lab.add({ id: 'fresh', netns: pod.netns })
    t.true(await pod.ping('10.88.1.1'), stopAt)
    t.not(fresh.ips[0].address, '10.88.1.2/24')
    await lab.del({ id: 'fresh', netns: pod.netns })
    await lab.settled(1)
    await lab.stop()
  }
  await lab.start()
  t.true(await bystander.ping('10.88.1.1'))
})

test.serial('killed at any step of DEL, the agent finishes it when it comes back (50)', async t => {
  await using lab = await CniLab.open({ agent: false })
  for (const stopAt of FAULT_POINTS.filter(point => point.startsWith('del:'))) {
    const pod = await lab.addPod()
    await lab.start({ stopAt })
    await lab.add({ id: 'a', netns: pod.netns })
    const answer = await lab.call('DEL', { id: 'a', netns: pod.netns, env: IMPATIENT })
    t.is(answer.exitCode, 0, `${stopAt}: ${answer.stdout}`)
    await eventually(() => lab.agent?.signalCode === 'SIGKILL' || `${stopAt} was not reached`)
    await lab.start()
    await lab.settled(0)
    await lab.stop()
  }
  t.pass()
})

test.serial('a stopped agent: ADD says try again, STATUS says not ready, DEL is queued and drained without a restart (10, 52)', async t => {
  await using lab = await CniLab.open()
  const [pod, other] = [await lab.addPod(), await lab.addPod()]
  await lab.add({ id: 'a', netns: pod.netns })
  lab.agent!.kill('SIGSTOP')
  // The shim's own clock, so that a busy machine's delay in starting it does not count.
  const timed = await lab.call('STATUS', { id: '', netns: '', config: { ...WEFT_CONFIG, cniVersion: '1.1.0' }, program: '/usr/bin/bash', args: ['-c', `time ${SHIM}`] })
  t.is(timed.json.code, 50)
  const [, seconds] = /real\s+0m([\d.]+)s/.exec(timed.stderr)!
  t.true(Number(seconds) < 2.5, `${seconds} s`)
  t.is((await lab.call('ADD', { id: 'late', netns: other.netns, env: IMPATIENT })).json.code, 11)
  t.is((await lab.call('DEL', { id: 'a', netns: pod.netns, env: IMPATIENT })).exitCode, 0)
  t.is(readdirSync(join(lab.folder, 'queue')).filter(name => /^[0-9a-f]{64}$/.test(name)).length, 1)
  lab.agent!.kill('SIGCONT')
  await lab.settled(0)
  t.is((await lab.add({ id: 'late', netns: other.netns })).ips.length, 2)
})

test.serial('deletions queued while the agent is down are carried out before the first ADD, once each (53)', async t => {
  await using lab = await CniLab.open({ lease: { subnets: ['10.88.1.0/28'], mtu: 1450, clusterCidrs: [] } })
  const pods = await Promise.all(Array.from({ length: 13 }, () => lab.addPod()))
  await Promise.all(pods.map((pod, index) => lab.add({ id: `p${index}`, netns: pod.netns })))
  await lab.stop('SIGKILL')
  for (let round = 0; round < 3; round += 1) {
    await Promise.all(pods.map(async (pod, index) => t.is((await lab.call('DEL', { id: `p${index}`, netns: pod.netns, env: IMPATIENT })).exitCode, 0)))
  }
  t.is(readdirSync(join(lab.folder, 'queue')).filter(name => name !== 'lock').length, 13)
  await lab.start({ lease: { subnets: ['10.88.1.0/28'], mtu: 1450, clusterCidrs: [] } })
  await lab.add({ id: 'after', netns: pods[0]!.netns })
  await lab.settled(1)
})

test.serial('a queued deletion from before the present ADD of the same attachment is left out (53)', async t => {
  await using lab = await CniLab.open()
  const pod = await lab.addPod()
  await lab.stop('SIGKILL')
  t.is((await lab.call('DEL', { id: 'a', netns: pod.netns, env: IMPATIENT })).exitCode, 0)
  const [name] = readdirSync(join(lab.folder, 'queue')).filter(each => each !== 'lock')
  const entry = readFileSync(join(lab.folder, 'queue', name!))
  await lab.start()
  await lab.add({ id: 'a', netns: pod.netns })
  writeFileSync(join(lab.folder, 'queue', name!), entry)
  await lab.settled(1)
  t.true(await pod.ping('10.88.1.1'))
})

test.serial('no agent at all: ADD, CHECK and GC say try again, STATUS not ready, VERSION answers (1, 10)', async t => {
  await using lab = await CniLab.open({ agent: false })
  const pod = await lab.addPod()
  for (const verb of ['ADD', 'CHECK', 'GC']) t.is((await lab.call(verb, { id: 'a', netns: pod.netns, env: IMPATIENT })).json.code, 11, verb)
  t.is((await lab.call('STATUS', { id: '', netns: '', env: IMPATIENT })).json.code, 50)
  t.is((await lab.call('NONSENSE', { id: '', netns: '', env: IMPATIENT })).json.code, 4)
  const version = await lab.call('VERSION', { id: '', netns: '', ifname: '', stdin: '}{ garbage' })
  t.deepEqual(version.json, { cniVersion: '1.1.0', supportedVersions: ['0.1.0', '0.2.0', '0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'] })
})

test.serial('a store that was lost, torn, flipped or written by a later release is rebuilt from the links; pods keep their connections (56)', async t => {
  await using lab = await CniLab.open()
  const [a, b] = [await lab.addPod(), await lab.addPod()]
  const portMappings = [{ hostPort: 8080, containerPort: 80, protocol: 'tcp' }, { hostPort: 8081, containerPort: 80, protocol: 'tcp', hostIP: '10.88.1.1' }]
  await lab.add({ id: 'a', netns: a.netns })
  await lab.add({ id: 'b', netns: b.netns, config: { ...WEFT_CONFIG, ipMasq: true, macspoofchk: true, conditionsV4: ['!', '-s', '10.88.1.99'], runtimeConfig: { portMappings, bandwidth: { egressRate: 8_000_000_000, egressBurst: 800_000_000 } } } })
  const server = await b.echo()
  await b.echo({ port: 80 })
  await using connection = await a.openTcp('10.88.1.3', server.port)
  const rules = async (): Promise<string> => (await lab.host.exec(['/usr/sbin/nft', 'list', 'ruleset'])).stdout
  const rulesBefore = await rules()
  const journal = join(lab.folder, 'state', 'attachments.journal')
  const damages: Readonly<Record<string, (content: Buffer) => Buffer | undefined>> = {
    deleted: () => undefined,
    torn: content => content.subarray(0, content.length - 7),
    flipped: content => Buffer.from(content.toString('latin1').replace(/"containerId":"a"/, '"containerId":"z"'), 'latin1'),
    later: content => Buffer.from(content.toString('latin1').replace('journal 1', 'journal 9'), 'latin1'),
    noise: () => Buffer.from([0, 255, 10, 10, 7]),
  }
  for (const [name, damage] of Object.entries(damages)) {
    await lab.stop('SIGKILL')
    const content = damage(readFileSync(journal))
    if (content === undefined) rmSync(journal)
    else writeFileSync(journal, content)
    await lab.start()
    await lab.settled(2)
    t.is(await connection.send(name), name)
    t.is((await a.tcp('10.88.1.1', 8080)).server, b.name, name)
    t.is(await rules(), rulesBefore, `${name}: host ports, masquerading and the MAC check are as they were`)
    const extra = await lab.addPod()
    const { ips } = await lab.add({ id: `extra-${name}`, netns: extra.netns })
    t.false(['10.88.1.2/24', '10.88.1.3/24'].includes(ips[0].address), name)
    await lab.del({ id: `extra-${name}`, netns: extra.netns })
    await lab.settled(2)
  }
  await lab.del({ id: 'a', netns: a.netns })
  await lab.host.exec(['ip', 'addr', 'del', '10.88.1.1/24', 'dev', 'cni0'])
  await eventually(() => b.ping('10.88.1.1', { timeoutMs: 100 }), { timeoutMs: 5000 })
  await lab.del({ id: 'b', netns: b.netns })
  await lab.settled(0)
  t.false((await rules()).includes('weft-cni'))
  t.false((await lab.host.exec(['ip', 'link'])).stdout.includes('bwp'))
})

const RACES = Number(process.env['WEFT_CNI_RACES'] ?? 300)

test.serial(`DEL racing an ADD of the same attachment, and three DELs at once, ${RACES} times, end with nothing (57)`, async t => {
  t.timeout(60_000 + RACES * 200)
  await using lab = await CniLab.open()
  const pods = await Promise.all([0, 1, 2].map(() => lab.addPod()))
  for (let round = 0; round < RACES / pods.length; round += 1) {
    await Promise.all(pods.map(async (pod, index) => {
      const call = { id: `r${index}`, netns: pod.netns }
      const add = lab.call('ADD', call)
      await delay(round % 7)
      const dels = await Promise.all([lab.call('DEL', call), lab.call('DEL', call), lab.call('DEL', call)])
      for (const del of dels) t.is(del.exitCode, 0, del.stdout)
      await add
      t.is((await lab.call('DEL', call)).exitCode, 0)
    }))
  }
  await lab.settled(0)
})

test.serial('DEL goes by what was recorded, whatever the configuration says today (58)', async t => {
  await using lab = await CniLab.open()
  const pod = await lab.addPod()
  await lab.add({ id: 'a', netns: pod.netns })
  await lab.del({ id: 'a', netns: '', config: { ...WEFT_CONFIG, name: 'renamed', bridge: 'other0', ipMasq: true } })
  await lab.settled(0)
  t.pass()
})

test.serial('a namespace that died without a DEL does not stand in the way of a new ADD of the same attachment (63)', async t => {
  await using lab = await CniLab.open()
  const pod = await lab.addPod()
  await lab.add({ id: 'a', netns: pod.netns })
  await pod[Symbol.asyncDispose]()
  await eventually(async () => (await lab.veths()).length === 0)
  const next = await lab.addPod()
  await lab.add({ id: 'a', netns: next.netns })
  t.true(await next.ping('10.88.1.1'))
  await lab.settled(1)
})

test.serial('a bridge that was removed comes back with its address and its ports (63)', async t => {
  await using lab = await CniLab.open()
  const [a, b] = [await lab.addPod(), await lab.addPod()]
  await lab.add({ id: 'a', netns: a.netns })
  await lab.add({ id: 'b', netns: b.netns })
  await lab.host.exec(['ip', 'link', 'del', 'cni0'])
  await eventually(async () => (await a.ping('10.88.1.3', { timeoutMs: 100 })) && (await a.ping('10.88.1.1', { timeoutMs: 100 })), { timeoutMs: 5000 })
  await lab.host.exec(['ip', 'addr', 'del', '10.88.1.1/24', 'dev', 'cni0'])
  await eventually(() => a.ping('10.88.1.1', { timeoutMs: 100 }), { timeoutMs: 5000 })
  await lab.settled(2)
  t.pass()
})
