// Installing, upgrading and uninstalling below a folder: what is placed, what is kept, what is left.

import { execFile } from 'node:child_process'
import { existsSync, globSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import test from 'ava'
import fc from 'fast-check'
import { HostFiles } from '../../../src/host/install/host-files.ts'
import { planHost } from '../../../src/host/install/plan-host.ts'
import { planPlacement } from '../../../src/host/install/plan-placement.ts'
import { unitsOf } from '../../../src/host/install/plan-units.ts'
import type { Placement } from '../../../src/host/install/placement.ts'
import { checkSettings, DEFAULT_CLUSTER, type HostSettings } from '../../../src/host/settings.ts'
import { JOURNAL } from '../../../src/host/host-paths.ts'

const SETTINGS: HostSettings = {
  ...DEFAULT_CLUSTER, role: 'control-plane', nodeName: 'one', nodeIp: '192.0.2.1', apiServer: 'https://192.0.2.1:6443', runtime: 'processes',
}
const plan = (settings: Partial<HostSettings> = {}, release = '/usr/local/lib/weft/1'): readonly Placement[] => planHost({ ...SETTINGS, ...settings }, release, { loadableModules: ['vxlan'] })

async function withHost(work: (files: HostFiles) => Promise<void>): Promise<void> {
  const files = new HostFiles(mkdtempSync(join(tmpdir(), 'weft-host-')))
  try {
    await work(files)
  } finally {
    rmSync(files.root, { recursive: true, force: true })
  }
}

/** Every path below a folder with what it holds; folders too. */
function snapshot(root: string): Readonly<Record<string, string>> {
  return Object.fromEntries(globSync('**', { cwd: root }).filter(path => path !== '.').sort().map(path => {
    const stats = lstatSync(join(root, path))
    const mode = (stats.mode & 0o7777).toString(8)
    return [path, stats.isSymbolicLink() ? `-> ${readlinkSync(join(root, path))}` : stats.isDirectory() ? `${mode}/` : `${mode} ${readFileSync(join(root, path), 'utf8')}`]
  }))
}

/** What `weft uninstall` does with the files. */
async function takeAll(files: HostFiles): Promise<void> {
  const journal = await files.readJournal()
  for (const placed of journal!.placed.toReversed()) if (placed.kind !== 'folder') await files.take(placed)
  rmSync(files.at(JOURNAL))
  for (const placed of journal!.placed.toReversed()) if (placed.kind === 'folder') await files.removeEmpty(placed.path)
}

test('installing again changes nothing', async t => {
  await withHost(async files => {
    await files.place(plan(), { release: '1' })
    const first = snapshot(files.root)
    const { made, kept } = await files.place(plan(), { release: '1' })
    t.deepEqual([made, kept], [[], []])
    t.deepEqual(snapshot(files.root), first)
  })
})

test('whatever lay at the paths before is there again after uninstalling', async t => {
  const paths = plan().flatMap(placement => (placement.kind === 'file' ? [placement.path] : []))
  await fc.assert(fc.asyncProperty(fc.dictionary(fc.constantFrom(...paths, '/etc/cni/net.d/10-other.conf', '/etc/weft/mine.txt'), fc.string({ maxLength: 20 })), fc.boolean(), async (before, upgrade) => {
    await withHost(async files => {
      for (const [path, content] of Object.entries(before)) {
        mkdirSync(dirname(files.at(path)), { recursive: true })
        writeFileSync(files.at(path), content)
      }
      // Parents that the host has anyway.
      for (const folder of ['/etc/sysctl.d', '/etc/modules-load.d', '/etc/systemd/system', '/usr/local/bin', '/usr/local/lib', '/var/lib', '/opt']) mkdirSync(files.at(folder), { recursive: true })
      const start = snapshot(files.root)
      await files.place(plan(), { release: '1' })
      if (upgrade) await files.place(plan({ role: 'worker' }, '/usr/local/lib/weft/2'), { release: '2' })
      await takeAll(files)
      t.deepEqual(snapshot(files.root), start)
    })
  }), { numRuns: 25 })
})

test('a configuration that the administrator changed survives an upgrade, and the new one lies beside it', async t => {
  await withHost(async files => {
    await files.place(plan(), { release: '1' })
    const path = files.at('/etc/weft/net-conf.json')
    writeFileSync(path, '{"Network":"10.9.0.0/16"}')
    t.deepEqual((await files.place(plan(), { release: '1' })).kept, [])
    const { kept } = await files.place(plan({ backend: 'host-gw' }), { release: '1' })
    t.deepEqual(kept, ['/etc/weft/net-conf.json'])
    t.is(readFileSync(path, 'utf8'), '{"Network":"10.9.0.0/16"}')
    t.true(readFileSync(`${path}.new`, 'utf8').includes('host-gw'))
    await takeAll(files)
    t.false(existsSync(`${path}.new`))
  })
})

test('a unit that was changed on the host is replaced, and a changed setting reaches an unchanged file', async t => {
  await withHost(async files => {
    await files.place(plan(), { release: '1' })
    writeFileSync(files.at('/etc/systemd/system/weft-agent.service'), 'broken')
    const { made } = await files.place(plan({ proxyMode: 'nftables' }), { release: '1' })
    t.deepEqual([...made].sort(), ['/etc/systemd/system/weft-agent.service', '/etc/weft/proxy.yaml'])
    t.regex(readFileSync(files.at('/etc/weft/proxy.yaml'), 'utf8'), /^mode: nftables$/m)
  })
})

test('a host that becomes a worker loses the units of the control plane', async t => {
  await withHost(async files => {
    await files.place(plan(), { release: '1' })
    await files.place(plan({ role: 'worker' }), { release: '1' })
    t.deepEqual(globSync('etc/systemd/system/*', { cwd: files.root }).map(path => path.split('/').at(-1)).sort(), ['weft-agent.service', 'weft-node.service', 'weft-proxy.service', 'weft-renew.service', 'weft-renew.timer'])
  })
})

test('an installation that was interrupted is known to the next and to the removal', async t => {
  await withHost(async files => {
    // A folder where a file has to go stops it half way.
    mkdirSync(files.at('/etc/weft/node.conf/x'), { recursive: true })
    await t.throwsAsync(files.place(plan(), { release: '1' }))
    t.true((await files.readJournal())!.placed.some(({ path }) => path === '/etc/weft/proxy.yaml'))
    rmSync(files.at('/etc/weft/node.conf'), { recursive: true })
    await files.place(plan(), { release: '1' })
    t.true(existsSync(files.at('/etc/weft/node.conf')))
  })
})

test('a plan against what it made is empty', t => {
  for (const placement of plan()) {
    const observed = placement.kind === 'folder' ? { kind: 'folder' } as const : placement.kind === 'link' ? placement : { kind: 'file', mode: placement.mode, base64: Buffer.from(placement.content).toString('base64') } as const
    t.is(planPlacement(placement, observed, undefined).action, 'none', placement.path)
  }
})

test('systemd finds nothing to complain about in the units', async t => {
  await withHost(async files => {
    const found = await promisify(execFile)('systemd-analyze', ['--version']).then(() => true, () => false)
    if (!found) {
      t.pass('systemd-analyze is not installed here')
      return
    }
    // The programs that the units start have to exist for the check; documentation is looked for, too.
    const folder = files.at('/units')
    mkdirSync(folder)
    for (const placement of plan()) {
      if (placement.kind !== 'file' || !placement.path.startsWith('/etc/systemd/system/')) continue
      writeFileSync(join(folder, placement.path.split('/').at(-1)!), placement.content.replaceAll('/usr/local/lib/weft/current/runtime/bin/node', process.execPath))
    }
    const { stdout, stderr } = await promisify(execFile)('systemd-analyze', ['verify', '--man=no', '--recursive-errors=no', ...unitsOf(SETTINGS).map(name => join(folder, `${name}.service`)), join(folder, 'weft-renew.timer')])
    t.deepEqual([stdout, stderr], ['', ''])
  })
})

test('settings that cannot work are refused by the flag that they came from', t => {
  const refused = (settings: Partial<HostSettings>): string => t.throws(() => checkSettings({ ...SETTINGS, ...settings })).message
  t.regex(refused({ serviceCidr: '10.244.0.0/20' }), /^--service-cidr: .*overlaps --pod-cidr/)
  t.regex(refused({ nodeIp: '10.244.3.1' }), /^--pod-cidr: .*contains this host's address/)
  t.regex(refused({ podCidr: '10.244.0.0/28' }), /^--pod-cidr: .*no room/)
  t.regex(refused({ nodeName: 'Node_1' }), /^--node-name/)
  t.regex(refused({ nodeIp: 'eth0' }), /^--node-ip/)
})
