// One cell of the compatibility matrix: two hosts whose API server, agent, proxy and CNI plugins are each Weft's or
// upstream's, with pods as processes on them, and the questions that every cell is asked.

import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { spawn } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { removeNetns } from '../../../src/net/netns/named-netns.ts'
import { AgentLab } from '../../lab/agent.ts'
import { ApiServerLab } from '../../lab/apiserver.ts'
import { getHttp } from '../../lab/client.ts'
import { ControllerManagerLab } from '../../lab/controller-manager.ts'
import { EtcdLab } from '../../lab/etcd.ts'
import { eventually } from '../../lab/eventually.ts'
import { openLab, type Host, type Lab } from '../../lab/lab.ts'
import { endProcessesIn } from '../../lab/processes.ts'
import { ProxyLab } from '../../lab/proxy.ts'
import { TcpBridge } from '../../lab/tcp-bridge.ts'
import { findPeer } from '../../peers/cache.ts'

export type Maker = 'weft' | 'upstream'
export type CellParts = Readonly<{ apiserver: Maker; agent: Maker; proxy: 'weft-iptables' | 'weft-nftables' | 'upstream-iptables' | 'upstream-nftables'; cni: Maker; /** kube-controller-manager and kube-scheduler instead of ours. */ controllers?: Maker }>

const CONTROLLERS = ['kube-controller-manager-1.36.3', 'kube-scheduler-1.36.3'] as const
export const PEERS = { apiserver: 'kube-apiserver-1.36.3', agent: 'flanneld-0.28.4', proxy: 'kube-proxy-1.36.3', cni: 'cni-1.9.1/bridge' } as const

type CniFolders = Readonly<{ config: string; programs: string; socket: string }>

/** The peers that a cell needs and this machine lacks. */
export const missingIn = (parts: CellParts): readonly string[] => {
  const needed = (Object.keys(PEERS) as (keyof typeof PEERS)[]).filter(part => parts[part].startsWith('upstream')).map(part => PEERS[part])
  return [...needed, ...(parts.controllers === 'upstream' ? CONTROLLERS : [])].filter(name => findPeer(name) === undefined)
}

const MAIN = join(import.meta.dirname, '..', '..', '..', 'src', 'main.ts')
const POD_NETWORK = '10.244.0.0/16'
const NODE_PORT = 30_080
const PODS = ['a', 'b', 'c'] as const

export class Cell implements AsyncDisposable {
  readonly lab: Lab
  readonly api: ApiServerLab
  readonly #folder: string
  readonly #held: AsyncDisposableStack
  clusterIp = ''

  private constructor(lab: Lab, api: ApiServerLab, folder: string, held: AsyncDisposableStack) {
    this.lab = lab
    this.api = api
    this.#folder = folder
    this.#held = held
  }

  static async open(parts: CellParts): Promise<Cell> {
    await using held = new AsyncDisposableStack()
    const folder = mkdtempSync(join(tmpdir(), 'weft-cell-'))
    held.defer(() => rmSync(folder, { recursive: true, force: true }))
    const range = ['--service-cluster-ip-range', '10.96.0.0/16']
    const api = held.use(await openApiServer(parts.apiserver, range, held))
    const lab = held.use(await openLab({ hosts: 2 }))
    if (parts.controllers === 'upstream') startUpstreamControllers(api, held)
    // Upstream gives its controller manager one account per controller; ours works under one identity.
    else held.use(await ControllerManagerLab.start(api, parts.apiserver === 'weft' ? [] : [`--kubeconfig=${api.kubeconfig}`]))
    for (const host of lab.hosts) {
      // Nodes have a default route; without one a packet to a cluster IP ends before it meets any rule.
      await host.exec(['ip', 'route', 'replace', 'default', 'via', lab.hosts.find(other => other !== host)!.address])
      held.use(await TcpBridge.open({ netns: host.netns, port: api.port }))
    }
    const cell = new Cell(lab, api, folder, held.move())
    try {
      for (const host of lab.hosts) await cell.#startHost(host, parts)
      await cell.#deploy(parts.controllers === 'upstream')
      return cell
    } catch (error) {
      await cell[Symbol.asyncDispose]()
      throw error
    }
  }

