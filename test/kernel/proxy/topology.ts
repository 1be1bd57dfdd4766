// The fixture of the scenario catalogue (specification, section 7): routed point-to-point links without any shared
// bridge, so that every packet passes node-1's IP layer.
//
//   L1, L2, C ──┐                          ┌── R1, R2
//               node-1 (under test) ── node-2
//   E, B ───────┘  zone-a                    zone-b
//
// Every IPv4 address has an IPv6 twin; `address(name)` gives the one of the family under test.

import { LabNetns } from '../../lab/lab-netns.ts'
import { labPrefix, sweepLeftovers } from '../../lab/leftovers.ts'

export type Family = 4 | 6
export type HostName = 'node-1' | 'node-2' | 'L1' | 'L2' | 'C' | 'R1' | 'R2' | 'E' | 'B'

const ADDRESSES = {
  'node-1': ['192.168.0.2', '2001:db8::1'],
  'node-1b': ['192.168.1.2', '2001:db8:1::2'],
  'node-1 pods': ['10.180.0.254', 'fd00:10::fe'],
  'node-2': ['192.168.0.3', '2001:db8::2'],
  L1: ['10.180.0.1', 'fd00:10::1'], L2: ['10.180.0.2', 'fd00:10::2'], C: ['10.180.0.9', 'fd00:10::9'],
  R1: ['10.180.1.1', 'fd00:10:1::1'], R2: ['10.180.1.2', 'fd00:10:1::2'],
  E: ['203.0.113.2', '2001:db8:203::2'], B: ['203.0.113.130', '2001:db8:203:1::82'],
  clusterIp: ['172.30.0.41', 'fd00:172:30::41'], clusterIp2: ['172.30.0.42', 'fd00:172:30::42'], unallocated: ['172.30.0.50', 'fd00:172:30::50'],
  external: ['192.168.99.11', '2001:db8:99::11'], external2: ['192.168.99.22', '2001:db8:99::22'],
  vip: ['1.2.3.4', '2001:db8:1234::4'], vip2: ['5.6.7.8', '2001:db8:5678::8'],
  loopback: ['127.0.0.1', '::1'],
} as const

const PREFIXES = {
  pods: ['10.0.0.0/8', 'fd00:10::/32'],
  nodePods: ['10.180.0.0/24', 'fd00:10::/64'],
  nodes: ['192.168.0.0/24', '2001:db8::/64'],
  nodesB: ['192.168.1.0/24', '2001:db8:1::/64'],
  nearE: ['203.0.113.0/25', '2001:db8:203::/64'],
  aroundE: ['203.0.113.0/24', '2001:db8:203::/48'],
  everything: ['0.0.0.0/0', '::/0'],
} as const

export type AddressName = keyof typeof ADDRESSES
export type PrefixName = keyof typeof PREFIXES

export const addressIn = (family: Family, name: AddressName): string => ADDRESSES[name][family === 4 ? 0 : 1]
export const prefixIn = (family: Family, name: PrefixName): string => PREFIXES[name][family === 4 ? 0 : 1]

let built = 0

export class Topology implements AsyncDisposable {
  readonly #hosts: ReadonlyMap<HostName, LabNetns>
  readonly #held: AsyncDisposableStack

  private constructor(hosts: ReadonlyMap<HostName, LabNetns>, held: AsyncDisposableStack) {
    this.#hosts = hosts
    this.#held = held
  }

  host(name: HostName): LabNetns {
    return this.#hosts.get(name)!
  }

  static async build(): Promise<Topology> {
    await sweepLeftovers()
    await using held = new AsyncDisposableStack()
    const prefix = `${labPrefix()}p${(built += 1)}`
    const hosts = new Map<HostName, LabNetns>()
    for (const name of ['node-1', 'node-2', 'L1', 'L2', 'C', 'R1', 'R2', 'E', 'B'] as const) hosts.set(name, held.use(await LabNetns.open(name, `${prefix}-${name.toLowerCase()}`)))
    const host = (name: HostName): LabNetns => hosts.get(name)!
    for (const node of ['node-1', 'node-2'] as const) {
      host(node).sysctl({
        'net/ipv4/ip_forward': '1', 'net/ipv6/conf/all/forwarding': '1', 'net/ipv4/conf/all/rp_filter': '2', 'net/ipv4/conf/default/rp_filter': '2',
        // Refusals are probed faster than the kernel would like to answer.
        'net/ipv4/icmp_ratelimit': '0', 'net/ipv6/icmp/ratelimit': '0',
      })
    }
    await link(host('node-1'), 'n2', host('node-2'), 'n1')
    await ip(host('node-1'), [`addr add ${ADDRESSES['node-1'][0]}/24 dev n2`, `addr add ${ADDRESSES['node-1'][1]}/64 dev n2 nodad`, `route add default via ${ADDRESSES['node-2'][0]}`, `route add default via ${ADDRESSES['node-2'][1]}`])
    await ip(host('node-2'), [`addr add ${ADDRESSES['node-2'][0]}/24 dev n1`, `addr add ${ADDRESSES['node-2'][1]}/64 dev n1 nodad`, `route add default via ${ADDRESSES['node-1'][0]}`, `route add default via ${ADDRESSES['node-1'][1]}`])
    await ip(host('node-1'), ['link add second type veth peer name second-end', 'link set second up', 'link set second-end up', `addr add ${ADDRESSES['node-1b'][0]}/24 dev second`, `addr add ${ADDRESSES['node-1b'][1]}/64 dev second nodad`])
    for (const name of ['L1', 'L2', 'C'] as const) await leaf(host('node-1'), host(name), name, ADDRESSES['node-1 pods'])
    for (const name of ['R1', 'R2'] as const) await leaf(host('node-2'), host(name), name, ['10.180.1.254', 'fd00:10:1::fe'])
    for (const name of ['E', 'B'] as const) await leaf(host('node-1'), host(name), name, ['203.0.113.1', '2001:db8:203:f::1'])
    await ip(host('node-1'), ['route add 10.180.1.0/24 via 192.168.0.3', 'route add fd00:10:1::/64 via 2001:db8::2'])
    return new Topology(hosts, held.move())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#held.disposeAsync()
  }
}

const ip = (host: LabNetns, lines: readonly string[]): Promise<unknown> => host.exec(['ip', '-batch', '-'], { input: `${lines.join('\n')}\n` })

async function link(a: LabNetns, aName: string, b: LabNetns, bName: string): Promise<void> {
  await ip(a, [`link add ${aName} type veth peer name ${bName} netns ${b.netns}`, `link set ${aName} up`])
  await ip(b, [`link set ${bName} up`])
}

/** A host behind a router: its address is a host route, and the router answers as its gateway. */
async function leaf(router: LabNetns, host: LabNetns, name: HostName, [gateway4, gateway6]: readonly [string, string]): Promise<void> {
  const [v4, v6] = ADDRESSES[name]
  const linkName = `to-${name.toLowerCase()}`
  await link(router, linkName, host, 'eth0')
  await ip(router, [`addr add ${gateway4}/32 dev ${linkName}`, `addr add ${gateway6}/128 dev ${linkName} nodad`, `route add ${v4}/32 dev ${linkName} src ${gateway4}`, `route add ${v6}/128 dev ${linkName} src ${gateway6}`])
  await ip(host, [`addr add ${v4}/32 dev eth0`, `addr add ${v6}/128 dev eth0 nodad`, `route add ${gateway4}/32 dev eth0`, `route add ${gateway6}/128 dev eth0`, `route add default via ${gateway4}`, `route add default via ${gateway6}`])
}
