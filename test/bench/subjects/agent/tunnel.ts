// Two hosts with a pod each, joined by an agent's tunnel, by flanneld's, or by the same devices made by hand.

import { once } from 'node:events'
import { join } from 'node:path'
import { existsSync } from 'node:fs'
import { AgentLab } from '../../../lab/agent.ts'
import { eventually } from '../../../lab/eventually.ts'
import type { Host } from '../../../lab/lab.ts'
import { allMeet, EtcdCluster, type LeasedPod } from '../../../kernel/agent/etcd-cluster.ts'
import { findPeer } from '../../../peers/cache.ts'
import { FLANNELD } from './lease-store.ts'

const STREAM = join(import.meta.dirname, 'stream.ts')
const PORT = 7_000
/** Devices are compared, not traffic rules: those cost every program alike. */
const NO_RULES = ['--iptables-forward-rules=false', '--ip-masq=false']

export type Maker = 'weft' | 'flanneld' | 'by hand'

export class Tunnel implements AsyncDisposable {
  readonly #cluster: EtcdCluster
  readonly #pods: readonly [LeasedPod, LeasedPod]

  private constructor(cluster: EtcdCluster, pods: readonly [LeasedPod, LeasedPod]) {
    this.#cluster = cluster
    this.#pods = pods
  }

  static async open(maker: Maker, backend: Readonly<Record<string, unknown>>): Promise<Tunnel> {
    await using held = new AsyncDisposableStack()
    const cluster = held.use(await EtcdCluster.open({ hosts: 2, netConf: { Network: '10.3.0.0/16', Backend: backend } }))
    const [first, second] = cluster.lab.hosts as [Host, Host]
    const agents = maker === 'by hand' ? await byHand([first, second]) : await Promise.all([first, second].map(host => startAgent(cluster, host, maker)))
    const pods = [await cluster.addPod(first, agents[0]!), await cluster.addPod(second, agents[1]!)] as const
    await allMeet(pods, { timeoutMs: 15_000 })
    const server = pods[1].netns.spawn([process.execPath, STREAM, 'serve', String(PORT)], { stdio: ['ignore', 'pipe', 'inherit'] })
    await once(server.stdout!, 'data')
    held.move()
    return new Tunnel(cluster, pods)
  }

  /** Megabits per second of one TCP connection. */
  megabits(seconds: number): Promise<number> {
    return this.#ask('fill', seconds)
  }

  /** Microseconds of a byte there and back: the median of `count`. */
  roundTrip(count: number): Promise<number> {
    return this.#ask('turn', count)
  }

  async #ask(mode: string, amount: number): Promise<number> {
    const [from, to] = this.#pods
    const { stdout } = await from.netns.exec([process.execPath, STREAM, mode, to.address, String(PORT), String(amount)], { timeoutMs: 60_000 })
    return Number(stdout)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cluster[Symbol.asyncDispose]()
  }
}

async function startAgent(cluster: EtcdCluster, host: Host, maker: 'weft' | 'flanneld'): Promise<Pick<AgentLab, 'subnetEnv'>> {
  const flags = [...cluster.sharedFlags, ...NO_RULES]
  const agent = host.use(AgentLab.start({ host, flags, ...(maker === 'flanneld' && { program: [findPeer(FLANNELD)!] }) }))
  if (maker === 'weft') await agent.ready()
  else await eventually(() => existsSync(agent.subnetFile) || agent.tail, { timeoutMs: 15_000 })
  return agent
}

/** The vxlan devices and entries of two hosts as an administrator would make them. */
async function byHand(hosts: readonly [Host, Host]): Promise<readonly Pick<AgentLab, 'subnetEnv'>[]> {
  const mac = (host: Host): string => `0e:00:00:00:00:0${host.number}`
  for (const host of hosts) {
    const other = hosts.find(candidate => candidate !== host)!
    await host.exec(['sh', '-ec', `
      ip link add flannel.1 address ${mac(host)} mtu 1450 txqueuelen 0 type vxlan id 1 dev eth0 local ${host.address} dstport 8472 nolearning
      ip address add 10.3.${host.number}.0/32 dev flannel.1; ip link set flannel.1 up
      ip neigh add 10.3.${other.number}.0 dev flannel.1 lladdr ${mac(other)} nud permanent
      bridge fdb add ${mac(other)} dev flannel.1 dst ${other.address} self permanent
      ip route add 10.3.${other.number}.0/24 via 10.3.${other.number}.0 dev flannel.1 onlink`])
  }
  return hosts.map(host => ({ subnetEnv: () => `FLANNEL_SUBNET=10.3.${host.number}.1/24\nFLANNEL_MTU=1450\n` }))
}
