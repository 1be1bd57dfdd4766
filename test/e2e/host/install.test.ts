// The commands themselves, below a folder: a release that runs by itself, and a host that is as it was afterwards.

import { execFile } from 'node:child_process'
import { globSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import test from 'ava'

const MAIN = join(import.meta.dirname, '..', '..', '..', 'src', 'main.ts')
const run = promisify(execFile)
const weft = async (...args: readonly string[]): Promise<string> => (await run(process.execPath, [MAIN, ...args], { maxBuffer: 16 << 20 })).stdout

test('what is installed runs without the checkout, keeps its settings at an upgrade, and goes without a trace', async t => {
  const root = mkdtempSync(join(tmpdir(), 'weft-install-'))
  try {
    for (const folder of ['etc/sysctl.d', 'etc/modules-load.d', 'etc/systemd/system', 'opt', 'usr/local/bin', 'usr/local/lib', 'var/lib']) mkdirSync(join(root, folder), { recursive: true })
    const before = globSync('**', { cwd: root }).sort()
    const said = await weft('install', '--root', root, '--role', 'control-plane', '--node-ip', '192.0.2.1', '--node-name', 'one', '--backend', 'host-gw')
    t.regex(said, /release \/usr\/local\/lib\/weft\//)
    t.is(readFileSync(join(root, 'etc/weft/net-conf.json'), 'utf8').includes('host-gw'), true)
    for (const secret of ['pki/ca.key', 'pki/apiserver.key', 'pki/sa.key', 'kubeconfigs/admin', 'kubeconfigs/node']) t.is(lstatSync(join(root, 'etc/weft', secret)).mode & 0o077, 0, secret)
    const [release] = globSync('usr/local/lib/weft/*/', { cwd: root }).filter(path => !path.includes('current'))
    // In a file system of its own, where neither the checkout nor another Node.js can be found.
    const { stdout } = await run('env', ['-i', 'PATH=/usr/bin:/bin', join(root, release!, 'weft'), 'version'], { cwd: '/' })
    t.regex(stdout, /\d+\.\d+\.\d+/)
    await run('env', ['-i', 'PATH=/usr/bin:/bin', join(root, release!, 'weft'), 'apiserver', '--help'], { cwd: '/' })
    const authority = readFileSync(join(root, 'etc/weft/pki/ca.crt'), 'utf8')
    // Installing again is an upgrade: no flag has to be repeated, and nothing that is secret changes.
    t.notRegex(await weft('install', '--root', root), /etc\/weft/)
    t.is(readFileSync(join(root, 'etc/weft/pki/ca.crt'), 'utf8'), authority)
    t.regex(readFileSync(join(root, 'etc/weft/node.conf'), 'utf8'), /--hostname-override=one/)
    await weft('uninstall', '--root', root)
    t.deepEqual(globSync('etc/weft/**', { cwd: root }).sort().map(path => path.split('/').at(-1)), ['weft', 'kubeconfigs', 'admin', 'pki', 'apiserver.crt', 'apiserver.key', 'ca.crt', 'ca.key', 'sa.key', 'sa.pub'])
    await weft('install', '--root', root, '--role', 'control-plane', '--node-ip', '192.0.2.1', '--node-name', 'one')
    t.is(readFileSync(join(root, 'etc/weft/pki/ca.crt'), 'utf8'), authority)
    await weft('uninstall', '--root', root, '--purge')
    t.deepEqual(globSync('**', { cwd: root }).sort(), before)
    t.regex((await t.throwsAsync(weft('uninstall', '--root', root)))!.message, /not installed on this host.*NOT_INSTALLED/)
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
})
