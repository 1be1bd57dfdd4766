// Namespaces: made, recognised, entered for a moment, removed.

import { spawnSync } from 'node:child_process'
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs'
import test, { type ExecutionContext } from 'ava'
import { netnsIdentity, ownNetnsIdentity, sameNetns } from '../../../src/net/netns/identity.ts'
import { inNetns } from '../../../src/net/netns/in-netns.ts'
import { createNetns, isNetnsPath, removeNetns } from '../../../src/net/netns/named-netns.ts'
import { readSysctl, writeSysctls } from '../../../src/net/sysctl/sysctl.ts'

const NAMED_NETNS = new URL('../../../src/net/netns/named-netns.ts', import.meta.url).href
let counter = 0

function fresh(t: ExecutionContext): string {
  const path = `/run/netns/weft-netns-${process.pid}-${counter++}`
  t.teardown(() => removeNetns(path))
  return path
}

test('a namespace is made at a path, has an identity of its own, and removing it twice is success', t => {
  const path = fresh(t)
  const identity = createNetns(path)
  t.true(isNetnsPath(path))
  t.true(sameNetns(identity, netnsIdentity(path)))
  t.false(sameNetns(identity, ownNetnsIdentity()))
  removeNetns(path)
  removeNetns(path)
  t.false(existsSync(path))
})

test('on a machine where nobody used ip netns yet, a namespace can be removed after somebody did', t => {
  const script = [
    `import { createNetns, removeNetns } from ${JSON.stringify(NAMED_NETNS)}`,
    "import { execFileSync } from 'node:child_process'",
    "createNetns('/run/netns/ours')",
    "execFileSync('ip', ['netns', 'add', 'theirs'])",
    "removeNetns('/run/netns/ours')",
    "execFileSync('ip', ['netns', 'delete', 'theirs'])",
  ].join('\n')
  // A /run of its own, as after boot.
  const { status, stderr } = spawnSync('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', 'mount -t tmpfs tmpfs /run && exec "$0" --input-type=module-typescript --eval "$1"', process.execPath, script], { encoding: 'utf8' })
  t.is(status, 0, stderr)
})

test('a path that is taken is refused and left alone', t => {
  const path = fresh(t)
  const identity = createNetns(path)
  t.throws(() => createNetns(path), { code: 'NETNS_EXISTS' })
  t.true(sameNetns(identity, netnsIdentity(path)))
})

test('work runs inside and the thread is back afterwards, also when the work throws', t => {
  const path = fresh(t)
  const inside = createNetns(path)
  const home = ownNetnsIdentity()
  const fd = openSync(path, 'r')
  t.teardown(() => closeSync(fd))
  for (const reference of [path, fd]) t.true(sameNetns(inNetns(reference, ownNetnsIdentity), inside))
  t.throws(() => inNetns(path, () => { throw new Error('no') }), { message: 'no' })
  t.true(sameNetns(ownNetnsIdentity(), home))
})

test('asynchronous work is refused: it would run outside', t => {
  const path = fresh(t)
  createNetns(path)
  t.throws(() => inNetns(path, async () => {}), { code: 'NETNS_WORK_ASYNC' })
})

test('a file that is no namespace is refused by name', t => {
  t.throws(() => netnsIdentity('/proc/self/status'), { message: /"\/proc\/self\/status": is not a namespace file/ })
  t.false(isNetnsPath('/proc/self/status'))
  t.false(isNetnsPath('/run/netns/there-is-no-such-thing'))
})

test('settings are read and written inside, and the own namespace keeps its own', t => {
  const path = fresh(t)
  createNetns(path)
  const before = readFileSync('/proc/sys/net/ipv4/conf/lo/forwarding', 'utf8')
  const other = before.trim() === '1' ? '0' : '1'
  writeSysctls({ 'net/ipv4/conf/lo/forwarding': other }, { netns: path })
  t.is(readSysctl('net/ipv4/conf/lo/forwarding', { netns: path }), other)
  t.is(readFileSync('/proc/sys/net/ipv4/conf/lo/forwarding', 'utf8'), before)
  t.is(readSysctl('net/ipv4/conf/there-is-none/forwarding', { netns: path }), undefined)
  t.throws(() => writeSysctls({ 'net/ipv4/ip_forward': 'perhaps' }, { netns: path }), { code: 'SYSCTL_FAILED', message: /net\/ipv4\/ip_forward to perhaps/ })
})

test('a process that cannot come back from a foreign namespace ends at once, and what it would have done there is not done (cni 60)', t => {
  const path = fresh(t)
  createNetns(path)
  const before = readSysctl('net/ipv4/ip_default_ttl', { netns: path })
  const script = [
    `import { inNetns } from ${JSON.stringify(new URL('../../../src/net/netns/in-netns.ts', import.meta.url).href)}`,
    "import { closeSync, readdirSync, readlinkSync, statSync, writeFileSync } from 'node:fs'",
    "const home = statSync('/proc/thread-self/ns/net').ino",
    "const isHome = fd => { try { return readlinkSync(`/proc/self/fd/${fd}`) === `net:[${home}]` } catch { return false } }",
    // The way back is the descriptor of the own namespace: without it, setns(2) answers EBADF.
    `inNetns(${JSON.stringify(path)}, () => readdirSync('/proc/self/fd').filter(isHome).forEach(fd => closeSync(Number(fd))))`,
    "console.log('still here')",
    "writeFileSync('/proc/sys/net/ipv4/ip_default_ttl', '77')",
  ].join('\n')
  const { signal, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], { encoding: 'utf8' })
  t.is(signal, 'SIGABRT', stderr)
  t.is(stdout, '')
  t.regex(stderr, /cannot leave a foreign network namespace/)
  t.is(readSysctl('net/ipv4/ip_default_ttl', { netns: path }), before)
})
