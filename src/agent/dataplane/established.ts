// What the last pass left in the kernel, as one signature per object: tells a repair from a change of mind, and our own
// changes, as the kernel announces them, from those of others.

import { formatAddress, type Address } from '../../net/ip/address.ts'
import { formatHostPort } from '../../net/ip/port.ts'
import { formatPrefix } from '../../net/ip/prefix.ts'
import type { RtnlEvent } from '../../net/rtnetlink/watch.ts'
import type { DesiredFdbEntry, DesiredNeighbour, DesiredRoute, DesiredState, DesiredWireguardPeer } from './desired.ts'
import { addressKey, fdbKey, linkKey, neighbourKey, routeKey, sysctlKey, wireguardKey, wireguardPeerKey, type Step } from './step.ts'

/** Key of every desired object, with what the kernel should hold under it. */
export type Established = ReadonlyMap<string, string>

const addressText = (address: Address | undefined): string => (address === undefined ? '' : formatAddress(address))

const routeSignature = (route: Pick<DesiredRoute, 'gateway' | 'link' | 'onlink' | 'mtu'>): string =>
  `${addressText(route.gateway)} ${route.link} ${route.onlink} ${route.mtu ?? ''}`
const neighbourSignature = (neighbour: Pick<DesiredNeighbour, 'mac'>): string => neighbour.mac
const fdbSignature = (entry: Pick<DesiredFdbEntry, 'destination'>): string => formatAddress(entry.destination)
const wireguardPeerSignature = ({ endpoint, presharedKey, keepaliveSeconds, allowedIps }: DesiredWireguardPeer): string =>
  `${formatHostPort(formatAddress(endpoint.address), endpoint.port)} ${presharedKey ?? ''} ${keepaliveSeconds} ${allowedIps.map(formatPrefix).join()}`

export function establishedBy(desired: DesiredState): Established {
  const established = new Map<string, string>()
  for (const link of desired.links) {
    established.set(linkKey(link.name), JSON.stringify(link, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value)))
    for (const value of link.addresses) established.set(addressKey(link.name, value), '')
  }
  for (const sysctl of desired.sysctls) established.set(sysctlKey(sysctl), sysctl.value)
  for (const device of desired.wireguard) established.set(wireguardKey(device), `${device.publicKey} ${device.listenPort}`)
  for (const entry of desired.wireguardPeers) established.set(wireguardPeerKey(entry.link, entry), wireguardPeerSignature(entry))
  for (const [key, signature] of signaturesOf(desired)) established.set(key, signature)
  return established
}

/** The same for what peers need. */
export function signaturesOf({ neighbours, fdb, routes }: Pick<DesiredState, 'neighbours' | 'fdb' | 'routes'>): Established {
  const signatures = new Map<string, string>()
  for (const neighbour of neighbours) signatures.set(neighbourKey(neighbour.link, neighbour), neighbourSignature(neighbour))
  for (const entry of fdb) signatures.set(fdbKey(entry.link, entry), fdbSignature(entry))
  for (const route of routes) signatures.set(routeKey(route), routeSignature(route))
  return signatures
}

/**
 * Of `steps`, those that undo what somebody else did: the object was in place as it is desired now, or was never
 * desired at all. `before` is undefined until a pass has succeeded, and then nothing counts.
 */
export function repairsAmong(steps: readonly Step[], before: Established | undefined, now: Established): readonly Step[] {
  if (before === undefined) return []
  return steps.filter(({ key }) => before.get(key) === now.get(key))
}

/** True for the kernel's word of a state that is wanted, or of the end of one that is not: nothing to look at. */
export function isExpected(event: RtnlEvent, established: Established, nameOf: (ifindex: number) => string | undefined): boolean {
  if (event.kind !== 'route' && event.kind !== 'neighbour' && event.kind !== 'fdb') return false
  const link = nameOf(event.value.linkIndex ?? 0)
  if (link === undefined) return false
  const [key, signature] = keyAndSignature(event, link)
  const wanted = established.get(key)
  return event.change === 'removed' ? wanted === undefined : wanted !== undefined && wanted === signature
}

function keyAndSignature(event: Extract<RtnlEvent, { kind: 'route' | 'neighbour' | 'fdb' }>, link: string): readonly [string, string] {
  switch (event.kind) {
    case 'route': {
      const { gateway, onLink, mtu } = event.value
      return [routeKey(event.value), routeSignature({ gateway, link, onlink: onLink, mtu })]
    }
    case 'neighbour': {
      const { mac, permanent } = event.value
      return [neighbourKey(link, event.value), mac !== undefined && permanent ? mac : '']
    }
    case 'fdb': {
      const { destination, permanent } = event.value
      return [fdbKey(link, event.value), destination !== undefined && permanent ? fdbSignature({ destination }) : '']
    }
    default: return event satisfies never
  }
}
