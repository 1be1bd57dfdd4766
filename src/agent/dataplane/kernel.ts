// The planner's kernel: reads what a plan needs to know, and takes single steps. The only file of the
// agent that turns link names into interface indexes.

import { readTxChecksum, setTxChecksum } from '../../net/ethtool/tx-checksum.ts'
import type { Rtnl } from '../../net/rtnetlink/rtnl.ts'
import type { Link, LinkInfoSpec } from '../../net/rtnetlink/link.ts'
import type { LinkAddress } from '../../net/rtnetlink/addresses.ts'
import type { Route, RouteSpec } from '../../net/rtnetlink/route.ts'
import { RT_SCOPE_HOST, RT_SCOPE_LINK, RT_SCOPE_UNIVERSE, RT_TABLE_MAIN } from '../../net/rtnetlink/constants.ts'
import { isRefusal } from '../../net/netlink/netlink-error.ts'
import { readSysctl, writeSysctls } from '../../net/sysctl/sysctl.ts'
import type { Endpoint, WireguardDevice } from '../../net/wireguard/device.ts'
import type { Wireguard } from '../../net/wireguard/wireguard.ts'
import type { Clock } from '../../ops/clock.ts'
import { WeftError } from '../../ops/errors.ts'
import type { DesiredLink, DesiredRoute, DesiredSysctl, DesiredWireguard, LinkShape } from './desired.ts'
import type { ObservedAddress, ObservedLink, ObservedRoute, ObservedState, ObservedWireguard } from './observed.ts'
import { RTPROT_WEFT } from './routes-plan.ts'
import { wireguardPeerKey, type StepAction } from './step.ts'

type Call = Readonly<{ signal: AbortSignal }>

export class KernelDataplane {
  readonly #rtnl: Rtnl
  readonly #wireguard: Wireguard
  readonly #now: Clock['now']
  /** The endpoints that we gave to WireGuard peers: the kernel's own may have roamed since. */
  readonly #assigned = new Map<string, Endpoint>()
  /** Indexes as of the last look, kept current through our own creations. */
  #indexes = new Map<string, number>()
  #names = new Map<number, string>()

  /** The kernel tells in wall-clock time when a WireGuard peer was last heard. */
  constructor({ rtnl, wireguard, now }: Readonly<{ rtnl: Rtnl; wireguard: Wireguard; now: Clock['now'] }>) {
    this.#rtnl = rtnl
    this.#wireguard = wireguard
    this.#now = now
  }

