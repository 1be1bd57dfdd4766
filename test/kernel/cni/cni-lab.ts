// A host with a CNI server of its own and a driver that executes the shim as container runtimes do: environment, stdin,
// cached results, deletion with what was cached.

import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { once } from 'node:events'
import { readJournal } from '../../../cni/plugin/store/journal.ts'
import { eventually } from '../../lab/eventually.ts'
import { LabNetns } from '../../lab/lab-netns.ts'
import { labPrefix, sweepLeftovers } from '../../lab/leftovers.ts'
import type { AgentArguments } from './agent-process.ts'

export const SHIM = join(import.meta.dirname, '..', '..', '..', 'cni', 'shim', 'build', 'weft-cni')
/** As the launcher and `weft up` start daemons: a nursery that grows to 48 MB would look like a leak. */
const NODE_FLAGS = ['--max-semi-space-size=2', '--v8-pool-size=1']
const AGENT = join(import.meta.dirname, 'agent-process.ts')
const signal = new AbortController().signal

export type CniAnswer = Readonly<{ exitCode: number | null; stdout: string; stderr: string; json: any; durationMs: number }>
export type CallOptions = Readonly<{
  id: string
  /** Path of the namespace; may be '' or no namespace at all. */
  netns: string
  ifname?: string
  config?: Readonly<Record<string, unknown>>
  env?: Readonly<Record<string, string>>
  /** Instead of the configuration. */
  stdin?: string
  program?: string
  args?: readonly string[]
}>

export const WEFT_CONFIG = { cniVersion: '1.0.0', name: 'weft', type: 'weft-cni' } as const
export const LEASE = { subnets: ['10.88.1.0/24', 'fd88:1::/64'], mtu: 1450, clusterCidrs: ['10.88.0.0/16'] } as const

let labs = 0

