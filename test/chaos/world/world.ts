// The cluster under test, as injectors and clients see it.

import { readFileSync, statSync } from 'node:fs'
import { clusterPaths } from '../../../src/cluster/cluster-paths.ts'
import { logFileOf } from '../../../src/cluster/daemons-plan.ts'
import { podNetns } from '../../../src/cluster/sample/try-sample.ts'
import { isReadyLine, readLogLine, type Component } from '../../../src/cluster/supervisor/daemon.ts'
import type { LocalCluster } from '../../lab/local-cluster.ts'
import { runInNetns } from '../../lab/processes.ts'
import type { Target } from '../plan/schedule.ts'
import type { Line } from '../traffic/traffic.ts'
import type { Stage } from './stage.ts'

type Pod = Readonly<{ name: string; host: string; address: string; netns: string }>
type Service = Readonly<{ clusterIp: string; nodePort: number }>

/** Whether a fault hit something; if not, why not. */
export type Hit = true | string

const HTTP_PORT = 80
const POD_HTTP_PORT = 8080
const LINE_PORT = 9000

export class World {
  readonly cluster: LocalCluster
  readonly stage: Stage
  readonly target: Target
  readonly #pods: readonly Pod[]
  readonly #services: Readonly<{ http: Service; line: Service }>

  static async look(cluster: LocalCluster, stage: Stage, options: Readonly<{ etcd: boolean }>): Promise<World> {
    const rows = (await cluster.kubectl(['get', 'pods', '-l', 'app=echo', '-o', 'jsonpath={range .items[*]}{.metadata.name} {.spec.nodeName} {.status.podIP}{"\\n"}{end}'])).trim().split('\n').sort()
    const pods = await Promise.all(rows.map(async row => {
      const [name, host, address] = row.split(' ') as [string, string, string]
      return { name, host, address, netns: await podNetns(cluster.name, { name, host, address }, { signal: AbortSignal.timeout(10_000) }) }
    }))
    const [http, line, clusterIp] = (await cluster.kubectl(['get', 'svc', 'echo', '-o', 'jsonpath={.spec.ports[0].nodePort} {.spec.ports[1].nodePort} {.spec.clusterIP}'])).split(' ') as [string, string, string]
    return new World({ cluster, stage, pods, services: { http: { clusterIp, nodePort: Number(http) }, line: { clusterIp, nodePort: Number(line) } }, etcd: options.etcd })
  }

  private constructor(parts: Readonly<{ cluster: LocalCluster; stage: Stage; pods: readonly Pod[]; services: Readonly<{ http: Service; line: Service }>; etcd: boolean }>) {
    this.cluster = parts.cluster
    this.stage = parts.stage
    this.#pods = parts.pods
    this.#services = parts.services
    this.target = { hosts: parts.cluster.plan.hosts.map(({ name }) => name), pods: parts.pods.map(({ name }) => name), etcd: parts.etcd, vxlan: parts.cluster.plan.backend === 'vxlan' }
  }

  get underlayNetns(): string {
    return this.cluster.plan.underlay.netns
  }

  netns(host: string): string {
    return this.cluster.plan.hosts.find(({ name }) => name === host)!.netns
  }

  podNetns(pod: string): string {
    return this.#pods.find(({ name }) => name === pod)!.netns
  }

  daemonPid(host: string, component: Component): Promise<number | undefined> {
    return this.cluster.daemonPid(this.target.hosts.indexOf(host) + 1, component)
  }

  /** A probe that comes true when the daemon has said "ready" once more than it has by now. */
  nextReady(host: string, component: Component): () => true | string {
    const file = logFileOf(clusterPaths(this.cluster.name), host, component)
    const from = statSync(file).size
    return () => {
      const lines = readFileSync(file).subarray(from).toString().split('\n').filter(line => line !== '')
      return lines.some(line => isReadyLine(readLogLine(line))) || lines.slice(-3).join('\n')
    }
  }