  /** Reads everything a plan looks at: all links and addresses, table main, and neighbours, FDB and WireGuard peers of `ownLinkNames`. */
  async observe(want: Readonly<{ ownLinkNames: readonly string[] }>, call: Call): Promise<ObservedState> {
    const [links, addresses, routes] = [await this.#rtnl.links.list(call), await this.#rtnl.addresses.list(call), await this.#rtnl.routes.list({ table: RT_TABLE_MAIN, ...call })]
    this.#indexes = new Map(links.map(link => [link.name, link.index]))
    this.#names = new Map(links.map(link => [link.index, link.name]))
    const own = links.filter(link => want.ownLinkNames.includes(link.name))
    const neighbours = []
    const fdb = []
    for (const { index } of own) {
      for (const entry of await this.#rtnl.neighbours.list({ linkIndex: index, ...call })) {
        neighbours.push({ ifindex: index, address: entry.address, mac: entry.mac, permanent: entry.permanent })
      }
      for (const entry of await this.#rtnl.fdb.list({ linkIndex: index, ...call })) {
        fdb.push({ ifindex: index, mac: entry.mac, destination: entry.destination, permanent: entry.permanent })
      }
    }
    return {
      links: links.map(link => observedLink(link, want.ownLinkNames)),
      addresses: addresses.map(observedAddress),
      routes: routes.map(observedRoute),
      neighbours,
      fdb,
      wireguard: await this.observeWireguard(own.filter(({ info }) => info.kind === 'wireguard').map(({ name }) => name), call),
      sysctls: new Map(),
    }
  }

  /** The WireGuard devices of these names; one that is not there is left out. */
  async observeWireguard(names: readonly string[], call: Call): Promise<readonly ObservedWireguard[]> {
    const observed: ObservedWireguard[] = []
    for (const name of names) {
      const device = await this.#wireguard.device(name, call)
      if (device !== undefined) observed.push(this.#observedWireguard(device))
    }
    return observed
  }

  #observedWireguard({ name, publicKey, listenPort, peers }: WireguardDevice): ObservedWireguard {
    const nowMs = this.#now()
    return {
      link: name, publicKey, listenPort,
      peers: peers.map(({ lastHandshakeMs, ...peer }) => ({
        ...peer, assigned: this.#assigned.get(wireguardPeerKey(name, peer)), handshakeAgeMs: lastHandshakeMs === undefined ? undefined : nowMs - lastHandshakeMs,
      })),
    }
  }

  /** Current values of the settings; one that this kernel does not have is left out. */
  readSysctls(wanted: readonly DesiredSysctl[]): ReadonlyMap<string, string> {
    return new Map(wanted.flatMap(({ name }) => {
      const value = readSysctl(name)
      return value === undefined ? [] : [[name, value] as const]
    }))
  }

  /** Name of the link with that index, as of the last look. */
  nameOf(index: number): string | undefined {
    return this.#names.get(index)
  }

  /** Index of the link with that name, as of the last look. */
  indexOf(name: string): number | undefined {
    return this.#indexes.get(name)
  }

  /** Takes one step. "Is so already" is success. Throws NetlinkError or WeftError. */
  async apply(action: StepAction, call: Call): Promise<void> {
    const rtnl = this.#rtnl
    switch (action.op) {
      case 'remove-link':
        await rtnl.links.remove(action.ifindex, call)
        this.#indexes.delete(action.name)
        return
      case 'create-link':
        return this.#createLink(action.link, call)
      case 'configure-link':
        if (action.set.txChecksum !== undefined) setTxChecksum(action.link.name, action.set.txChecksum)
        return rtnl.links.change(action.link.name, { ...(action.set.mtu !== undefined && { mtu: action.set.mtu }), ...(action.set.mac !== undefined && action.link.mac !== undefined && { mac: action.link.mac }), ...(action.set.up && { up: true }) }, call)
      case 'add-address':
        // Nobody else can have a tunnel's address, so duplicate detection would only delay it.
        return unlessEqual(rtnl.addresses.add({ linkIndex: this.#index(action.link), ...action.value, noDad: action.value.address.family === 6 }, call))
      case 'remove-address':
        await rtnl.addresses.remove({ linkIndex: this.#index(action.link), ...action.value }, call)
        return
      case 'set-sysctl':
        return setSysctl(action.sysctl)
      case 'put-neighbour':
        return rtnl.neighbours.replace({ linkIndex: this.#index(action.neighbour.link), address: action.neighbour.address, mac: action.neighbour.mac }, call)
      case 'remove-neighbour':
        await rtnl.neighbours.remove({ linkIndex: action.neighbour.ifindex, address: action.neighbour.address }, call)
        return
      case 'put-fdb':
        return rtnl.fdb.replace({ linkIndex: this.#index(action.entry.link), mac: action.entry.mac, destination: action.entry.destination }, call)
      case 'remove-fdb':
        await rtnl.fdb.remove({ linkIndex: action.entry.ifindex, mac: action.entry.mac, destination: action.entry.destination }, call)
        return
      case 'configure-wireguard':
        return this.#configureWireguard(action.device, call)
      case 'put-wireguard-peer': {
        const { link, endpoint, peer: _, ...peer } = action.entry
        await this.#wireguard.putPeer(link, { ...peer, endpoint: action.keepEndpoint ? undefined : endpoint }, call)
        this.#assigned.set(wireguardPeerKey(link, peer), endpoint)
        return
      }
      case 'remove-wireguard-peer':
        await this.#wireguard.removePeer(action.link, action.publicKey, call)
        this.#assigned.delete(wireguardPeerKey(action.link, action))
        return
      case 'put-route':
        return rtnl.routes.replace(this.#routeSpec(action.route), call)
      case 'remove-route': {
        const { destination, gateway, ifindex, metric, protocol, blackhole } = action.route
        await rtnl.routes.remove({ destination, gateway, metric, protocol, ...(blackhole ? { type: 'blackhole' as const } : { linkIndex: ifindex }) }, call)
        return
      }
      default:
        return action satisfies never
    }
  }

  #routeSpec(route: DesiredRoute): RouteSpec {
    const { destination, gateway, mtu } = route
    if (route.blackhole === true) return { destination, type: 'blackhole', protocol: RTPROT_WEFT, scope: RT_SCOPE_UNIVERSE }
    return {
      destination, gateway, mtu,
      linkIndex: this.#index(route.link),
      onLink: route.onlink,
      protocol: RTPROT_WEFT,
      scope: route.scope === 'link' && destination.family === 4 ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE,
    }
  }

  async #createLink(link: DesiredLink, call: Call): Promise<void> {
    try {
      await this.#rtnl.links.add({ name: link.name, mtu: link.mtu, ...(link.mac !== undefined && { mac: link.mac }), txQueueLength: 0, up: true, info: this.#infoOf(link.shape) }, call)
    } catch (cause) {
      if (!isRefusal(cause, 'EOPNOTSUPP')) throw cause
      const { kind } = link.shape
      throw new WeftError('LINK_KIND_MISSING', `the kernel cannot make ${link.name}: it has no ${kind} support; load the module with "modprobe ${kind}" (kernel option ${KERNEL_OPTIONS[kind]}) or choose another backend`, { link: link.name, module: kind, kernelOption: KERNEL_OPTIONS[kind] }, { cause, retryable: true })
    }
    const made = await this.#rtnl.links.get(link.name, call)
    if (made === undefined) throw new WeftError('LINK_VANISHED', `${link.name} vanished right after it was made; something else removes it`, { link: link.name }, { retryable: true })
    this.#indexes.set(link.name, made.index)
    this.#names.set(made.index, link.name)
  }

  async #configureWireguard({ link, privateKey, listenPort }: DesiredWireguard, call: Call): Promise<void> {
    try {
      await this.#wireguard.configure(link, { privateKey, listenPort }, call)
    } catch (cause) {
      if (!isRefusal(cause, 'EADDRINUSE')) throw cause
      throw new WeftError('PORT_TAKEN', `${link} cannot listen on UDP port ${listenPort}: another program or WireGuard device of this host has it; end that, or choose another ListenPort`, { link, port: listenPort }, { cause, retryable: true })
    }
  }

  #infoOf(shape: LinkShape): LinkInfoSpec {
    switch (shape.kind) {
      case 'vxlan':
        return { kind: 'vxlan', vni: shape.vni, parentIndex: this.#index(shape.parent), local: shape.local, udpPort: shape.port, learning: shape.learning, gbp: shape.gbp }
      case 'ipip':
        return { kind: 'ipip', local: shape.local, ttl: 0, pathMtuDiscovery: false }
      case 'wireguard':
        return { kind: 'wireguard' }
      case 'tun':
        throw new WeftError('LINK_KIND_MISSING', 'a TUN device is made by the program that holds it open', { kind: 'tun' })
      default:
        return shape satisfies never
    }
  }

  #index(name: string): number {
    const index = this.#indexes.get(name)
    if (index === undefined) throw new WeftError('LINK_ABSENT', `there is no link ${name} now`, { link: name }, { retryable: true })
    return index
  }
}

/** What a kernel must be built with, or as a module, for a device of each kind (Kconfig of Linux 6.12). */
const KERNEL_OPTIONS = { vxlan: 'CONFIG_VXLAN', ipip: 'CONFIG_NET_IPIP', wireguard: 'CONFIG_WIREGUARD', tun: 'CONFIG_TUN' } as const satisfies Record<LinkShape['kind'], string>

/** EEXIST on an address means that it is there already. */
async function unlessEqual(adding: Promise<void>): Promise<void> {
  try {
    await adding
  } catch (error) {
    if (!isRefusal(error, 'EEXIST')) throw error
  }
}

/** A kernel without IPv6 has no net/ipv6 settings, and then needs none. */
function setSysctl(sysctl: DesiredSysctl): void {
  if (readSysctl(sysctl.name) !== undefined) writeSysctls({ [sysctl.name]: sysctl.value })
}

function observedLink(link: Link, ownLinkNames: readonly string[]): ObservedLink {
  const { info } = link
  return {
    ifindex: link.index,
    name: link.name,
    kind: info.kind === 'other' ? info.name : info.kind === 'device' ? '' : info.kind,
    up: link.up,
    mtu: link.mtu,
    mac: link.mac,
    loopback: link.loopback,
    txChecksum: ownLinkNames.includes(link.name) ? readTxChecksum(link.name) : undefined,
    vxlan: info.kind !== 'vxlan' ? undefined : {
      vni: info.vni, parentIfindex: info.parentIndex ?? 0, local: info.local, port: info.udpPort, learning: info.learning, gbp: info.gbp, foreignOptions: info.group !== undefined,
    },
    ipip: info.kind === 'ipip' ? { local: info.local, remote: info.remote } : undefined,
  }
}

const SCOPES: ReadonlyMap<number, ObservedAddress['scope']> = new Map([[RT_SCOPE_UNIVERSE, 'global'], [RT_SCOPE_LINK, 'link'], [RT_SCOPE_HOST, 'host']])

/** linux/if_addr.h: IFA_F_TEMPORARY shares its bit with the IPv4 flag "secondary". */
const IFA_F_DEPRECATED = 0x20
const IFA_F_TEMPORARY = 0x01
const IFA_FLAGS = 8

function observedAddress(address: LinkAddress): ObservedAddress {
  const flags = address.attributes.u32(IFA_FLAGS) ?? 0
  return {
    ifindex: address.linkIndex,
    value: { address: address.address, prefixLength: address.prefixLength },
    scope: SCOPES.get(address.scope) ?? 'other',
    deprecated: (flags & IFA_F_DEPRECATED) !== 0,
    temporary: address.address.family === 6 && (flags & IFA_F_TEMPORARY) !== 0,
    permanent: address.permanent,
  }
}

const observedRoute = (route: Route): ObservedRoute => ({
  destination: route.destination,
  gateway: route.gateway,
  ifindex: route.linkIndex ?? 0,
  protocol: route.protocol,
  metric: route.metric,
  onlink: route.onLink,
  mtu: route.mtu,
  multipath: route.nextHops.length > 0,
  blackhole: route.type === 'blackhole',
  plain: route.type === 'unicast' && route.nextHops.length === 0,
})