/** Undefined for what is no JSON: the upstream plugins print some errors twice. */
function parsed(text: string): any {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

export class CniLab implements AsyncDisposable {
  readonly host: LabNetns
  readonly folder: string
  readonly prefix: string
  agent: ChildProcess | undefined
  /** Everything the agent has logged, one object per line. */
  readonly log: Record<string, unknown>[] = []
  #pods = 0
  readonly #held: AsyncDisposableStack

  private constructor(host: LabNetns, prefix: string, folder: string, held: AsyncDisposableStack) {
    this.host = host
    this.prefix = prefix
    this.folder = folder
    this.#held = held
  }

  static async open(options: Readonly<{ agent?: boolean; lease?: AgentArguments['lease']; onDisk?: boolean }> = {}): Promise<CniLab> {
    await sweepLeftovers()
    const prefix = `${labPrefix()}cni${labs++}`
    await using held = new AsyncDisposableStack()
    const folder = mkdtempSync(join(options.onDisk === true ? tmpdir() : existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'weft-cni-'))
    held.defer(() => rmSync(folder, { recursive: true, force: true }))
    for (const name of ['state', 'queue', 'conf', 'bin', 'networks']) mkdirSync(join(folder, name), { mode: 0o700 })
    const host = held.use(await LabNetns.open('host', `${prefix}-host`))
    const lab = new CniLab(host, prefix, folder, held.move())
    if (options.agent !== false) await lab.start({ lease: options.lease ?? LEASE })
    return lab
  }

  get socketPath(): string {
    return join(this.folder, 'cni.sock')
  }

  get dataDir(): string {
    return join(this.folder, 'networks')
  }

  async start(options: Partial<AgentArguments> = {}): Promise<void> {
    const args: AgentArguments = {
      socketPath: this.socketPath, stateDir: join(this.folder, 'state'), queueDir: join(this.folder, 'queue'),
      confDir: join(this.folder, 'conf'), binDir: join(this.folder, 'bin'), lease: LEASE, ...options,
    }
    const from = this.log.length
    const agent = this.host.spawn([process.execPath, ...NODE_FLAGS, AGENT, JSON.stringify(args)], { stdio: ['ignore', 'ignore', 'pipe'] })
    this.agent = agent
    let rest = ''
    agent.stderr!.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n')
      rest = lines.pop()!
      for (const line of lines) this.log.push(line.startsWith('{') ? (JSON.parse(line) as Record<string, unknown>) : { msg: line })
    })
    await eventually(() => (this.log.slice(from).some(line => line['msg'] === 'ready') ? true : `agent said ${JSON.stringify(this.log.slice(from).slice(-3))}`), { timeoutMs: 60_000 })
  }

  /** Ends the agent and waits until it is gone. */
  async stop(how: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const agent = this.agent
    if (agent === undefined || agent.exitCode !== null || agent.signalCode !== null) return
    const ended = once(agent, 'exit')
    agent.kill(how)
    await ended
  }

  async addPod(): Promise<LabNetns> {
    this.#pods += 1
    return this.host.use(await LabNetns.open(`pod-${this.#pods}`, `${this.prefix}-pod-${this.#pods}`))
  }

  async call(verb: string, options: CallOptions): Promise<CniAnswer> {
    const environment: Record<string, string> = {
      PATH: process.env['PATH'] ?? '', CNI_COMMAND: verb, CNI_CONTAINERID: options.id, CNI_NETNS: options.netns, CNI_IFNAME: options.ifname ?? 'eth0',
      WEFT_CNI_SOCKET: this.socketPath, WEFT_CNI_QUEUE: join(this.folder, 'queue'), ...options.env,
    }
    const began = performance.now()
    const child = spawn('nsenter', [`--net=${this.host.netns}`, '--', options.program ?? SHIM, ...(options.args ?? [])], { env: environment, stdio: ['pipe', 'pipe', 'pipe'] })
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (stdout += chunk))
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk))
    child.stdin.on('error', () => {})
    child.stdin.end(options.stdin ?? JSON.stringify(options.config ?? WEFT_CONFIG))
    const [exitCode] = (await once(child, 'close')) as [number | null]
    return { exitCode, stdout, stderr, json: parsed(stdout), durationMs: performance.now() - began }
  }

  /** ADD that must succeed; answers the result. */
  async add(options: CallOptions): Promise<any> {
    const answer = await this.call('ADD', options)
    if (answer.exitCode !== 0) throw new Error(`ADD ${options.id} failed: ${answer.stdout}${answer.stderr}`)
    return answer.json
  }

  /** DEL that must succeed. */
  async del(options: CallOptions): Promise<void> {
    const answer = await this.call('DEL', options)
    if (answer.exitCode !== 0) throw new Error(`DEL ${options.id} failed: ${answer.stdout}${answer.stderr}`)
  }

  /** Records in the journal, by key. */
  records(): ReadonlyMap<string, any> {
    const records = new Map<string, any>()
    const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    for (const entry of readJournal(join(this.folder, 'state', 'attachments.journal'), bootId).entries as any[]) {
      if (entry.put) records.set(`${entry.put.role}/${entry.put.containerId}/${entry.put.ifname}`, entry.put)
      if (entry.drop) records.delete(entry.drop)
    }
    return records
  }

  /** Host ends of pods; not the host's own link in a VLAN, whose other end is in this namespace. */
  async veths(): Promise<readonly string[]> {
    return (await this.host.rtnl.links.list({ signal })).filter(link => link.info.kind === 'veth' && link.name.startsWith('veth') && link.parentNetnsId !== undefined).map(link => link.name)
  }

  /** Until no host end is on its way out: DEL answers before its link is gone. */
  async drained(): Promise<void> {
    const live = (): number => [...this.records().values()].filter(record => record.role === 'interface' && record.state !== 'active').length
    await eventually(() => live() === 0, { intervalMs: 2 })
  }

  /**
   * Invariant I of the acceptance catalogue: records = host ends = expected attachments, no address twice, no queue entry,
   * and the agent holds no foreign namespace open. Comes true within the time that deferred removal takes.
   */
  async settled(expected: number): Promise<void> {
    await eventually(async () => {
      const records = [...this.records().values()]
      const interfaces = records.filter(record => record.role === 'interface')
      const veths = await this.veths()
      const addresses = interfaces.flatMap(record => record.addresses.map((held: any) => held.address))
      const queued = readdirSync(join(this.folder, 'queue')).filter(name => name !== 'lock')
      const seen = { records: interfaces.length, states: [...new Set(interfaces.map(record => record.state))], veths: veths.length, queued, foreign: this.foreignNamespaces() }
      const good = interfaces.length === expected && veths.length === expected && new Set(addresses).size === addresses.length &&
        queued.length === 0 && interfaces.every(record => record.state === 'active') && interfaces.every(record => veths.includes(record.link.host)) && seen.foreign.length === 0
      return good ? true : `expected ${expected}: ${JSON.stringify(seen)}`
    }, { timeoutMs: 30_000 })
  }

  /** Namespace files that the agent holds open, its own excepted. */
  foreignNamespaces(): readonly string[] {
    const pid = this.agent?.pid
    if (pid === undefined || this.agent?.exitCode !== null || this.agent.signalCode !== null) return []
    return readdirSync(`/proc/${pid}/fd`).flatMap(fd => {
      try {
        const target = readlinkSync(`/proc/${pid}/fd/${fd}`)
        return target.startsWith('/run/netns/') || target.startsWith('net:[') ? [target] : []
      } catch {
        return []
      }
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop('SIGKILL')
    await this.host[Symbol.asyncDispose]()
    await this.#held.disposeAsync()
  }
}
