// Which interface carries the traffic between hosts, and which of its addresses: pure, from an inventory
// of the machine. flannel's order; then what it lacks: machines whose default route is not the way to
// the other hosts (every Vagrant box with VirtualBox's NAT, 10.0.2.15 on all of them).

import { formatAddress, parseAddress, sameAddress, tryParseAddress, type Address, type Family } from '../../net/ip/address.ts'
import { containsAddress } from '../../net/ip/prefix.ts'
import { InputError, WeftError } from '../../ops/errors.ts'
import { entriesOf, mapFamilies, perFamily, type PerFamily } from '../leases/per-family.ts'
import type { UnderlayRoute } from './underlay.ts'

export type InterfaceAddressInfo = Readonly<{
  address: Address
  scope: 'global' | 'link' | 'host' | 'other'
  deprecated: boolean
  temporary: boolean
  permanent: boolean
}>
export type InterfaceInfo = Readonly<{
  name: string
  ifindex: number
  mtu: number
  loopback: boolean
  addresses: readonly InterfaceAddressInfo[]
}>

/** The machine as the choice sees it; interfaces in order of index, routes in the kernel's order. */
export type Inventory = Readonly<{
  interfaces: readonly InterfaceInfo[]
  routes: readonly UnderlayRoute[]
  /** Families whose first default route has several next hops, and so no device. */
  multipathDefault: readonly Family[]
}>

export type InterfaceRequest = Readonly<{
  families: readonly Family[]
  /** --iface: names or addresses, in order. */
  ifaces: readonly string[]
  /** --iface-regex, in order. */
  regexes: readonly string[]
  /** --iface-can-reach. */
  canReach: Address | undefined
  /** --public-ip and --public-ipv6, or the annotations that stand for them. */
  publicIps: PerFamily<Address>
  /** What this host published before. A running host keeps its identity if the address is still there. */
  former: PerFamily<Address>
  /** Addresses of the store or API server, and of other hosts, to tell which of several networks is theirs. */
  landmarks: readonly Address[]
}>

export type InterfaceChoice = Readonly<{
  name: string
  ifindex: number
  mtu: number
  addresses: PerFamily<Address>
  published: PerFamily<Address>
  why: string
}>

/** No interface fits, for a reason that may pass (an interface that is not up yet) or that needs a person. */
export class InterfaceError extends WeftError {
  constructor(message: string, subject: Readonly<Record<string, unknown>>, options: Readonly<{ retryable: boolean }>) {
    super('INTERFACE_NOT_FOUND', message, subject, options)
  }
}

/** VirtualBox's NAT gives every guest this one address (VirtualBox manual, section 6.3). */
const VIRTUALBOX_NAT = parseAddress('10.0.2.15', 'constant')

/** Throws InterfaceError when nothing fits, InputError when a flag is malformed. */
export function chooseInterface(inventory: Inventory, request: InterfaceRequest): InterfaceChoice {
  const named = request.ifaces.length > 0 || request.regexes.length > 0 || request.canReach !== undefined
  const found = named ? byFlags(inventory, request) : (byPublicIp(inventory, request) ?? byHabit(inventory, request) ?? byRoute(inventory, request))
  if (found === undefined) {
    throw new InterfaceError('no interface matches --iface, --iface-regex or --iface-can-reach; list them with "ip address"', { ifaces: request.ifaces, regexes: request.regexes }, { retryable: true })
  }
  const { iface, why } = found
  if (iface.mtu === 0) throw new InterfaceError(`interface ${iface.name} has no MTU`, { link: iface.name }, { retryable: false })
  const addresses = perFamily(family => (request.families.includes(family) ? (found.addresses[family] ?? bestAddress(iface, family)) : undefined))
  const missing = request.families.find(family => addresses[family] === undefined)
  if (missing !== undefined) throw new InterfaceError(`interface ${iface.name} has no IPv${missing} address`, { link: iface.name, family: missing }, { retryable: true })
  const published = mapFamilies(addresses, (address, family) => request.publicIps[family] ?? address)
  return { name: iface.name, ifindex: iface.ifindex, mtu: iface.mtu, addresses, published, why }
}

type Found = Readonly<{ iface: InterfaceInfo; addresses: PerFamily<Address>; why: string }>

function byFlags(inventory: Inventory, request: InterfaceRequest): Found | undefined {
  for (const text of request.ifaces) {
    const address = tryParseAddress(text)
    const iface = address === undefined ? inventory.interfaces.find(({ name }) => name === text) : holderOf(inventory, address)
    if (iface !== undefined) return { iface, addresses: address === undefined ? {} : { [address.family]: address }, why: `--iface ${text}` }
  }
  for (const regex of request.regexes) {
    const found = byRegex(inventory, regex, request.families)
    if (found !== undefined) return found
  }
  return request.canReach === undefined ? undefined : towards(inventory, request.canReach, `--iface-can-reach ${formatAddress(request.canReach)}`)
}

/** Unanchored, first against addresses, then against names; in dual stack one interface must match in both families. */
function byRegex(inventory: Inventory, source: string, families: readonly Family[]): Found | undefined {
  let regex: RegExp
  try {
    regex = new RegExp(source)
  } catch (cause) {
    throw new InputError('iface-regex', source, 'is not a regular expression', { cause })
  }
  for (const iface of inventory.interfaces) {
    const addresses = perFamily(family => (families.includes(family) ? usableAddresses(iface, family).find(({ address }) => regex.test(formatAddress(address)))?.address : undefined))
    if (families.every(family => addresses[family] !== undefined)) return { iface, addresses, why: `--iface-regex ${source} matches its address` }
  }
  const iface = inventory.interfaces.find(({ name }) => regex.test(name))
  return iface === undefined ? undefined : { iface, addresses: {}, why: `--iface-regex ${source} matches its name` }
}

