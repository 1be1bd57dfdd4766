// A `weft proxy` process (or a real kube-proxy: the flags are the same) in a namespace of the lab, with files of its own.

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { eventually } from './eventually.ts'
import { systemPath } from './processes.ts'
import type { LabNetns } from './lab-netns.ts'

const ROOT = join(import.meta.dirname, '..', '..')
/** As `weft up` starts daemons: small young generation, one helper thread, compiled code kept between starts. */
const WEFT_PROXY = [process.execPath, '--max-semi-space-size=2', '--v8-pool-size=1', join(ROOT, 'src', 'main.ts'), 'proxy']
const HEALTHZ_PORT = 10_256
const METRICS_PORT = 10_249

export type ProxyLabOptions = Readonly<{
  host: LabNetns
  kubeconfig: string
  nodeName: string
  flags?: readonly string[]
  /** Programs to run instead of Weft's proxy, such as a real kube-proxy. */
  program?: readonly string[]
  /** Puts iptables-nft or iptables-legacy in front under the plain names. */
  variant?: 'nft' | 'legacy'
  /** Where programs are looked for, instead of where this process does. */
  path?: string
}>

export class ProxyLab implements AsyncDisposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'weft-proxy-'))
  readonly #options: ProxyLabOptions
  #process: ChildProcess | undefined
  #lines: string[] = []
  /** Wall clock, in milliseconds, when the process was last started. */
  startedAtMs = 0

  private constructor(options: ProxyLabOptions) {
    this.#options = options
    if (options.variant !== undefined) putVariantInFront(join(this.directory, 'bin'), options.variant)
  }

  static start(options: ProxyLabOptions): ProxyLab {
    const proxy = new ProxyLab(options)
    proxy.start()
    return proxy
  }

  /** Starts the proxy and waits until its first sync is done. */
  static async open(options: ProxyLabOptions): Promise<ProxyLab> {
    const proxy = ProxyLab.start(options)
    try {
      await proxy.ready()
      return proxy
    } catch (error) {
      await proxy[Symbol.asyncDispose]()
      throw error
    }
  }

  /** Starts the process (again). */
  start(extraFlags: readonly string[] = []): void {
    const { host, kubeconfig, nodeName, flags = [], program = WEFT_PROXY } = this.#options
    this.#lines = []
    this.startedAtMs = Date.now()
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', 'nsenter', `--net=${host.netns}`, '--', ...program,
      '--kubeconfig', kubeconfig, '--hostname-override', nodeName, ...flags, ...extraFlags,
    ], { stdio: ['ignore', 'ignore', 'pipe'], env: this.#env })
    createInterface({ input: child.stderr! }).on('line', line => this.#lines.push(line))
    this.#process = child
  }

  get #env(): NodeJS.ProcessEnv {
    const { variant, path: given = systemPath(process.env['PATH']) } = this.#options
    const path = variant === undefined ? given : `${join(this.directory, 'bin')}:${given}`
    return { NODE_COMPILE_CACHE: join(ROOT, '.cache', 'compiled'), ...process.env, PATH: path, XTABLES_LOCKFILE: join(this.directory, 'xtables.lock') }
  }

  /** Runs the program to its end with these flags only; answers its exit code. */
  async once(...flags: readonly string[]): Promise<number | null> {
    const { host, program = WEFT_PROXY } = this.#options
    return (await host.exec([...program, ...flags], { check: false, env: this.#env })).code
  }

  get pid(): number {
    return this.#process!.pid!
  }

  /** True once the process has ended by itself or been ended. */
  get exited(): boolean {
    return this.#process!.exitCode !== null || this.#process!.signalCode !== null
  }

  get log(): readonly Readonly<Record<string, unknown>>[] {
    return this.#lines.map(line => {
      try {
        return JSON.parse(line) as Record<string, unknown>
      } catch {
        return { msg: line }
      }
    })
  }

  logged(message: string): readonly Readonly<Record<string, unknown>>[] {
    return this.log.filter(line => line['msg'] === message)
  }

  /** Resolves after the first sync: by the log for Weft, by the metric for others. */
  async ready(timeoutMs = 20_000): Promise<void> {
    await eventually(async () => {
      if (this.#process!.exitCode !== null) throw new Error(`the proxy ended with ${this.#process!.exitCode}: ${this.#lines.slice(-25).join('\n')}`)
      if (this.#options.program === undefined) return this.logged('ready').length > 0 || this.#lines.slice(-10).join('\n')
      return (await this.metric('kubeproxy_sync_proxy_rules_last_timestamp_seconds{ip_family="IPv4"}')) > 0 || this.#lines.slice(-10).join('\n')
    }, { timeoutMs, intervalMs: 25 })
  }

  health(path = '/healthz', address = '127.0.0.1'): ReturnType<LabNetns['get']> {
    return this.#options.host.get(address, HEALTHZ_PORT, path)
  }

  operations(path: string): ReturnType<LabNetns['get']> {
    return this.#options.host.get('127.0.0.1', METRICS_PORT, path)
  }

  /** Value of a metric with its labels as they are printed; NaN when it is not there. */
  async metric(name: string): Promise<number> {
    const { body } = await this.operations('/metrics')
    const line = body.split('\n').find(candidate => candidate.startsWith(`${name} `))
    return line === undefined ? Number.NaN : Number(line.slice(name.length + 1))
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    const child = this.#process!
    if (child.exitCode === null && child.signalCode === null) {
      const ended = once(child, 'exit')
      child.kill(signal)
      await ended
    }
    return child.exitCode
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop('SIGKILL')
    rmSync(this.directory, { recursive: true, force: true })
  }
}

/** What update-alternatives does, for one process: the plain names are those of one variant. */
function putVariantInFront(folder: string, variant: 'nft' | 'legacy'): void {
  const program = ['/usr/sbin', '/sbin'].map(place => join(place, `xtables-${variant}-multi`)).find(path => existsSync(path))
  if (program === undefined) throw new Error(`this machine has no xtables-${variant}-multi; install the package iptables`)
  mkdirSync(folder)
  for (const stem of ['iptables', 'ip6tables']) for (const end of ['', '-save', '-restore']) symlinkSync(program, join(folder, stem + end))
}