  async restartsOf(pod: string): Promise<Readonly<{ restarts: number; ready: boolean }>> {
    const [restarts, ready] = (await this.cluster.kubectl(['get', 'pod', pod, '-o', 'jsonpath={.status.containerStatuses[0].restartCount} {.status.containerStatuses[0].ready}'])).split(' ')
    return { restarts: Number(restarts), ready: ready === 'true' }
  }

  async exec(host: string, command: readonly string[]): Promise<string> {
    return (await runInNetns(this.netns(host), command)).stdout
  }

  /** True, or what the program did not like. */
  async tryExec(host: string, command: readonly string[]): Promise<Hit> {
    const { code, stderr } = await runInNetns(this.netns(host), command, { check: false })
    return code === 0 || `${command.join(' ')}: ${stderr.trim()}`
  }

  async execUnderlay(command: readonly string[], input?: string): Promise<string> {
    return (await runInNetns(this.underlayNetns, command, { ...(input !== undefined && { input }) })).stdout
  }

  /** Every kind of way through the cluster. */
  lines(): readonly Line[] {
    const any = this.#pods.map(({ name, host }) => ({ pod: name, host }))
    const { http, line } = this.#services
    const lines: Line[] = []
    for (const pod of this.#pods) {
      for (const other of this.#pods.filter(each => each !== pod)) {
        const path = { from: pod.host, servedAt: undefined, to: [{ pod: other.name, host: other.host }] }
        lines.push({ name: `${pod.name} to ${other.name}`, netns: pod.netns, address: other.address, port: POD_HTTP_PORT, path, kind: 'request' })
        lines.push({ name: `${pod.name} stays with ${other.name}`, netns: pod.netns, address: other.address, port: LINE_PORT, path, kind: 'line' })
      }
      const path = { from: pod.host, servedAt: pod.host, to: any }
      lines.push({ name: `${pod.name} to the cluster IP`, netns: pod.netns, address: http.clusterIp, port: HTTP_PORT, path, kind: 'request' })
      lines.push({ name: `${pod.name} stays with the cluster IP`, netns: pod.netns, address: line.clusterIp, port: LINE_PORT, path, kind: 'line' })
      lines.push({ name: `${pod.name} sends to the cluster IP`, netns: pod.netns, address: line.clusterIp, port: LINE_PORT, path, kind: 'datagram' })
    }
    for (const [index, host] of this.target.hosts.entries()) {
      const address = this.cluster.address(index + 1)
      const path = { from: 'outside', servedAt: host, to: any }
      lines.push({ name: `outside to the node port of ${host}`, netns: undefined, address, port: http.nodePort, path, kind: 'request' })
      lines.push({ name: `outside stays with the node port of ${host}`, netns: undefined, address, port: line.nodePort, path, kind: 'line' })
      const pod = this.#pods[(index + 1) % this.#pods.length]!
      lines.push({ name: `${pod.name} to the node port of ${host}`, netns: pod.netns, address, port: http.nodePort, path: { from: pod.host, servedAt: host, to: any }, kind: 'request' })
    }
    return lines
  }

  /** Everything in a host's kernel that must be as it was when all is over. */
  async kernelState(host: string): Promise<readonly string[]> {
    const show = async (...command: string[]): Promise<readonly string[]> =>
      (await this.exec(host, command)).split('\n').filter(line => line !== '' && !line.startsWith('#')).map(line => line.replace(/\[\d+:\d+\]|(packets|bytes) \d+|linkdown/g, '').trim()).sort()
    return [
      ...(await show('ip', '-br', 'link')).map(line => line.replace(/^(cni0 +\S+ +)\S+/, '$1MAC')), ...(await show('ip', '-br', '-4', 'address')), ...(await show('ip', 'route')), ...(await show('ip', 'neigh', 'show', 'nud', 'permanent')),
      ...(this.target.vxlan ? await show('bridge', 'fdb', 'show', 'dev', 'flannel.1') : []), ...(await show('iptables-save')),
    ]
  }
}
