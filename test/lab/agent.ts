// A real `weft agent` process in a host of the lab, with files of its own.

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { eventually } from './eventually.ts'
import type { Host } from './lab.ts'

/** The program may be a bundle, which starts several times as fast where starting is slow. */
const MAIN = process.env['WEFT_TEST_PROGRAM'] ?? join(import.meta.dirname, '..', '..', 'src', 'main.ts')
const HEALTH_PORT = 10_260

export type AgentLabOptions = Readonly<{
  host: Host
  /** Name of the Node, when leases come from Kubernetes. */
  nodeName?: string
  /** Written to net-conf.json. */
  netConf?: unknown
  flags: readonly string[]
  /** Wires pods, under net.d, bin and cni.sock of the agent's folder. */
  cni?: boolean
  env?: Readonly<Record<string, string>>
  /** Files of an agent that ran before on this host; absent: a fresh folder. */
  directory?: string
  /** Programs to run instead of Weft's agent, such as a real flanneld. Gets the flags that both share. */
  program?: readonly string[]
}>

export type LogLine = Readonly<Record<string, unknown>> & Readonly<{ msg: string; level: string }>

export class AgentLab implements AsyncDisposable {
  readonly host: Host
  readonly directory: string
  readonly #options: AgentLabOptions
  #process: ChildProcess | undefined
  readonly #lines: string[] = []

  private constructor(options: AgentLabOptions) {
    this.host = options.host
    this.#options = options
    this.directory = options.directory ?? mkdtempSync(join(tmpdir(), 'weft-agent-'))
    if (options.netConf !== undefined) this.writeNetConf(options.netConf)
  }

  /** Starts the agent; `ready` or `exited` tell what comes of it. */
  static start(options: AgentLabOptions): AgentLab {
    const agent = new AgentLab(options)
    agent.start()
    return agent
  }

  static async open(options: AgentLabOptions): Promise<AgentLab> {
    const agent = AgentLab.start(options)
    try {
      await agent.ready()
      return agent
    } catch (error) {
      await agent[Symbol.asyncDispose]()
      throw error
    }
  }

  get subnetFile(): string {
    return join(this.directory, 'subnet.env')
  }

  /** Where Weft has it by itself; a flanneld is told. */
  get wireguardKeyFile(): string {
    return join(this.directory, 'wgkey')
  }

  get netConfPath(): string {
    return join(this.directory, 'net-conf.json')
  }

  get pid(): number {
    return this.#process!.pid!
  }

  writeNetConf(value: unknown): void {
    writeFileSync(this.netConfPath, typeof value === 'string' ? value : JSON.stringify(value))
  }

  subnetEnv(): string {
    return readFileSync(this.subnetFile, 'utf8')
  }

  /** Starts the process (again) on the same files. */
  start(extraFlags: readonly string[] = []): void {
    const { host, flags, env, nodeName, program } = this.#options
    const command = [
      ...(program ?? [process.execPath, MAIN, 'agent']), '--net-config-path', this.netConfPath, '--subnet-file', this.subnetFile,
      '--healthz-ip', '127.0.0.1', '--healthz-port', String(HEALTH_PORT), ...(this.#options.cni === true ? this.#cniFlags : []), ...flags, ...extraFlags,
    ]
    const child = spawn('nsenter', [`--net=${host.netns}`, '--', ...command], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, ...(nodeName !== undefined && { NODE_NAME: nodeName }), XTABLES_LOCKFILE: join(this.directory, 'xtables.lock'), ...(program !== undefined && { WIREGUARD_KEY_FILE: this.wireguardKeyFile }), ...env },
    })
    createInterface({ input: child.stderr! }).on('line', line => this.#lines.push(line))
    this.#process = child
  }

  get #cniFlags(): readonly string[] {
    const folder = (name: string): string => join(this.directory, name)
    return ['--cni-conf-dir', folder('net.d'), '--cni-bin-dir', folder('bin'), '--cni-socket', folder('cni.sock'), '--cni-state-dir', folder('cni'), '--cni-queue-dir', folder('queue')]
  }

  /** Everything logged so far, over all starts; lines that are not JSON become messages. */
  get log(): readonly LogLine[] {
    return this.#lines.map(line => {
      try {
        return JSON.parse(line) as LogLine
      } catch {
        return { msg: line, level: 'raw' }
      }
    })
  }

  /** What a failing test should show. */
  get tail(): string {
    return this.#lines.slice(-25).join('\n')
  }

  logged(msg: string): readonly LogLine[] {
    return this.log.filter(line => line.msg === msg)
  }

  async ready(timeoutMs = 60_000): Promise<void> {
    await eventually(async () => {
      if (this.#process!.exitCode !== null) throw new Error(`the agent ended with ${this.#process!.exitCode}:\n${this.tail}`)
      const { status, body } = await this.get('/readyz')
      return status === 200 || `${this.#options.host.name}: ${body}\n${this.tail}`
    }, { timeoutMs, intervalMs: 50 })
  }

  get(path: string): Promise<Readonly<{ status: number; body: string }>> {
    return this.host.get('127.0.0.1', HEALTH_PORT, path)
  }

  /** Value of a metric, with its labels as text: `weft_agent_repairs_total{object="route"}`. 0 when it has none yet. */
  async metric(name: string): Promise<number> {
    const { body } = await this.get('/metrics')
    const line = body.split('\n').find(candidate => candidate.startsWith(`${name} `))
    return line === undefined ? 0 : Number(line.slice(name.length + 1))
  }

  async exited(): Promise<number | null> {
    const child = this.#process!
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    return child.exitCode
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    const child = this.#process!
    if (child.exitCode === null && child.signalCode === null) child.kill(signal)
    return this.exited()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop('SIGKILL')
    rmSync(this.directory, { recursive: true, force: true })
  }
}
