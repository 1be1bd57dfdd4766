// The lab itself: what other tests stand on must be tried first.

import { existsSync } from 'node:fs'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import test from 'ava'
import { ownNetnsIdentity, sameNetns } from '../../src/net/netns/identity.ts'
import { eventually } from '../lab/eventually.ts'
import { openLab } from '../lab/lab.ts'
import { sweepLeftovers } from '../lab/leftovers.ts'
import { processesIn } from '../lab/processes.ts'

test('hosts reach each other over the underlay, in both families and for every protocol', async t => {
  await using lab = await openLab({ hosts: 2 })
  const [one, two] = [lab.host(1), lab.host(2)]
  for (const [target, family, source] of [[two.address, 4, one.address], [two.address6, 6, one.address6]] as const) {
    for (const protocol of ['tcp', 'udp', 'http'] as const) {
      const { port } = await two.echo({ protocol, family })
      t.like(await one[protocol](target, port), { server: 'host-2', clientAddress: source }, `${protocol} ${family}`)
    }
    t.true(await one.ping(target))
    t.true(await one.ping(target, { payloadBytes: 1400 }))
    t.false(await one.ping(target, { payloadBytes: 2000 }))
  }
})

test('pods reach pods of other hosts when routes exist, with their own address', async t => {
  await using lab = await openLab({ hosts: 2, podRoutes: true })
  const [a, b] = [await lab.host(1).addPod({ name: 'a' }), await lab.host(2).addPod({ name: 'b' })]
  const { port } = await b.echo()
  t.like(await a.tcp(b.address, port), { server: 'b', clientAddress: a.address })
  t.like(await a.tcp(b.address6, port), { server: 'b', clientAddress: a.address6 })
  t.like(await a.tcp(b.address, port, { localPort: 12_345 }), { clientPort: 12_345 })
})

test('an open connection echoes until the wire is cut, and again when it is mended', async t => {
  await using lab = await openLab({ hosts: 2 })
  const { port } = await lab.host(2).echo()
  await using connection = await lab.host(1).openTcp(lab.host(2).address, port)
  t.is(await connection.send('one'), 'one')
  await lab.cut(lab.host(2))
  await t.throwsAsync(connection.send('two', { timeoutMs: 200 }), { code: 'ETIMEDOUT' })
  await lab.cut(lab.host(2), { mend: true })
  t.is(await eventually(async () => ({ line: await connection.send('three') })).then(({ line }) => line), 'two')
})

test('nobody listening is told apart from nobody answering', async t => {
  await using lab = await openLab({ hosts: 2 })
  const [one, two] = [lab.host(1), lab.host(2)]
  await t.throwsAsync(one.tcp(two.address, 9), { code: 'ECONNREFUSED' })
  await t.throwsAsync(one.udp(two.address, 9), { code: 'ECONNREFUSED' })
  await t.throwsAsync(one.udp('172.30.0.99', 9, { timeoutMs: 100 }), { code: 'ETIMEDOUT' })
  t.false(await one.ping('172.30.0.99', { timeoutMs: 100 }))
})

test('programs run inside, and those left running end with the lab', async t => {
  const lab = await openLab({ hosts: 1 })
  const { stdout } = await lab.host(1).exec(['ip', '-br', 'address', 'show', 'dev', 'eth0'])
  t.regex(stdout, /172\.30\.0\.1\/24/)
  await t.throwsAsync(lab.host(1).exec(['sh', '-c', 'echo no >&2; exit 3']), { message: /ended with 3: no/ })
  const child = lab.host(1).spawn(['sh', '-c', 'sleep 600 & exec sleep 600'], { stdio: 'ignore' })
  const ended = once(child, 'exit')
  // Before that it is on its way in and belongs to nobody.
  await eventually(() => processesIn([lab.host(1).identity]).length === 2)
  await lab[Symbol.asyncDispose]()
  t.is((await ended)[1], 'SIGKILL')
  t.false(existsSync(lab.host(1).netns))
})

test('the process itself never stays in a foreign namespace', async t => {
  const before = ownNetnsIdentity()
  await using lab = await openLab({ hosts: 1 })
  await lab.host(1).echo()
  t.true(sameNetns(ownNetnsIdentity(), before))
})

test('what a killed run left behind is removed by the next one', async t => {
  const script = `import { openLab } from ${JSON.stringify(new URL('../lab/lab.ts', import.meta.url).href)}
    const lab = await openLab({ hosts: 1 }); lab.host(1).spawn(['sleep', '600'], { stdio: 'ignore' })
    console.log(lab.host(1).netns); setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [path] = (await once(child.stdout, 'data')).map(String)
  const name = path!.trim().split('/').at(-1)!
  child.kill('SIGKILL')
  await once(child, 'exit')
  t.true(readdirSync('/run/netns').includes(name))
  await sweepLeftovers()
  t.false(readdirSync('/run/netns').includes(name))
  t.is(execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' }).includes(name), false)
})
