// deploy/weft.yml against a real kube-apiserver and against Weft's own: what it applies is taken, and agent and proxy, with
// exactly its credentials, configuration and flags, do their work and are refused nothing.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { promisify } from 'node:util'
import test from 'ava'
import { ApiServerLab } from '../../lab/apiserver.ts'
import { eventually } from '../../lab/eventually.ts'
import { hasKubeApiServer, KUBE_APISERVER, KubeApiServerLab } from '../../lab/kube-apiserver.ts'
import { openLab, type Host } from '../../lab/lab.ts'
import { argumentsOf, findManifest, MANIFEST, readManifests } from '../../lab/manifests.ts'
import { TcpBridge } from '../../lab/tcp-bridge.ts'
import { missingPeer } from '../../peers/cache.ts'

const MAIN = join(import.meta.dirname, '..', '..', '..', 'src', 'main.ts')
type Server = Pick<ApiServerLab, 'kubectl' | 'port' | 'path'> & AsyncDisposable

const SERVERS: readonly (readonly [name: string, open: () => Promise<Server>, skip: string | undefined])[] = [
  ['weft apiserver', () => ApiServerLab.open(), undefined],
  ['kube-apiserver', () => KubeApiServerLab.open(), hasKubeApiServer() ? undefined : missingPeer(KUBE_APISERVER)],
]

/** One DaemonSet's container as a process of the host, with the folders that it mounts put elsewhere. */
class Daemon implements AsyncDisposable {
  readonly lines: string[] = []
  readonly #end: () => Promise<void>

  constructor(host: Host, name: string, args: readonly string[], folder: string) {
    const mounted = args.map(word => word.replaceAll('/etc/weft', folder).replaceAll('/etc/cni/net.d', join(folder, 'net.d')).replaceAll('/opt/cni/bin', join(folder, 'bin')).replaceAll('/run/weft', folder))
    // Hosts of the lab have no default route by which the interface could be told.
    const more = name === 'agent' ? ['--iface=eth0', `--subnet-file=${join(folder, 'subnet.env')}`, `--cni-state-dir=${join(folder, 'cni')}`, `--cni-queue-dir=${join(folder, 'queue')}`] : []
    const child = spawn('nsenter', [`--net=${host.netns}`, '--', process.execPath, MAIN, ...mounted, ...more], {
      stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, NODE_NAME: host.name, XTABLES_LOCKFILE: join(folder, 'xtables.lock') },
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => this.lines.push(...text.split('\n').filter(line => line !== '')))
    this.#end = async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      const ended = once(child, 'exit')
      child.kill('SIGTERM')
      await ended
    }
  }

  async ready(): Promise<void> {
    await eventually(() => this.lines.some(line => line.includes('"msg":"ready"')) || this.lines.slice(-10).join('\n'), { timeoutMs: 60_000 })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end()
  }
}

for (const [name, open, skip] of SERVERS) {
  const run = skip === undefined ? test.serial : test.serial.skip
  run(`what the manifests give is enough and no more: ${name}${skip === undefined ? '' : ` (${skip})`}`, async t => {
    await using held = new AsyncDisposableStack()
    const server = held.use(await open())
    const lab = held.use(await openLab({ hosts: 1 }))
    const host = lab.host(1)
    held.use(await TcpBridge.open({ netns: host.netns, port: server.port }))
    // kubectl checks every field against the server's schema.
    await server.kubectl('apply', '--validate=strict', '-f', MANIFEST)
    t.regex(await server.kubectl('apply', '-f', MANIFEST), /daemonset\.apps\/weft-agent (?:unchanged|configured)/)
    await server.kubectl('create', '-f', writeNode(server, host))
    const objects = readManifests()
    const folder = mkdtempSync(join(tmpdir(), 'weft-deploy-'))
    held.defer(() => rmSync(folder, { recursive: true, force: true }))
    const daemons: Daemon[] = []
    for (const part of ['agent', 'proxy'] as const) {
      const own = join(folder, part)
      const account = join(own, 'account')
      mkdirSync(account, { recursive: true })
      writeFileSync(join(account, 'token'), (await server.kubectl('-n', 'weft-system', 'create', 'token', `weft-${part}`)).trim(), { mode: 0o600 })
      writeFileSync(join(account, 'ca.crt'), readFileSync(server.path('ca.crt')))
      for (const [file, text] of Object.entries(findManifest(objects, 'ConfigMap', 'weft')['data'] as Record<string, string>)) {
        writeFileSync(join(own, file), text.replaceAll('API-SERVER:6443', `127.0.0.1:${server.port}`).replaceAll('/var/run/secrets/kubernetes.io/serviceaccount', account).replaceAll('/etc/weft', own))
      }
      daemons.push(held.use(new Daemon(host, part, argumentsOf(findManifest(objects, 'DaemonSet', `weft-${part}`), { NODE_NAME: host.name }), own)))
    }
    for (const daemon of daemons) await daemon.ready()
    await eventually(async () => (await server.kubectl('get', 'node', host.name, '-o', 'jsonpath={.metadata.annotations}')).includes('flannel.alpha.coreos.com/backend-type'), { timeoutMs: 20_000 })
    // The Service of the API server itself is served.
    await eventually(async () => (await promisify(execFile)('nsenter', [`--net=${host.netns}`, 'iptables-save', '-t', 'nat'])).stdout.includes('default/kubernetes:https'), { timeoutMs: 30_000 })
    t.deepEqual(daemons.flatMap(({ lines }) => lines.filter(line => /forbidden|Forbidden|"status":403/.test(line))), [])
    // And no more: neither may read what is secret, or touch what is not its own.
    for (const part of ['agent', 'proxy']) {
      const may = async (...what: readonly string[]): Promise<string> => (await server.kubectl('auth', 'can-i', ...what, `--as=system:serviceaccount:weft-system:weft-${part}`, '-A').catch((error: { stdout?: string; message: string }) => error.stdout ?? error.message)).trim()
      for (const what of [['get', 'secrets'], ['list', 'configmaps'], ['delete', 'nodes'], ['create', 'pods'], ['update', 'services']]) t.regex(await may(...what), /no/, `${part} ${what.join(' ')}`)
    }
  })
}

function writeNode(server: Server, host: Host): string {
  const path = server.path('node.json')
  writeFileSync(path, JSON.stringify({ apiVersion: 'v1', kind: 'Node', metadata: { name: host.name }, spec: { podCIDR: host.podSubnet, podCIDRs: [host.podSubnet] } }))
  return path
}
