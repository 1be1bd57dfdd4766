// Disks that are full, namespaces that vanish half-way, peers that speak nonsense, agents that restart under load, reboots.

import { execFileSync, spawn } from 'node:child_process'
import { chmodSync, copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import test from 'ava'
import { FAULT_POINTS } from '../../../cni/plugin/host/cni-host.ts'
import { uninstall } from '../../../cni/plugin/install/install.ts'
import { formatFrame } from '../../../cni/plugin/wire/frame.ts'
import { eventually } from '../../lab/eventually.ts'
import { CniLab, SHIM, WEFT_CONFIG } from './cni-lab.ts'

const IMPATIENT = { WEFT_CNI_TIMEOUT_MS: '500' }

test.serial('a full disk: ADD says try again and changes nothing, STATUS not ready, DEL goes on; room makes all good without a restart (55)', async t => {
  await using lab = await CniLab.open({ agent: false })
  const state = join(lab.folder, 'state')
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', state])
  try {
    await lab.start()
    const [a, b] = [await lab.addPod(), await lab.addPod()]
    await lab.add({ id: 'a', netns: a.netns })
    const filler = join(state, 'filler')
    for (const size of [4096, 16, 1]) while (fits(filler, size));
    const status = (): ReturnType<CniLab['call']> => lab.call('STATUS', { id: '', netns: '', config: { ...WEFT_CONFIG, cniVersion: '1.1.0' } })
    // The journal's last page may have room for a line or two.
    await eventually(async () => {
      const answer = await lab.call('ADD', { id: 'b', netns: b.netns })
      if (answer.exitCode === 0) await lab.del({ id: 'b', netns: b.netns })
      return answer.json?.code === 11 ? true : answer.stdout
    })
    t.is((await lab.host.exec(['ip', '-j', 'link', 'show', 'type', 'veth'])).stdout.match(/"ifname"/g)?.length, 1)
    await lab.del({ id: 'a', netns: a.netns })
    await eventually(async () => (await lab.veths()).length === 0)
    t.is((await status()).json?.code, 50)
    rmSync(filler)
    t.is((await status()).exitCode, 0)
    await lab.settled(0)
    await lab.add({ id: 'b', netns: b.netns })
    await lab.settled(1)
  } finally {
    await lab.stop('SIGKILL')
    execFileSync('umount', ['-l', state])
  }
})

test.serial('full and read-only folders of reservations and of queued deletions: try again later, nothing half done, good again without a restart (55)', async t => {
  await using lab = await CniLab.open()
  const pod = await lab.addPod()
  const config = { cniVersion: '1.0.0', name: 'plain', type: 'bridge', bridge: 'br-plain', ipam: { type: 'host-local', dataDir: lab.dataDir, ranges: [[{ subnet: '10.77.0.0/24' }]] } }
  const call = { id: 'a', netns: pod.netns, config }
  const queue = join(lab.folder, 'queue')
  const mount = (folder: string, options: string): void => void execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', folder])
  try {
    // Two files of a page each: the lock, and none for an address.
    for (const options of ['size=4k,nr_inodes=3', 'ro']) {
      mount(lab.dataDir, options)
      const refused = await lab.call('ADD', call)
      t.is(refused.json?.code, 11, `${options}: ${refused.stdout}`)
      await lab.settled(0)
      execFileSync('umount', ['-l', lab.dataDir])
    }
    await lab.add(call)
    await lab.stop('SIGKILL')
    for (const options of ['size=4k,nr_inodes=1', 'ro']) {
      mount(queue, options)
      const refused = await lab.call('DEL', { ...call, env: IMPATIENT })
      t.is(refused.json?.code, 11, `${options}: ${refused.stdout}`)
      execFileSync('umount', ['-l', queue])
    }
    t.is((await lab.call('DEL', { ...call, env: IMPATIENT })).exitCode, 0)
    await lab.start()
    await lab.settled(0)
  } finally {
    for (const folder of [lab.dataDir, queue]) execFileSync('bash', ['-c', `umount -l ${folder} 2> /dev/null; true`])
  }
})

function fits(path: string, bytes: number): boolean {
  try {
    writeFileSync(path, Buffer.alloc(bytes), { flag: 'a' })
    return true
  } catch {
    return false
  }
}

test.serial('a namespace removed at any step of ADD leaves nothing once the runtime has deleted (49)', async t => {
  await using lab = await CniLab.open({ agent: false })
  for (const step of FAULT_POINTS.filter(point => point.startsWith('add:'))) {
    const pod = await lab.addPod()
    await lab.start({ runAt: { step, command: ['umount', '-l', pod.netns] } })
    const answer = await lab.call('ADD', { id: 'a', netns: pod.netns })
    t.true(answer.exitCode === 0 || typeof answer.json?.code === 'number', step)
    await pod[Symbol.asyncDispose]()
    await lab.del({ id: 'a', netns: pod.netns })
    await lab.settled(0)
    await lab.stop()
  }
})

test.serial('garbage, torn, slow and oversized requests end their own connection and nothing else (62)', async t => {
  await using lab = await CniLab.open()
  const header = formatFrame([{ tag: 1, bytes: Buffer.from('ADD') }])
  const oversized = Buffer.from(header).fill(0xff, 8, 12)
  const nonsense: readonly Buffer[] = [Buffer.from('GET / HTTP/1.1\r\n\r\n'), header.subarray(0, 7), oversized, Buffer.concat([header, Buffer.from('more')]), Buffer.alloc(70_000, 0x41)]
  for (const bytes of nonsense) {
    const socket = connect(lab.socketPath)
    const closed = new Promise(resolve => socket.on('error', () => {}).on('close', resolve))
    socket.resume().write(bytes)
    await closed // the slow one is cut off after two seconds
  }
  const pod = await lab.addPod()
  await lab.add({ id: 'a', netns: pod.netns })
  const newer = connect(lab.socketPath)
  newer.end(formatFrame([{ tag: 1, bytes: Buffer.from('ADD') }], 99))
  const chunks: Buffer[] = []
  for await (const chunk of newer) chunks.push(chunk as Buffer)
  t.regex(Buffer.concat(chunks).toString(), /"code":11/, 'a protocol to come is told to try again')
  await lab.settled(1)
})

test.serial('another user is not listened to (62)', async t => {
  await using lab = await CniLab.open()
  const shim = join(lab.folder, 'shim')
  copyFileSync(SHIM, shim)
  for (const path of [lab.folder, shim, lab.socketPath]) chmodSync(path, 0o777)
  const child = spawn(shim, { uid: 65534, gid: 65534, env: { CNI_COMMAND: 'STATUS', WEFT_CNI_SOCKET: lab.socketPath }, stdio: ['pipe', 'pipe', 'inherit'] })
  child.stdin.end('{}')
  let stdout = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  await once(child, 'close')
  t.is((JSON.parse(stdout) as { code: number }).code, 50, 'as if nobody were there')
  t.true(lab.log.some(line => line['msg'] === 'cni request from another user refused' && line['uid'] === 65534))
})

test.serial('restarts under load: running connections go on, and everything adds up afterwards (54)', async t => {
  await using lab = await CniLab.open()
  const [client, server, ...workers] = [await lab.addPod(), await lab.addPod(), await lab.addPod(), await lab.addPod()]
  await lab.add({ id: 'client', netns: client.netns })
  await lab.add({ id: 'server', netns: server.netns })
  const echo = await server.echo()
  await using connection = await client.openTcp('10.88.1.3', echo.port)
  let running = true
  const load = workers.map(async (pod, index) => {
    for (let round = 0; running; round += 1) {
      const call = { id: `w${index}-${round}`, netns: pod.netns }
      await lab.call('ADD', call)
      t.is((await lab.call('DEL', call)).exitCode, 0)
    }
  })
  for (const how of ['SIGTERM', 'SIGKILL', 'SIGTERM'] as const) {
    await lab.stop(how)
    await lab.start()
    t.is(await connection.send(how, { timeoutMs: 10_000 }), how)
  }
  running = false
  await Promise.all(load)
  await lab.settled(2)
})

test.serial('after a reboot all addresses are free, and late deletions of then harm nobody (40)', async t => {
  await using lab = await CniLab.open({ lease: { subnets: ['10.88.1.0/29'], mtu: 1450, clusterCidrs: [] } })
  const pods = [await lab.addPod(), await lab.addPod()]
  for (const [index, pod] of pods.entries()) await lab.add({ id: `old${index}`, netns: pod.netns })
  await lab.stop('SIGKILL')
  const journal = join(lab.folder, 'state', 'attachments.journal')
  writeFileSync(journal, readFileSync(journal, 'utf8').replace(/^(weft-cni-journal 1) \S+/, '$1 00000000-0000-0000-0000-000000000000'))
  await lab.host.exec(['ip', 'link', 'del', 'cni0'])
  for (const name of await lab.veths()) await lab.host.exec(['ip', 'link', 'del', name])
  await lab.start({ lease: { subnets: ['10.88.1.0/29'], mtu: 1450, clusterCidrs: [] } })
  await lab.settled(0)
  const next = await lab.addPod()
  t.is((await lab.add({ id: 'new', netns: next.netns })).ips[0].address, '10.88.1.2/29')
  await lab.del({ id: 'old0', netns: pods[0]!.netns })
  t.true(await next.ping('10.88.1.1'))
  await lab.settled(1)
})

test.serial('publishing installs program and list in one step each, repairs them, and uninstalling removes exactly those', async t => {
  await using lab = await CniLab.open({ agent: false })
  const [confDir, binDir] = [join(lab.folder, 'conf'), join(lab.folder, 'bin')]
  writeFileSync(join(confDir, '99-other.conflist'), '{}')
  await lab.start({ publish: true })
  t.true(readFileSync(join(binDir, 'weft-cni')).equals(readFileSync(SHIM)))
  t.is((JSON.parse(readFileSync(join(confDir, '10-weft.conflist'), 'utf8')) as { name: string }).name, 'weft')
  t.true(existsSync(join(binDir, 'loopback')))
  await lab.stop()
  t.true(existsSync(join(confDir, '10-weft.conflist')), 'a runtime without a configuration cannot even delete')
  rmSync(join(binDir, 'weft-cni'))
  writeFileSync(join(confDir, '10-weft.conflist'), 'damaged')
  await lab.start({ publish: true })
  t.true(existsSync(join(binDir, 'weft-cni')))
  t.notThrows(() => JSON.parse(readFileSync(join(confDir, '10-weft.conflist'), 'utf8')))
  await lab.stop()
  uninstall({ confDir, binDir })
  for (const path of [join(binDir, 'weft-cni'), join(binDir, 'loopback'), join(confDir, '10-weft.conflist')]) t.false(existsSync(path), path)
  t.true(existsSync(join(confDir, '99-other.conflist')))
})

test.serial('two agents cannot serve one socket', async t => {
  await using lab = await CniLab.open()
  const first = lab.agent!
  const refused = (): boolean => lab.log.some(line => (line['err'] as { code?: string } | undefined)?.code === 'CNI_SOCKET_BUSY')
  const second = lab.start().catch(() => undefined)
  await eventually(refused, { timeoutMs: 30_000 })
  lab.agent = first
  t.is((await lab.call('STATUS', { id: '', netns: '', config: { ...WEFT_CONFIG, cniVersion: '1.1.0' }, env: IMPATIENT })).exitCode, 0)
  void second
})
