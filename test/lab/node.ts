// A real `weft node` process in a host of the lab, bound to a real API server, with a CNI plugin that tests can look into.

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Pod } from 'kubernetes-types/core/v1.js'
import { openApiClient, type ApiClient } from '../../src/client/api-client.ts'
import { isNotFound } from '../../src/client/errors.ts'
import { loadKubeconfig } from '../../src/client/kubeconfig/load.ts'
import type { Stored } from '../../src/client/objects.ts'
import { PODS } from '../../src/client/resources.ts'
import { removeNetns } from '../../src/net/netns/named-netns.ts'
import { silentLog } from '../../src/ops/log.ts'
import { ApiServerLab } from './apiserver.ts'
import { TestCniPlugin } from './cni-plugin.ts'
import { eventually } from './eventually.ts'
import { openLab, type Host, type Lab } from './lab.ts'
import { endProcessesIn } from './processes.ts'
import { TcpBridge } from './tcp-bridge.ts'

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'main.ts')
const signal = new AbortController().signal

export const NODE_NAME = 'node-under-test'

export class NodeLab implements AsyncDisposable {
  readonly api: ApiServerLab
  readonly client: ApiClient
  readonly host: Host
  readonly folder: string
  readonly cni: TestCniPlugin
  readonly #bridge: TcpBridge
  readonly #kubeconfig: string
  readonly #held: AsyncDisposableStack
  #process: ChildProcess | undefined
  readonly log: Record<string, unknown>[] = []

  private constructor(parts: Readonly<{ api: ApiServerLab; client: ApiClient; lab: Lab; folder: string; bridge: TcpBridge; kubeconfig: string; held: AsyncDisposableStack }>) {
    this.api = parts.api
    this.client = parts.client
    this.host = parts.lab.host(1)
    this.folder = parts.folder
    this.cni = new TestCniPlugin(parts.folder, { network: '10.244.1' })
    this.#bridge = parts.bridge
    this.#kubeconfig = parts.kubeconfig
    this.#held = parts.held
  }

  /** `network: false` leaves the pod network unconfigured. */
  static async open(options: Readonly<{ network?: false }> = {}): Promise<NodeLab> {
    await using held = new AsyncDisposableStack()
    const folder = mkdtempSync(join(tmpdir(), 'weft-node-'))
    held.defer(() => rmSync(folder, { recursive: true, force: true }))
    const api = held.use(await ApiServerLab.open())
    const lab = held.use(await openLab({ hosts: 1 }))
    const client = held.use(openApiClient({ config: await loadKubeconfig({ path: api.kubeconfig }), userAgent: 'test', log: silentLog() }))
    const bridge = held.use(await TcpBridge.open({ netns: lab.host(1).netns, port: api.port }))
    const kubeconfig = await api.kubeconfigFor('node', { commonName: `system:node:${NODE_NAME}`, organizations: ['system:nodes'] })
    const made = new NodeLab({ api, client, lab, folder, bridge, kubeconfig, held: held.move() })
    if (options.network !== false) made.cni.configure()
    try {
      await made.start()
      return made
    } catch (error) {
      await made[Symbol.asyncDispose]()
      throw error
    }
  }

  get bridge(): TcpBridge {
    return this.#bridge
  }

  get rootFolder(): string {
    return join(this.folder, 'root')
  }

  async start(): Promise<void> {
    const from = this.log.length
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', 'nsenter', `--net=${this.host.netns}`, '--', process.execPath, MAIN, 'node',
      '--kubeconfig', this.#kubeconfig, '--hostname-override', NODE_NAME, '--node-ip', `${this.host.address},${this.host.address6}`,
      '--cni-conf-dir', this.cni.configFolder, '--cni-bin-dir', this.cni.binFolder, '--root-dir', this.rootFolder, '--log-level', 'debug',
    ], { stdio: ['ignore', 'ignore', 'pipe'] })
    this.#process = child
    createInterface({ input: child.stderr }).on('line', line => this.log.push(line.startsWith('{') ? (JSON.parse(line) as Record<string, unknown>) : { msg: line }))
    await eventually(() => this.log.slice(from).some(({ msg }) => msg === 'ready') || `weft node said ${JSON.stringify(this.log.slice(from).slice(-5))}`, { timeoutMs: 20_000 })
  }

  async stop(how: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#process
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill(how)
    await ended
  }

  /** Creates a pod bound to the node. */
  async create(name: string, spec: Partial<NonNullable<Pod['spec']>>, metadata: Partial<NonNullable<Pod['metadata']>> = {}): Promise<Stored<Pod>> {
    return this.client.create(PODS, { metadata: { ...metadata, name, namespace: 'default' }, spec: { nodeName: NODE_NAME, terminationGracePeriodSeconds: 1, containers: [], ...spec } }, { signal })
  }

  async pod(name: string): Promise<Stored<Pod>> {
    return this.client.get(PODS, { namespace: 'default', name }, { signal })
  }

  /** Waits until the pod is as `holds` says; answers it then. */
  async until(name: string, holds: (pod: Stored<Pod>) => boolean, timeoutMs = 15_000): Promise<Stored<Pod>> {
    return eventually(async () => {
      const pod = await this.pod(name)
      return holds(pod) ? pod : JSON.stringify(pod.status)
    }, { timeoutMs })
  }

  /** Waits until the pod is Ready. */
  ready(name: string): Promise<Stored<Pod>> {
    return this.until(name, isReady)
  }

  async delete(name: string, gracePeriodSeconds?: number): Promise<void> {
    await this.client.delete(PODS, { namespace: 'default', name }, { signal, ...(gracePeriodSeconds !== undefined && { gracePeriodSeconds }) })
  }

  async gone(name: string, timeoutMs = 15_000): Promise<void> {
    await eventually(async () => {
      try {
        return JSON.stringify((await this.pod(name)).metadata)
      } catch (error) {
        if (isNotFound(error)) return true
        throw error
      }
    }, { timeoutMs })
  }

  /** Waits until nothing of any pod is left: no folder, no link of the plugin's, no attachment in libcni's cache. */
  async clean(): Promise<void> {
    await eventually(async () => {
      const links = (await this.host.rtnl.links.list({ signal })).filter(({ info, name }) => info.kind === 'veth' && name !== 'eth0').map(({ name }) => name)
      const left = { pods: namesIn(join(this.rootFolder, 'pods')), links, cache: namesIn(join(this.rootFolder, 'cni', 'results')) }
      return Object.values(left).every(list => list.length === 0) || JSON.stringify(left)
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop('SIGKILL')
    for (const uid of namesIn(join(this.rootFolder, 'pods'))) {
      for (const id of namesIn(join(this.rootFolder, 'pods', uid, 'sandboxes'))) {
        for (const namespace of ['net', 'uts', 'ipc']) removeNetns(join(this.rootFolder, 'pods', uid, 'sandboxes', id, namespace))
      }
    }
    await endProcessesIn([this.host.identity])
    await this.#held.disposeAsync()
  }
}

export const isReady = (pod: Stored<Pod>): boolean => pod.status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True'

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
