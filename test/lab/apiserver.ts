// A real `weft apiserver` process (or a real kube-apiserver: the flags are the same) on a free loopback port, with
// certificates and a kubeconfig of its own.

import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { createAuthority, issueCertificate, type KeyPair } from '../../src/ops/certificates/authority.ts'
import { createSigningKey } from '../../src/ops/certificates/signing-key.ts'
import { ApiRequests } from './api-request.ts'
import { eventually } from './eventually.ts'

export type ApiServerLabOptions = Readonly<{
  /** Further command-line flags. */
  flags?: readonly string[]
  /** A second server of the same cluster takes over its certificates. */
  beside?: ApiServerLab
  /** A kube-apiserver to run instead of Weft's, and the etcd it keeps its objects in. */
  upstream?: Readonly<{ program: string; etcdUrl: string }>
  /** Longest wait until it serves. */
  readyTimeoutMs?: number
}>

export type Client = Readonly<{ commonName: string; organizations?: readonly string[] }>

const ROOT = join(import.meta.dirname, '..', '..')
const MAIN = join(ROOT, 'src', 'main.ts')
/** TEST-NET-1 (RFC 5737): endpoints may not be on the loopback, and nobody connects to these. */
const ADVERTISED = '192.0.2.1'
const FILES = ['ca.crt', 'server.crt', 'server.key', 'sa.key', 'sa.pub'] as const
const READY_TIMEOUT_MS = 20_000

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

export class ApiServerLab implements AsyncDisposable {
  /** Holds certificates, kubeconfigs and the store; removed in the end. */
  readonly directory: string
  readonly authority: KeyPair
  readonly #options: ApiServerLabOptions
  #process: ChildProcess | undefined
  #log: string[] = []
  port = 0
  /** Of a member of system:masters. */
  admin!: KeyPair

  static async open(options: ApiServerLabOptions = {}): Promise<ApiServerLab> {
    const { beside } = options
    const lab = new ApiServerLab(mkdtempSync(join(tmpdir(), 'weft-apiserver-')), beside?.authority ?? await createAuthority({ commonName: 'weft-test-ca' }), options)
    try {
      if (beside === undefined) {
        await lab.#makeFiles()
      } else {
        for (const name of FILES) copyFileSync(beside.path(name), lab.path(name))
        lab.admin = beside.admin
      }
      await lab.start()
      return lab
    } catch (error) {
      await lab[Symbol.asyncDispose]()
      throw error
    }
  }

  private constructor(directory: string, authority: KeyPair, options: ApiServerLabOptions) {
    this.directory = directory
    this.authority = authority
    this.#options = options
  }

  get url(): string {
    return `https://127.0.0.1:${this.port}`
  }

  /** Path of the administrator's kubeconfig. */
  get kubeconfig(): string {
    return join(this.directory, 'admin.kubeconfig')
  }

  /** What the process wrote so far, line by line. */
  get log(): readonly string[] {
    return this.#log
  }

  get pid(): number {
    return this.#process!.pid!
  }

  path(name: string): string {
    return join(this.directory, name)
  }

  /** Starts the process on the same store; the port stays the same after the first start. */
  async start(further: readonly string[] = []): Promise<void> {
    // A test that is killed must not leave its server behind (prctl(2), PR_SET_PDEATHSIG).
    const { upstream } = this.#options
    // Only Weft's chooses a free port by itself.
    if (upstream !== undefined && this.port === 0) this.port = await freePort()
    const program = upstream === undefined ? [process.execPath, MAIN, 'apiserver', '--data-dir', this.path('store')] : [upstream.program, '--etcd-servers', upstream.etcdUrl, '--authorization-mode', 'RBAC']
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', ...program, '--bind-address', '127.0.0.1', '--advertise-address', ADVERTISED, '--secure-port', String(this.port),
      '--tls-cert-file', this.path('server.crt'), '--tls-private-key-file', this.path('server.key'), '--client-ca-file', this.path('ca.crt'),
      '--service-account-signing-key-file', this.path('sa.key'), '--service-account-key-file', this.path('sa.pub'),
      '--service-account-issuer', 'https://kubernetes.default.svc.cluster.local', ...(this.#options.flags ?? []), ...further,
    ], { stdio: ['ignore', 'ignore', 'pipe'], env: { NODE_COMPILE_CACHE: join(ROOT, '.cache', 'compiled'), ...process.env } })
    this.#process = child
    const ready = Promise.withResolvers<number>()
    createInterface({ input: child.stderr }).on('line', line => {
      this.#log.push(line)
      try {
        const entry = JSON.parse(line) as { msg?: string; port?: number }
        if (entry.msg === 'ready') ready.resolve(entry.port!)
      } catch {
        // Not every line of a crash is JSON; it is kept for the failure's message.
      }
    })
    child.once('exit', code => ready.reject(new Error(`weft apiserver ended with ${code}:\n${this.#log.join('\n')}`)))
    if (upstream !== undefined) this.#awaitUpstream(ready)
    const timer = setTimeout(() => ready.reject(new Error(`weft apiserver was not ready in time:\n${this.#log.join('\n')}`)), this.#options.readyTimeoutMs ?? READY_TIMEOUT_MS)
    try {
      this.port = await ready.promise
    } finally {
      clearTimeout(timer)
    }
    this.#writeKubeconfig('admin', this.admin)
  }

