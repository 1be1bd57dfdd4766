// The whole `weft proxy` process in nftables mode against a real API server, with packets.

import test from 'ava'
import { eventually } from '../../lab/eventually.ts'
import { answering, IP, openProxyWorld, service, slice } from './proxy-world.ts'

const MODE = ['--proxy-mode', 'nftables']

test.serial('nftables mode follows the API server: cluster IP and node port, TCP and UDP, refused without endpoints', async t => {
  await using world = await openProxyWorld(MODE)
  const { lab, pods, proxy, apply } = world
  const [a, b, c] = pods
  await apply(service('web', IP, { type: 'NodePort', ports: [{ name: 'http', port: 80, targetPort: 8080, nodePort: 30080 }, { name: 'dns', port: 53, targetPort: 5353, protocol: 'UDP', nodePort: 30053 }] }))
  await eventually(async () => (await a!.tcp(IP, 80, { timeoutMs: 500 }).then(() => 'answered', error => error.code)) === 'ECONNREFUSED' || 'not refused')
  await apply(slice('web', [a!, b!, c!]))
  await eventually(async () => (await a!.tcp(IP, 80, { timeoutMs: 500 })).server !== '')
  t.deepEqual(await answering(() => a!.tcp(IP, 80)), ['a', 'b', 'c'])
  t.deepEqual(await answering(() => a!.udp(IP, 53)), ['a', 'b', 'c'])
  t.deepEqual(await answering(() => lab.host(1).tcp(lab.host(1).address, 30_080)), ['a', 'b', 'c'])
  t.deepEqual(await answering(() => lab.host(2).tcp(lab.host(1).address, 30_080)), ['a', 'b', 'c'])
  t.deepEqual(await answering(() => lab.host(2).udp(lab.host(1).address, 30_053)), ['a', 'b', 'c'])
  t.is((await proxy.health()).status, 200)
  t.is((await proxy.operations('/proxyMode')).body, 'nftables')
  t.is((await lab.host(1).exec(['iptables-save'])).stdout, '')
})

test.serial('nftables mode, killed and started again, interrupts nothing and rewrites nothing (scenario 105)', async t => {
  await using world = await openProxyWorld(MODE)
  const { lab, pods, proxy, apply } = world
  const [a, b, c] = pods
  await apply(service('web', IP), slice('web', [b!, c!]))
  await eventually(async () => (await a!.tcp(IP, 80, { timeoutMs: 500 })).server !== '')
  await using connection = await a!.openTcp(IP, 80)
  const table = async (): Promise<string> => (await lab.host(1).exec(['nft', '-a', 'list', 'table', 'ip', 'weft'])).stdout
  for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
    const before = await table()
    await proxy.stop(signal)
    t.deepEqual(await answering(() => a!.tcp(IP, 80), 20), ['b', 'c'])
    proxy.start()
    await proxy.ready()
    t.is(await connection.send('still here'), 'still here')
    const writes = proxy.logged('synced').flatMap(line => Object.values(line['written'] as Record<string, number>))
    t.deepEqual([...new Set(writes)], [0])
    t.deepEqual(proxy.logged('synced').filter(line => String(line['reason']).includes('rules changed')), [], 'both families took their own commits for theirs')
    t.is(await table(), before)
  }
})

test.serial('a table that somebody flushes or edits is whole again within a second, and the log says so (scenario 109)', async t => {
  await using world = await openProxyWorld(MODE)
  const { lab, pods, proxy, apply } = world
  const [a, b] = pods
  await apply(service('web', IP), slice('web', [b!]))
  await eventually(async () => (await a!.tcp(IP, 80, { timeoutMs: 500 })).server !== '')
  const table = async (): Promise<string> => (await lab.host(1).exec(['nft', 'list', 'table', 'ip', 'weft'], { check: false })).stdout
  const whole = await table()
  for (const damage of [
    'flush ruleset',
    'delete table ip weft',
    'flush chain ip weft nat-prerouting',
    'insert rule ip weft dispatch accept',
    `delete element ip weft services { ${IP} . tcp . 80 }`,
    'flush map ip weft endpoints',
    'add chain ip weft mine',
  ]) {
    await lab.host(1).exec(['nft', damage])
    const start = performance.now()
    await eventually(async () => (await table()) === whole || 'the table is not whole', { timeoutMs: 5_000 })
    const tookMs = performance.now() - start
    t.true(tookMs < 1_000, `${damage}: ${Math.round(tookMs)} ms`)
    t.is((await a!.tcp(IP, 80, { timeoutMs: 500 })).server, 'b')
  }
  t.true(proxy.logged('rules changed by somebody else were repaired').length >= 7)
})

test.serial('cleaning up takes our tables away and leaves those of others, twice (scenario 111)', async t => {
  await using world = await openProxyWorld(MODE)
  const { lab, pods, proxy, apply } = world
  const [a, b] = pods
  await apply(service('web', IP), slice('web', [b!]))
  await eventually(async () => (await a!.tcp(IP, 80, { timeoutMs: 500 })).server !== '')
  await lab.host(1).exec(['nft', 'add table ip theirs; add chain ip theirs mine'])
  await proxy.stop()
  t.is(await proxy.once('--cleanup'), 0)
  t.is(await proxy.once('--cleanup'), 0)
  t.is((await lab.host(1).exec(['nft', 'list', 'tables'])).stdout.trim(), 'table ip theirs')
  await t.throwsAsync(a!.tcp(IP, 80, { timeoutMs: 300 }))
})

test.serial('nftables mode keeps its rules while the API server is away, and applies what it missed on its return (scenario 106)', async t => {
  await using world = await openProxyWorld(MODE)
  const { pods, proxy, bridge, apply } = world
  const [a, b, c] = pods
  await apply(service('web', IP), slice('web', [b!]))
  await eventually(async () => (await a!.tcp(IP, 80, { timeoutMs: 500 })).server !== '')
  await bridge.cut()
  await apply(slice('web', [c!]))
  t.deepEqual(await answering(() => a!.tcp(IP, 80), 10), ['b'])
  t.is((await proxy.health()).status, 200)
  await bridge.mend()
  await eventually(async () => (await a!.tcp(IP, 80, { timeoutMs: 500 })).server === 'c', { timeoutMs: 15_000 })
})
