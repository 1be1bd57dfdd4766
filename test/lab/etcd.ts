// A real etcd on free loopback ports, with a folder of its own.

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect, createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Etcd3 } from 'etcd3'
import { eventually } from './eventually.ts'

const PROGRAM = '/usr/bin/etcd'

/** False where Debian's etcd-server is not installed: tests skip and say so. */
export const hasEtcd = (): boolean => existsSync(PROGRAM)

export class EtcdLab implements AsyncDisposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'weft-etcd-'))
  readonly port: number
  readonly #peerPort: number
  readonly #flags: readonly string[]
  readonly #secure: boolean
  #process: ChildProcess | undefined
  #log = ''
  readonly client: Etcd3

  private constructor(ports: readonly [number, number], flags: readonly string[], ca?: string) {
    ;[this.port, this.#peerPort] = ports
    this.#flags = flags
    this.#secure = ca !== undefined
    this.client = new Etcd3({ hosts: this.url, ...(ca !== undefined && { credentials: { rootCertificate: readFileSync(ca) } }) })
  }

  /** With `tls` clients must speak TLS; the files are PEM, `clientCa` demands a client certificate. */
  static async open(options: Readonly<{ flags?: readonly string[]; tls?: Readonly<{ cert: string; key: string; ca: string; clientCa?: string }> }> = {}): Promise<EtcdLab> {
    const { tls } = options
    const secure = tls === undefined ? [] : ['--cert-file', tls.cert, '--key-file', tls.key, ...(tls.clientCa === undefined ? [] : ['--client-cert-auth', '--trusted-ca-file', tls.clientCa])]
    const etcd = new EtcdLab(await freePorts(), [...secure, ...(options.flags ?? [])], tls?.ca)
    try {
      await etcd.start()
      return etcd
    } catch (error) {
      await etcd[Symbol.asyncDispose]()
      throw error
    }
  }

  get url(): string {
    return `${this.#secure ? 'https' : 'http'}://127.0.0.1:${this.port}`
  }

  async start(): Promise<void> {
    const peer = `http://127.0.0.1:${this.#peerPort}`
    this.#process = spawn(PROGRAM, [
      '--data-dir', join(this.directory, 'data'), '--listen-client-urls', this.url, '--advertise-client-urls', this.url,
      '--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--initial-cluster', `default=${peer}`, '--log-level', 'error', '--unsafe-no-fsync', ...this.#flags,
    ], { stdio: ['ignore', 'ignore', 'pipe'] })
    this.#process.stderr!.setEncoding('utf8').on('data', (text: string) => (this.#log += text))
    await eventually(async () => {
      if (this.#process!.exitCode !== null) throw new Error(`etcd ended with ${this.#process!.exitCode}: ${this.#log}`)
      return this.#secure ? canConnect(this.port) : (await fetch(`${this.url}/health`)).ok
    })
  }

  async stop(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#process
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill(signal)
    await ended
  }

  /** All keys below a prefix with their values. */
  async all(prefix: string): Promise<Readonly<Record<string, string>>> {
    return this.client.getAll().prefix(prefix).strings()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client.close()
    await this.stop()
    rmSync(this.directory, { recursive: true, force: true })
  }
}

async function canConnect(port: number): Promise<boolean> {
  const socket = connect({ host: '127.0.0.1', port })
  try {
    await once(socket, 'connect')
    return true
  } finally {
    socket.destroy()
  }
}

async function freePorts(): Promise<readonly [number, number]> {
  const servers = [createServer().listen(0, '127.0.0.1'), createServer().listen(0, '127.0.0.1')] as const
  const ports = await Promise.all(servers.map(async server => {
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  }))
  for (const server of servers) server.close()
  return ports as unknown as readonly [number, number]
}
