// The laboratory of the kernel tests: hosts as network namespaces on an underlay bridge that has a namespace of its own,
// pods behind each host's bridge, real packets, and nothing left behind.
//
//   underlay:  br0 ─┬─ eth0 host-1  172.30.0.1/24, fd30::1/64 ── cni0 10.244.1.1/24, fd44:1::1/64 ── pod 10.244.1.2 …
//                   └─ eth0 host-2  172.30.0.2/24, fd30::2/64 ── cni0 10.244.2.1/24, fd44:2::1/64 ── pod 10.244.2.2 …
//
// Addresses are the same in every lab: labs never see each other. Use it as
//   await using lab = await openLab({ hosts: 2 })

import { closeSync, openSync } from 'node:fs'
import { parseAddress } from '../../src/net/ip/address.ts'
import { parsePrefix } from '../../src/net/ip/prefix.ts'
import { LabNetns } from './lab-netns.ts'
import { labPrefix, sweepLeftovers } from './leftovers.ts'

export type LabOptions = Readonly<{
  hosts: number
  /** Every host gets a plain route to every other host's pods over the underlay. Default: none, as a test of a backend wants it. */
  podRoutes?: boolean
  underlayMtu?: number
}>

export type PodOptions = Readonly<{ name?: string; hairpin?: boolean }>

const never = new AbortController().signal
const o = { signal: never }

let labs = 0

export class Lab implements AsyncDisposable {
  readonly hosts: readonly Host[]
  readonly underlay: LabNetns
  readonly #held: AsyncDisposableStack

  constructor(underlay: LabNetns, hosts: readonly Host[], held: AsyncDisposableStack) {
    this.underlay = underlay
    this.hosts = hosts
    this.#held = held
  }

  /** The n-th host, from 1 as its name and addresses count. */
  host(number: number): Host {
    const host = this.hosts[number - 1]
    if (host === undefined) throw new Error(`the lab has ${this.hosts.length} hosts; host ${number} was asked for`)
    return host
  }

  /** Cuts a host's wire to the underlay, or mends it. */
  async cut(host: Host, options: Readonly<{ mend?: boolean }> = {}): Promise<void> {
    await this.underlay.rtnl.links.change(host.name, { up: options.mend === true }, o)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#held.disposeAsync()
  }
}

/** Builds a lab. Removes first what killed runs have left. */
export async function openLab(options: LabOptions): Promise<Lab> {
  await sweepLeftovers()
  const prefix = `${labPrefix()}${labs++}`
  await using held = new AsyncDisposableStack()
  const underlay = held.use(await LabNetns.open('underlay', `${prefix}-underlay`))
  await underlay.rtnl.links.add({ name: 'br0', up: true, info: { kind: 'bridge', stp: false, multicastSnooping: false, forwardDelayMs: 0 } }, o)
  const bridge = (await underlay.rtnl.links.get('br0', o))!.index
  const hosts: Host[] = []
  for (let number = 1; number <= options.hosts; number += 1) {
    const host = held.use(await Host.openHost(number, `${prefix}-host-${number}`))
    await wire(underlay, host, { hostLink: host.name, masterIndex: bridge, mtu: options.underlayMtu ?? 1500 })
    await host.addAddresses('eth0', `${host.address}/24`, `${host.address6}/64`)
    hosts.push(host)
  }
  if (options.podRoutes === true) for (const host of hosts) await routePods(host, hosts)
  return new Lab(underlay, hosts, held.move())
}

export class Host extends LabNetns {
  number = 0
  #pods = 0
  readonly #prefix: string

  protected constructor(name: string, netns: string) {
    super(name, netns)
    this.#prefix = netns
  }

  static async openHost(number: number, netns: string): Promise<Host> {
    const host = (await Host.open(`host-${number}`, netns)) as Host
    host.number = number
    host.sysctl({ 'net/ipv4/ip_forward': '1', 'net/ipv6/conf/all/forwarding': '1' })
    return host
  }

  /** Address on the underlay. */
  get address(): string {
    return `172.30.0.${this.number}`
  }

  get address6(): string {
    return `fd30::${this.number}`
  }

  get podSubnet(): string {
    return `10.244.${this.number}.0/24`
  }

  get podSubnet6(): string {
    return `fd44:${this.number}::/64`
  }

  /** Adds a pod behind the bridge cni0, which the first one makes. Its own address: 10.244.<host>.<2 and on>. */
  async addPod(options: PodOptions = {}): Promise<Pod> {
    const number = (this.#pods += 1)
    if (number === 1) await this.#addPodBridge()
    const bridge = (await this.rtnl.links.get('cni0', o))!.index
    const pod = this.use(await Pod.openPod(options.name ?? `pod-${this.number}-${number}`, `${this.#prefix}-pod-${number}`, this, number + 1))
    await wire(this, pod, { hostLink: `veth${number}`, masterIndex: bridge, mtu: 1500, hairpin: options.hairpin ?? true })
    await pod.addAddresses('eth0', `${pod.address}/24`, `${pod.address6}/64`)
    for (const [destination, gateway] of [['0.0.0.0/0', `10.244.${this.number}.1`], ['::/0', `fd44:${this.number}::1`]] as const) {
      await pod.rtnl.routes.add({ destination: parsePrefix(destination, 'destination'), gateway: parseAddress(gateway, 'gateway') }, o)
    }
    return pod
  }

  async #addPodBridge(): Promise<void> {
    await this.rtnl.links.add({ name: 'cni0', up: true, info: { kind: 'bridge', stp: false, multicastSnooping: false, forwardDelayMs: 0 } }, o)
    await this.addAddresses('cni0', `10.244.${this.number}.1/24`, `fd44:${this.number}::1/64`)
  }
}

export class Pod extends LabNetns {
  address = ''
  address6 = ''

  static async openPod(name: string, netns: string, host: Host, number: number): Promise<Pod> {
    const pod = (await Pod.open(name, netns)) as Pod
    pod.address = `10.244.${host.number}.${number}`
    pod.address6 = `fd44:${host.number}::${number.toString(16)}`
    return pod
  }
}

/** A veth pair: one end a port of the bridge, the other eth0 inside. */
async function wire(outside: LabNetns, inside: LabNetns, options: Readonly<{ hostLink: string; masterIndex: number; mtu: number; hairpin?: boolean }>): Promise<void> {
  const netnsFd = openSync(inside.netns, 'r')
  try {
    await outside.rtnl.links.add({
      name: options.hostLink, up: true, mtu: options.mtu, masterIndex: options.masterIndex, port: { hairpin: options.hairpin ?? false },
      info: { kind: 'veth', peer: { name: 'eth0', mtu: options.mtu, netnsFd } },
    }, o)
  } finally {
    closeSync(netnsFd)
  }
  await inside.rtnl.links.change('eth0', { up: true }, o)
}

async function routePods(host: Host, hosts: readonly Host[]): Promise<void> {
  for (const other of hosts) {
    if (other === host) continue
    await host.rtnl.routes.add({ destination: parsePrefix(other.podSubnet, 'pods'), gateway: parseAddress(other.address, 'host') }, o)
    await host.rtnl.routes.add({ destination: parsePrefix(other.podSubnet6, 'pods'), gateway: parseAddress(other.address6, 'host') }, o)
  }
}