  async #startHost(host: Host, parts: CellParts): Promise<void> {
    const name = host.name
    // The rights of each are upstream's concern elsewhere; here the question is whether the parts understand each other.
    const kubeconfig = await this.api.kubeconfigFor(name, { commonName: `lab:${name}`, organizations: ['system:masters'] })
    const directory = join(this.#folder, `${name}-agent`)
    const cni: CniFolders = { config: join(directory, 'net.d'), programs: join(directory, 'bin'), socket: join(directory, 'cni.sock') }
    mkdirSync(cni.config, { recursive: true })
    this.#startNode(host, kubeconfig, cni)
    // As on a real host: flanneld runs on nodes that exist, and gives up on one that does not.
    await eventually(async () => (await this.api.tryKubectl('get', 'node', name)).code === 0, { timeoutMs: 30_000, intervalMs: 250 })
    const agent = this.#held.use(AgentLab.start({
      host, directory, nodeName: name, netConf: { Network: POD_NETWORK, Backend: { Type: 'vxlan' } }, cni: parts.agent === 'weft' && parts.cni === 'weft',
      flags: ['--kube-subnet-mgr', '--kubeconfig-file', kubeconfig, '--ip-masq', '--iface', 'eth0'],
      ...(parts.agent === 'upstream' && { program: [findPeer(PEERS.agent)!] }),
    }))
    await eventually(() => existsSync(agent.subnetFile) || agent.tail, { timeoutMs: 40_000 })
    if (parts.cni === 'upstream') installReferencePlugins(cni, readFileSync(agent.subnetFile, 'utf8'))
    const [maker, mode] = parts.proxy.split('-') as [Maker, string]
    this.#held.use(await ProxyLab.open({
      host, kubeconfig, nodeName: name, flags: [`--proxy-mode=${mode}`, `--cluster-cidr=${POD_NETWORK}`],
      ...(maker === 'upstream' && { program: [findPeer(PEERS.proxy)!, '--conntrack-max-per-core=0'] }),
    }))
  }

  #startNode(host: Host, kubeconfig: string, cni: CniFolders): void {
    const root = join(this.#folder, host.name)
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', 'nsenter', `--net=${host.netns}`, '--', process.execPath, MAIN, 'node', '--kubeconfig', kubeconfig,
      '--hostname-override', host.name, '--node-ip', host.address, '--cni-conf-dir', cni.config, '--cni-bin-dir', cni.programs, '--root-dir', root,
    ], { stdio: 'ignore', env: { ...process.env, WEFT_CNI_SOCKET: cni.socket } })
    this.#held.defer(async () => {
      child.kill('SIGKILL')
      for (const id of this.#sandboxes(host)) for (const namespace of ['net', 'uts', 'ipc']) removeNetns(join(id, namespace))
      await endProcessesIn([host.identity])
    })
  }

  /** Folders of the host's pod sandboxes. */
  #sandboxes(host: Host, uid?: string): readonly string[] {
    const pods = join(this.#folder, host.name, 'pods')
    return list(pods).filter(name => uid === undefined || name === uid).flatMap(name => list(join(pods, name, 'sandboxes')).map(id => join(pods, name, 'sandboxes', id)))
  }

  /** With `schedule` the pods carry no host: the scheduler is to spread them. */
  async #deploy(schedule: boolean): Promise<void> {
    const spread = { topologySpreadConstraints: [{ maxSkew: 1, topologyKey: 'kubernetes.io/hostname', whenUnsatisfiable: 'DoNotSchedule', labelSelector: { matchLabels: { app: 'echo' } } }] }
    const pod = (name: string, host: string) => ({
      apiVersion: 'v1', kind: 'Pod', metadata: { name, labels: { app: 'echo' } },
      spec: { ...(schedule ? spread : { nodeName: host }), terminationGracePeriodSeconds: 1, containers: [{ name: 'echo', image: 'weft/echo', ports: [{ containerPort: 8080 }] }] },
    })
    const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'echo' }, spec: { type: 'NodePort', selector: { app: 'echo' }, ports: [{ port: 80, targetPort: 8080, nodePort: NODE_PORT }] } }
    const path = this.api.path('cell.json')
    writeFileSync(path, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [service, ...PODS.map((name, i) => pod(name, `host-${(i % 2) + 1}`))] }))
    await eventually(async () => {
      const { code, stderr } = await this.api.tryKubectl('apply', '-f', path)
      return code === 0 || stderr
    }, { timeoutMs: 20_000, intervalMs: 500 })
    await this.api.kubectl('wait', 'pod', '-l', 'app=echo', '--for=condition=Ready', '--timeout=60s')
    this.clusterIp = await this.api.kubectl('get', 'service', 'echo', '-o', 'jsonpath={.spec.clusterIP}')
  }

  /** Path of a pod's network namespace, and its address. */
  async pod(name: string): Promise<Readonly<{ netns: string; address: string; host: Host }>> {
    const [uid, node, address] = (await this.api.kubectl('get', 'pod', name, '-o', 'jsonpath={.metadata.uid} {.spec.nodeName} {.status.podIP}')).split(' ') as [string, string, string]
    const host = this.lab.hosts.find(candidate => candidate.name === node)!
    return { netns: join(this.#sandboxes(host, uid).at(-1)!, 'net'), address, host }
  }

  /** Names of the pods that answer, over enough connections to hear from each. */
  async answering(netns: string, address: string, port: number, times = 40): Promise<readonly string[]> {
    const seen = new Set<string>()
    for (let i = 0; i < times; i += 1) {
      const { body } = await getHttp(netns, { address, port })
      seen.add(PODS.find(name => new RegExp(`\\b${name}\\b`).test(body)) ?? body)
    }
    return [...seen].sort()
  }

  get nodePort(): number {
    return NODE_PORT
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#held.disposeAsync()
  }
}

async function openApiServer(maker: Maker, flags: readonly string[], held: AsyncDisposableStack): Promise<ApiServerLab> {
  if (maker === 'weft') return ApiServerLab.open({ flags })
  const etcd = held.use(await EtcdLab.open())
  return ApiServerLab.open({ flags, upstream: { program: findPeer(PEERS.apiserver)!, etcdUrl: etcd.url }, readyTimeoutMs: 90_000 })
}

/** The real controllers and scheduler, as the administrator: their rights are asked about elsewhere. */
function startUpstreamControllers(api: ApiServerLab, held: AsyncDisposableStack): void {
  const [manager, scheduler] = CONTROLLERS
  const credentials = ['--kubeconfig', api.kubeconfig, '--authentication-kubeconfig', api.kubeconfig, '--authorization-kubeconfig', api.kubeconfig, '--secure-port', '0', '--leader-elect=false']
  const flags = ['--service-account-private-key-file', api.path('sa.key'), '--root-ca-file', api.path('ca.crt'), '--cluster-cidr', POD_NETWORK, '--allocate-node-cidrs', '--service-cluster-ip-range', '10.96.0.0/16']
  for (const [program, args] of [[manager, flags], [scheduler, []]] as const) {
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', findPeer(program)!, ...credentials, ...args], { stdio: 'ignore' })
    held.defer(() => void child.kill('SIGKILL'))
  }
}

/** bridge, host-local and portmap of the reference, on the subnet that the agent leased. */
function installReferencePlugins(cni: CniFolders, subnetEnv: string): void {
  mkdirSync(cni.programs, { recursive: true })
  for (const program of ['bridge', 'host-local', 'portmap', 'loopback']) {
    copyFileSync(findPeer(`cni-1.9.1/${program}`)!, join(cni.programs, program))
    chmodSync(join(cni.programs, program), 0o755)
  }
  const value = (name: string): string => new RegExp(`^${name}=(.*)$`, 'm').exec(subnetEnv)![1]!
  const [address, length] = value('FLANNEL_SUBNET').split('/') as [string, string]
  const subnet = `${address.replace(/\.\d+$/, '.0')}/${length}`
  writeFileSync(join(cni.config, '10-cell.conflist'), JSON.stringify({
    cniVersion: '1.0.0', name: 'cell',
    plugins: [
      { type: 'bridge', bridge: 'cni0', isDefaultGateway: true, hairpinMode: true, mtu: Number(value('FLANNEL_MTU')), ipam: { type: 'host-local', dataDir: join(cni.programs, 'addresses'), ranges: [[{ subnet }]] } },
      { type: 'portmap', capabilities: { portMappings: true } },
    ],
  }))
}

function list(folder: string): readonly string[] {
  return existsSync(folder) ? readdirSync(folder) : []
}
