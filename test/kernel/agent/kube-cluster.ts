// A cluster for the agent's tests: hosts of the lab, each a Node of a real API server, each with a pod.

import { openApiClient, type ApiClient } from '../../../src/client/api-client.ts'
import { loadKubeconfig } from '../../../src/client/kubeconfig/load.ts'
import { NODES } from '../../../src/client/resources.ts'
import { silentLog } from '../../../src/ops/log.ts'
import { AgentLab } from '../../lab/agent.ts'
import { ApiServerLab } from '../../lab/apiserver.ts'
import { openLab, type Host, type Lab, type Pod } from '../../lab/lab.ts'
import { TcpBridge } from '../../lab/tcp-bridge.ts'
import { eventually } from '../../lab/eventually.ts'

const signal = new AbortController().signal

export type KubeClusterOptions = Readonly<{
  hosts: number
  /** Hosts without Node, agent or pod, for tests that add them. */
  spareHosts?: number
  backend: Readonly<Record<string, unknown>>
  dualStack?: boolean
  flags?: readonly string[]
  /** Agents wire pods themselves, under net.d, bin and cni.sock of their folder. */
  cni?: boolean
  /** False: no pods are made. */
  pods?: boolean
  netConf?: Readonly<Record<string, unknown>>
  /** Pods and pod CIDRs of IPv6 alone. */
  onlyIpv6?: boolean
  /** An API server of the caller's, instead of Weft's own; agents may have other credentials than the test. */
  server?: Readonly<{ kubeconfig: string; port: number; agentKubeconfig?: string }>
  /** False: agents are started but not waited for. */
  waitReady?: boolean
}>

export class KubeCluster implements AsyncDisposable {
  readonly lab: Lab
  readonly #api: ApiServerLab | undefined
  readonly #server: NonNullable<KubeClusterOptions['server']>
  readonly client: ApiClient
  readonly pods: readonly Pod[]
  readonly bridges: readonly TcpBridge[]
  readonly agents: AgentLab[] = []
  readonly #options: KubeClusterOptions
  readonly #held: AsyncDisposableStack

  private constructor(parts: Readonly<{ lab: Lab; api: ApiServerLab | undefined; server: NonNullable<KubeClusterOptions['server']>; client: ApiClient; pods: readonly Pod[]; bridges: readonly TcpBridge[]; options: KubeClusterOptions; held: AsyncDisposableStack }>) {
    this.lab = parts.lab
    this.#api = parts.api
    this.#server = parts.server
    this.client = parts.client
    this.pods = parts.pods
    this.bridges = parts.bridges
    this.#options = parts.options
    this.#held = parts.held
  }

  /** Nodes and pods stand, agents are ready. */
  static async open(options: KubeClusterOptions): Promise<KubeCluster> {
    await using held = new AsyncDisposableStack()
    const api = options.server === undefined ? held.use(await ApiServerLab.open()) : undefined
    const server = options.server ?? api!
    const lab = held.use(await openLab({ hosts: options.hosts + (options.spareHosts ?? 0) }))
    const client = held.use(openApiClient({ config: await loadKubeconfig({ path: server.kubeconfig }), userAgent: 'test', log: silentLog() }))
    const pods: Pod[] = []
    const bridges: TcpBridge[] = []
    for (const host of lab.hosts) {
      if (options.pods !== false && host.number <= options.hosts) pods.push(await host.addPod())
      bridges.push(held.use(await TcpBridge.open({ netns: host.netns, port: server.port })))
    }
    const cluster = new KubeCluster({ lab, api, server, client, pods, bridges, options, held: held.move() })
    try {
      const members = lab.hosts.slice(0, options.hosts)
      for (const host of members) await cluster.addNode(host)
      for (const host of members) cluster.agents.push(cluster.startAgent(host))
      if (options.waitReady !== false) await Promise.all(cluster.agents.map(agent => agent.ready()))
      return cluster
    } catch (error) {
      await cluster[Symbol.asyncDispose]()
      throw error
    }
  }

  /** Weft's own API server. */
  get api(): ApiServerLab {
    if (this.#api === undefined) throw new Error('the API server is the test\'s own')
    return this.#api
  }

  async addNode(host: Host, more: Readonly<{ podCIDRs?: string[] }> = {}): Promise<void> {
    const own = this.#options.onlyIpv6 === true ? [host.podSubnet6] : [host.podSubnet, ...(this.#options.dualStack === true ? [host.podSubnet6] : [])]
    const podCIDRs = more.podCIDRs ?? own
    await this.client.create(NODES, { metadata: { name: host.name }, spec: podCIDRs.length === 0 ? {} : { podCIDR: podCIDRs[0]!, podCIDRs } }, { signal })
  }

  startAgent(host: Host, more: Readonly<{ flags?: readonly string[]; netConf?: Readonly<Record<string, unknown>>; program?: readonly string[] }> = {}): AgentLab {
    return this.#held.use(AgentLab.start({
      host,
      nodeName: host.name,
      netConf: {
        ...(this.#options.onlyIpv6 === true ? { EnableIPv4: false, EnableIPv6: true, IPv6Network: 'fd44::/16' } : { Network: '10.244.0.0/16' }), ...(this.#options.dualStack === true && { EnableIPv6: true, IPv6Network: 'fd44::/16' }),
        Backend: this.#options.backend, ...this.#options.netConf, ...more.netConf,
      },
      ...(this.#options.cni === true && { cni: true }),
      ...(more.program !== undefined && { program: more.program }),
      flags: ['--kube-subnet-mgr', '--kubeconfig-file', this.#server.agentKubeconfig ?? this.#server.kubeconfig, '--iface', 'eth0', '--ip-masq', ...(this.#options.flags ?? []), ...(more.flags ?? [])],
    }))
  }

  agent(number: number): AgentLab {
    return this.agents[number - 1]!
  }

  pod(number: number): Pod {
    return this.pods[number - 1]!
  }

  /** Waits until every pod reaches every other, in all families in use. */
  async allPodsMeet(options: Readonly<{ timeoutMs?: number }> = {}): Promise<void> {
    for (const from of this.pods) {
      for (const to of this.pods) {
        if (from === to) continue
        for (const address of [...(this.#options.onlyIpv6 === true ? [] : [to.address]), ...(this.#options.dualStack === true || this.#options.onlyIpv6 === true ? [to.address6] : [])]) {
          await eventually(async () => (await from.ping(address, { timeoutMs: 200 })) || `${from.name} does not reach ${address}`, { timeoutMs: options.timeoutMs ?? 5_000 })
        }
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#held.disposeAsync()
  }
}
