// In which order an installation is taken away, and what stays.

import { mkdtempSync, rmSync, writeFileSync, mkdirSync, existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { HostFiles } from '../../../src/host/install/host-files.ts'
import { noSystem, type HostSystem } from '../../../src/host/install/host-system.ts'
import { planHost } from '../../../src/host/install/plan-host.ts'
import { uninstallHost } from '../../../src/host/install/uninstall-host.ts'
import { DEFAULT_CLUSTER, type HostSettings } from '../../../src/host/settings.ts'

const SETTINGS: HostSettings = { ...DEFAULT_CLUSTER, role: 'control-plane', nodeName: 'one', nodeIp: '192.0.2.1', apiServer: 'https://192.0.2.1:6443', runtime: 'processes' }

async function uninstalled(options: Readonly<{ purge: boolean; settings?: HostSettings; fails?: string }>, look: (at: Readonly<{ done: readonly string[]; said: readonly string[]; root: string }>) => void): Promise<void> {
  const files = new HostFiles(mkdtempSync(join(tmpdir(), 'weft-uninstall-')))
  try {
    const settings = options.settings ?? SETTINGS
    await files.place(planHost(settings, '/usr/local/lib/weft/1', { loadableModules: [] }), { release: '1' })
    await files.writeJournal({ ...(await files.readJournal())!, settingsBefore: { 'net/ipv4/ip_forward': '0' } })
    writeFileSync(files.at('/var/lib/weft/settings.json'), JSON.stringify(settings))
    for (const path of ['/etc/weft/pki/ca.key', '/etc/weft/kubeconfigs/node', '/etc/weft/kubeconfigs/admin', '/var/lib/private/weft-apiserver/data']) {
      mkdirSync(join(files.at(path), '..'), { recursive: true })
      writeFileSync(files.at(path), 'x')
    }
    const done: string[] = []
    const system: HostSystem = {
      ...noSystem,
      stop: async units => { done.push(`stop ${units.join(' ')}`) },
      restoreKernel: async before => { done.push(`restore ${JSON.stringify(before)}`) },
      weft: async args => { done.push(args.slice(0, 2).join(' ')); return { ok: args[0] !== options.fails, said: 'the kernel said no' } },
    }
    const said: string[] = []
    await uninstallHost({ files, system, purge: options.purge, tell: line => said.push(line), signal: new AbortController().signal })
    look({ done, said, root: files.root })
  } finally {
    rmSync(files.root, { recursive: true, force: true })
  }
}

test('pods go while the agent can take them off the network, the agent while it can give its lease back', async t => {
  await uninstalled({ purge: true }, ({ done }) => t.deepEqual(done, [
    'stop weft-node', 'node --cleanup', 'stop weft-renew.timer weft-node weft-proxy weft-agent', 'proxy --cleanup', 'agent --cleanup', 'stop weft-controller-manager weft-apiserver', 'restore {"net/ipv4/ip_forward":"0"}',
  ]))
})

test('what cannot be made again stays until it is asked for', async t => {
  await uninstalled({ purge: false }, ({ root, said }) => {
    t.deepEqual(['etc/weft/pki/ca.key', 'etc/weft/kubeconfigs/admin', 'var/lib/private/weft-apiserver/data', 'etc/weft/kubeconfigs/node', 'etc/weft/net-conf.json'].map(path => existsSync(join(root, path))), [true, true, true, false, false])
    t.regex(said.at(-1)!, /stay: --purge/)
  })
  await uninstalled({ purge: true }, ({ root }) => t.deepEqual([existsSync(join(root, 'etc/weft')), existsSync(join(root, 'var/lib/private/weft-apiserver')), existsSync(join(root, 'var/lib/weft'))], [false, false, false]))
})

test('a worker keeps nothing, and where a kubelet runs pods they are left to it', async t => {
  await uninstalled({ purge: false, settings: { ...SETTINGS, role: 'worker', runtime: 'none' } }, ({ done, root }) => {
    t.false(existsSync(join(root, 'etc/weft')))
    t.false(done.some(step => step.startsWith('node')))
  })
})

test('what a daemon could not remove is said, and the rest goes on', async t => {
  await uninstalled({ purge: true, fails: 'agent' }, ({ said, root }) => {
    t.true(said.some(line => line.includes('not everything could be removed: the kernel said no')))
    t.false(existsSync(join(root, 'usr/local/bin/weft')))
  })
})
