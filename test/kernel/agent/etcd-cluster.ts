// A cluster whose leases are in a real etcd: hosts of the lab, each with an agent or a flanneld, and pods in what they leased.

import { AgentLab } from '../../lab/agent.ts'
import { EtcdLab } from '../../lab/etcd.ts'
import { eventually } from '../../lab/eventually.ts'
import { openLab, type Host, type Lab } from '../../lab/lab.ts'
import { LabNetns } from '../../lab/lab-netns.ts'
import { TcpBridge } from '../../lab/tcp-bridge.ts'

export const PREFIX = '/coreos.com/network'

export type EtcdClusterOptions = Readonly<{ hosts: number; netConf: unknown; flags?: readonly string[] }>
export type LeasedPod = Readonly<{ netns: LabNetns; address: string; address6?: string }>

export class EtcdCluster implements AsyncDisposable {
  readonly lab: Lab
  readonly etcd: EtcdLab
  readonly bridges: readonly TcpBridge[]
  readonly #flags: readonly string[]
  readonly #held: AsyncDisposableStack

  private constructor(parts: Readonly<{ lab: Lab; etcd: EtcdLab; bridges: readonly TcpBridge[]; flags: readonly string[]; held: AsyncDisposableStack }>) {
    this.lab = parts.lab
    this.etcd = parts.etcd
    this.bridges = parts.bridges
    this.#flags = parts.flags
    this.#held = parts.held
  }

  static async open(options: EtcdClusterOptions): Promise<EtcdCluster> {
    await using held = new AsyncDisposableStack()
    const etcd = held.use(await EtcdLab.open())
    await etcd.client.put(`${PREFIX}/config`).value(JSON.stringify(options.netConf))
    const lab = held.use(await openLab({ hosts: options.hosts }))
    const bridges: TcpBridge[] = []
    for (const host of lab.hosts) bridges.push(held.use(await TcpBridge.open({ netns: host.netns, port: etcd.port })))
    return new EtcdCluster({ lab, etcd, bridges, flags: options.flags ?? [], held: held.move() })
  }

  /** Flags that flanneld has too. */
  get sharedFlags(): readonly string[] {
    return ['--etcd-endpoints', this.etcd.url, '--iface', 'eth0', '--ip-masq']
  }

  startAgent(host: Host, more: Readonly<{ flags?: readonly string[] }> = {}): AgentLab {
    return this.#held.use(AgentLab.start({ host, flags: [...this.sharedFlags, ...this.#flags, ...(more.flags ?? [])] }))
  }

  async agent(host: Host, more: Readonly<{ flags?: readonly string[] }> = {}): Promise<AgentLab> {
    const agent = this.startAgent(host, more)
    await agent.ready()
    return agent
  }

  /** Puts a pod with a bridge of its own into the subnet that the host leased. */
  async addPod(host: Host, agent: Pick<AgentLab, 'subnetEnv'>): Promise<LeasedPod> {
    const [, gateway, length] = /FLANNEL_SUBNET=([\d.]+)\/(\d+)/.exec(agent.subnetEnv())!
    const mtu = /FLANNEL_MTU=(\d+)/.exec(agent.subnetEnv())![1]!
    const address = gateway!.replace(/\.(\d+)$/, (_, last) => `.${Number(last) + 1}`)
    const netns = host.use(await LabNetns.open(`pod-${host.number}`, `${host.netns}-pod`))
    const name = netns.netns.split('/').at(-1)!
    await host.exec(['sh', '-ec', `
      ip link add cni0 type bridge; ip address add ${gateway}/${length} dev cni0; ip link set cni0 up mtu ${mtu}
      ip link add vpod mtu ${mtu} type veth peer name eth0 mtu ${mtu} netns ${name}; ip link set vpod master cni0 up`])
    await netns.exec(['sh', '-ec', `ip link set eth0 up; ip address add ${address}/${length} dev eth0; ip route add default via ${gateway}`])
    const [, gateway6, length6] = /FLANNEL_IPV6_SUBNET=([\da-f:]+)\/(\d+)/.exec(agent.subnetEnv()) ?? []
    if (gateway6 === undefined) return { netns, address }
    const address6 = `${gateway6.slice(0, -1)}2`
    await host.exec(['sh', '-ec', `ip address add ${gateway6}/${length6} dev cni0 nodad`])
    await netns.exec(['sh', '-ec', `ip address add ${address6}/${length6} dev eth0 nodad; ip -6 route add default via ${gateway6}`])
    return { netns, address, address6 }
  }

  leases(): Promise<Readonly<Record<string, string>>> {
    return this.etcd.all(`${PREFIX}/subnets/`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#held.disposeAsync()
  }
}

/** Waits until each of the pods reaches every other. */
export async function allMeet(pods: readonly LeasedPod[], options: Readonly<{ timeoutMs?: number }> = {}): Promise<void> {
  for (const from of pods) {
    for (const to of pods) {
      if (from === to) continue
      for (const address of [to.address, ...(to.address6 === undefined ? [] : [to.address6])]) {
        await eventually(async () => (await from.netns.ping(address, { timeoutMs: 200 })) || `${from.netns.name} does not reach ${address}`, { timeoutMs: options.timeoutMs ?? 5_000 })
      }
    }
  }
}