/** Without an interface flag, a public IP names the interface that holds it. */
function byPublicIp(inventory: Inventory, request: InterfaceRequest): Found | undefined {
  const [first] = entriesOf(request.publicIps)
  if (first === undefined) return undefined
  const iface = holderOf(inventory, first[1])
  if (iface === undefined) {
    throw new InterfaceError(`no interface holds the public IP ${formatAddress(first[1])}; behind NAT name the interface with --iface too`, { publicIp: formatAddress(first[1]) }, { retryable: true })
  }
  return { iface, addresses: request.publicIps, why: `holds the public IP ${formatAddress(first[1])}` }
}

/** The address published before, when it is still here: an agent that replaces another keeps the host's identity. */
function byHabit(inventory: Inventory, request: InterfaceRequest): Found | undefined {
  const [first] = entriesOf(request.former)
  if (first === undefined || sameAddress(first[1], VIRTUALBOX_NAT)) return undefined
  const iface = holderOf(inventory, first[1])
  return iface === undefined ? undefined : { iface, addresses: request.former, why: `holds ${formatAddress(first[1])}, which this host published before` }
}

/**
 * The default route's interface, unless another is directly in the network of the store or of other
 * hosts while the default route's is not.
 */
function byRoute(inventory: Inventory, request: InterfaceRequest): Found | undefined {
  const byDefault = defaultInterface(inventory, request.families)
  const near = request.landmarks.map(landmark => onLinkInterface(inventory, landmark)).filter(iface => iface !== undefined)
  const neighbour = near.find(iface => iface.name === byDefault?.name) ?? near[0]
  if (neighbour !== undefined && neighbour.name !== byDefault?.name) {
    const landmark = request.landmarks.find(candidate => onLinkInterface(inventory, candidate)?.name === neighbour.name)!
    return { iface: neighbour, addresses: {}, why: `is in the network of ${formatAddress(landmark)}, which the default route's interface is not` }
  }
  if (byDefault === undefined) {
    throw new InterfaceError('there is no default route to tell the interface by; name it with --iface', { families: request.families }, { retryable: true })
  }
  if (byDefault.addresses.some(({ address }) => sameAddress(address, VIRTUALBOX_NAT)) && neighbour === undefined) {
    throw new InterfaceError(
      `the default route's interface ${byDefault.name} has 10.0.2.15, the address that VirtualBox gives every machine; name the interface between the hosts with --iface (Vagrant: usually eth1)`,
      { link: byDefault.name, address: '10.0.2.15' },
      { retryable: false },
    )
  }
  return { iface: byDefault, addresses: {}, why: 'has the default route' }
}

function defaultInterface(inventory: Inventory, families: readonly Family[]): InterfaceInfo | undefined {
  const multipath = families.find(family => inventory.multipathDefault.includes(family))
  if (multipath !== undefined) {
    throw new InterfaceError(`the IPv${multipath} default route has several next hops; name the interface with --iface`, { family: multipath }, { retryable: false })
  }
  const names = families.map(family => firstDefault(inventory.routes, family)?.link)
  if (names.some(name => name === undefined)) return undefined
  if (new Set(names).size > 1) {
    throw new InterfaceError(`the IPv4 and IPv6 default routes use different interfaces (${names.join(', ')}); name one with --iface`, { links: names }, { retryable: false })
  }
  return inventory.interfaces.find(({ name }) => name === names[0])
}

function firstDefault(routes: readonly UnderlayRoute[], family: Family): UnderlayRoute | undefined {
  return routes.filter(route => route.destination.family === family && route.destination.length === 0).sort((a, b) => a.metric - b.metric)[0]
}

const holderOf = (inventory: Inventory, address: Address): InterfaceInfo | undefined =>
  inventory.interfaces.find(iface => iface.addresses.some(candidate => sameAddress(candidate.address, address)))

/** The interface in whose own network `address` lies. A loopback or own address says nothing about a network. */
function onLinkInterface(inventory: Inventory, address: Address): InterfaceInfo | undefined {
  if (holderOf(inventory, address) !== undefined) return undefined
  const route = inventory.routes
    .filter(candidate => candidate.gateway === undefined && candidate.destination.length > 0 && containsAddress(candidate.destination, address))
    .sort((a, b) => b.destination.length - a.destination.length)[0]
  return inventory.interfaces.find(({ name, loopback }) => name === route?.link && !loopback)
}

function towards(inventory: Inventory, address: Address, why: string): Found | undefined {
  const route = inventory.routes
    .filter(candidate => containsAddress(candidate.destination, address))
    .sort((a, b) => b.destination.length - a.destination.length || a.metric - b.metric)[0]
  const iface = inventory.interfaces.find(({ name }) => name === route?.link)
  return iface === undefined ? undefined : { iface, addresses: {}, why }
}

/** Addresses that may be published, best first: global before link, lasting before passing (flannel's order). */
export function usableAddresses(iface: InterfaceInfo, family: Family): readonly InterfaceAddressInfo[] {
  const rank = (info: InterfaceAddressInfo): number => (info.scope === 'global' ? 0 : 4) + (info.permanent ? 0 : 2) + (info.temporary ? 1 : 0)
  return iface.addresses
    .filter(info => info.address.family === family && !info.deprecated && (info.scope === 'global' || info.scope === 'link'))
    .toSorted((a, b) => rank(a) - rank(b))
}

const bestAddress = (iface: InterfaceInfo, family: Family): Address | undefined => usableAddresses(iface, family)[0]?.address