  /** kube-apiserver has no line that says so: /readyz does. */
  #awaitUpstream(ready: PromiseWithResolvers<number>): void {
    this.#writeKubeconfig('admin', this.admin)
    eventually(async () => (await this.tryKubectl('get', '--raw', '/readyz')).code === 0, { timeoutMs: this.#options.readyTimeoutMs ?? READY_TIMEOUT_MS, intervalMs: 250 }).then(() => ready.resolve(this.port), ready.reject)
  }

  /** Ends the process and waits for its end. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const child = this.#process
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill(signal)
    await ended
  }

  /** A kubeconfig for another client certificate; answers its path. */
  async kubeconfigFor(name: string, client: Client): Promise<string> {
    const pair = await issueCertificate(this.authority, { ...client, usages: ['client'] })
    return this.#writeKubeconfig(name, pair)
  }

  /** Writes part of an object's status, as `kubectl patch --subresource=status` does where it knows that flag. */
  async patchStatus(path: string, status: object): Promise<void> {
    using requests = new ApiRequests(this)
    const { code, text } = await requests.patch(`${path}/status`, 'merge', { status })
    if (code !== 200) throw new Error(`PATCH ${path}/status answered ${code}: ${text}`)
  }

  /** Runs kubectl as the administrator; rejects with its output when it fails. */
  async kubectl(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.tryKubectl(...args)
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')} ended with ${code}:\n${stdout}${stderr}`)
    return stdout
  }

  async tryKubectl(...args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
    return new Promise(resolve => {
      execFile('kubectl', ['--kubeconfig', this.kubeconfig, '--cache-dir', this.path('kubectl-cache'), ...args], { maxBuffer: 256 * 1024 * 1024 }, (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr })
      })
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop('SIGKILL')
    rmSync(this.directory, { recursive: true, force: true })
  }

  async #makeFiles(): Promise<void> {
    const server = await issueCertificate(this.authority, {
      commonName: 'kube-apiserver', usages: ['server'], dnsNames: ['localhost', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc'], ipAddresses: ['127.0.0.1', '10.96.0.1'],
    })
    this.admin = await issueCertificate(this.authority, { commonName: 'kubernetes-admin', organizations: ['system:masters'], usages: ['client'] })
    const signing = createSigningKey()
    const files = {
      'ca.crt': this.authority.certificatePem, 'server.crt': server.certificatePem, 'server.key': server.privateKeyPem,
      'sa.key': signing.privateKeyPem, 'sa.pub': signing.publicKeyPem,
    }
    for (const [name, content] of Object.entries(files)) writeFileSync(this.path(name), content, { mode: 0o600 })
  }

  #writeKubeconfig(name: string, client: KeyPair): string {
    const base64 = (text: string): string => Buffer.from(text).toString('base64')
    const path = this.path(`${name}.kubeconfig`)
    writeFileSync(path, JSON.stringify({
      apiVersion: 'v1', kind: 'Config', 'current-context': 'lab',
      clusters: [{ name: 'lab', cluster: { server: this.url, 'certificate-authority-data': base64(this.authority.certificatePem) } }],
      users: [{ name, user: { 'client-certificate-data': base64(client.certificatePem), 'client-key-data': base64(client.privateKeyPem) } }],
      contexts: [{ name: 'lab', context: { cluster: 'lab', user: name } }],
    }), { mode: 0o600 })
    return path
  }
}
