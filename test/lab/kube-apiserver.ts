// The real kube-apiserver on an etcd of its own, with what ApiServerLab offers to tests. Needs the peer
// "kube-apiserver-1.36.3" (docs/peers.md).

import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { createAuthority, issueCertificate, type KeyPair } from '../../src/ops/certificates/authority.ts'
import { createSigningKey } from '../../src/ops/certificates/signing-key.ts'
import { findPeer } from '../peers/cache.ts'
import type { ApiServerLab } from './apiserver.ts'
import { EtcdLab, hasEtcd } from './etcd.ts'
import { eventually } from './eventually.ts'

export const KUBE_APISERVER = 'kube-apiserver-1.36.3'
const READY_MS = 120_000

/** False where the peer or etcd is missing: tests skip and say so. */
export const hasKubeApiServer = (): boolean => findPeer(KUBE_APISERVER) !== undefined && hasEtcd()

export type KubeApiServerOptions = Readonly<{
  /** Stays the caller's; absent: an etcd of its own, without fsync. */
  etcd?: EtcdLab
  /** A server of the same cluster, whose certificates and keys it takes over. */
  beside?: ApiServerLab
}>

export class KubeApiServerLab implements AsyncDisposable {
  readonly #directory = mkdtempSync(join(tmpdir(), 'weft-kube-apiserver-'))
  readonly #etcd: EtcdLab
  readonly #ownsEtcd: boolean
  readonly #beside: ApiServerLab | undefined
  readonly authority: KeyPair
  readonly port: number
  /** Of a member of system:masters. */
  admin!: KeyPair
  #process: ChildProcess | undefined
  #log = ''

  static async open(options: KubeApiServerOptions = {}): Promise<KubeApiServerLab> {
    const authority = options.beside?.authority ?? await createAuthority({ commonName: 'weft-test-ca' })
    const lab = new KubeApiServerLab(options.etcd ?? await EtcdLab.open(), authority, await freePort(), options)
    try {
      await lab.#start()
      return lab
    } catch (error) {
      await lab[Symbol.asyncDispose]()
      throw error
    }
  }

  private constructor(etcd: EtcdLab, authority: KeyPair, port: number, options: KubeApiServerOptions) {
    this.#etcd = etcd
    this.#ownsEtcd = options.etcd === undefined
    this.#beside = options.beside
    this.authority = authority
    this.port = port
  }

  get pid(): number {
    return this.#process!.pid!
  }

  /** Of a member of system:masters. */
  get kubeconfig(): string {
    return this.path('admin.kubeconfig')
  }

  path(name: string): string {
    return join(this.#directory, name)
  }

  async kubeconfigFor(name: string, client: Readonly<{ commonName: string; organizations?: readonly string[] }>): Promise<string> {
    const pair = await issueCertificate(this.authority, { ...client, usages: ['client'] })
    const base64 = (text: string): string => Buffer.from(text).toString('base64')
    const config = {
      apiVersion: 'v1', kind: 'Config', 'current-context': 'lab', contexts: [{ name: 'lab', context: { cluster: 'lab', user: 'lab' } }],
      clusters: [{ name: 'lab', cluster: { server: `https://127.0.0.1:${this.port}`, 'certificate-authority-data': base64(this.authority.certificatePem) } }],
      users: [{ name: 'lab', user: { 'client-certificate-data': base64(pair.certificatePem), 'client-key-data': base64(pair.privateKeyPem) } }],
    }
    writeFileSync(this.path(`${name}.kubeconfig`), JSON.stringify(config))
    return this.path(`${name}.kubeconfig`)
  }

  async kubectl(...args: readonly string[]): Promise<string> {
    const { stdout } = await promisify(execFile)('kubectl', ['--kubeconfig', this.kubeconfig, '--cache-dir', this.path('cache'), ...args], { maxBuffer: 64 << 20 })
    return stdout
  }

  async #start(): Promise<void> {
    const server = await issueCertificate(this.authority, { commonName: 'kube-apiserver', usages: ['server'], dnsNames: ['localhost'], ipAddresses: ['127.0.0.1'] })
    const signing = createSigningKey()
    const files = { 'ca.crt': this.authority.certificatePem, 'server.crt': server.certificatePem, 'server.key': server.privateKeyPem, 'sa.key': signing.privateKeyPem, 'sa.pub': signing.publicKeyPem }
    for (const [name, text] of Object.entries(files)) {
      if (this.#beside === undefined) writeFileSync(this.path(name), text)
      else copyFileSync(this.#beside.path(name), this.path(name))
    }
    this.admin = await issueCertificate(this.authority, { commonName: 'admin', organizations: ['system:masters'], usages: ['client'] })
    await this.kubeconfigFor('admin', { commonName: 'admin', organizations: ['system:masters'] })
    this.#process = spawn('setpriv', ['--pdeathsig', 'KILL', findPeer(KUBE_APISERVER)!,
      '--etcd-servers', this.#etcd.url, '--bind-address', '127.0.0.1', '--secure-port', String(this.port), '--advertise-address', '192.0.2.2',
      '--tls-cert-file', this.path('server.crt'), '--tls-private-key-file', this.path('server.key'), '--client-ca-file', this.path('ca.crt'),
      '--service-account-signing-key-file', this.path('sa.key'), '--service-account-key-file', this.path('sa.pub'),
      '--service-account-issuer', 'https://kubernetes.default.svc.cluster.local', '--service-cluster-ip-range', '10.96.0.0/16', '--authorization-mode', 'RBAC',
      // kubeadm's setting: network programs are privileged.
      '--allow-privileged=true',
    ], { stdio: ['ignore', 'ignore', 'pipe'] })
    this.#process.stderr!.setEncoding('utf8').on('data', (text: string) => (this.#log = (this.#log + text).slice(-10_000)))
    await eventually(async () => {
      if (this.#process!.exitCode !== null) throw new Error(`kube-apiserver ended with ${this.#process!.exitCode}: ${this.#log}`)
      return (await this.kubectl('get', '--raw', '/readyz').catch(() => '')) === 'ok'
    }, { timeoutMs: READY_MS, intervalMs: 200 })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const child = this.#process
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
    }
    if (this.#ownsEtcd) await this.#etcd[Symbol.asyncDispose]()
    rmSync(this.#directory, { recursive: true, force: true })
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
