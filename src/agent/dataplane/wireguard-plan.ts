// WireGuard devices: key and port, and exactly one peer per lease. Pure.

import { sameAddress } from '../../net/ip/address.ts'
import { formatPrefix } from '../../net/ip/prefix.ts'
import type { Endpoint } from '../../net/wireguard/device.ts'
import type { DesiredState, DesiredWireguardPeer } from './desired.ts'
import type { ObservedState, ObservedWireguardPeer } from './observed.ts'
import { wireguardKey, wireguardPeerKey, type Step } from './step.ts'

/**
 * A session ends this long after its handshake (REJECT_AFTER_TIME, whitepaper section 6.1). Until then the kernel's endpoint
 * is where an authentic packet came from, which behind a NAT is not what the lease says.
 */
const SESSION_MS = 180_000

export type WireguardState = Pick<DesiredState, 'wireguard' | 'wireguardPeers' | 'complete'>

/**
 * Puts come before removals: a prefix belongs to one peer of a device, and goes over to the one that names it last, so that
 * a host whose key changed is reached all the time.
 */
export function planWireguardDevices(desired: WireguardState, observed: Pick<ObservedState, 'wireguard'>): readonly Step[] {
  const byLink = new Map(observed.wireguard.map(device => [device.link, device]))
  const present = new Map(observed.wireguard.flatMap(({ link, peers }) => peers.map(peer => [wireguardPeerKey(link, peer), { link, peer }] as const)))
  const wanted = new Set(desired.wireguardPeers.map(entry => wireguardPeerKey(entry.link, entry)))
  const devices = desired.wireguard.flatMap((device): readonly Step[] => {
    const found = byLink.get(device.link)
    if (found?.publicKey === device.publicKey && found.listenPort === device.listenPort) return []
    return [{ action: { op: 'configure-wireguard', device }, reason: found?.publicKey === undefined ? 'missing' : 'differs', key: wireguardKey(device), peer: undefined }]
  })
  const puts = desired.wireguardPeers.flatMap((entry): readonly Step[] => {
    const key = wireguardPeerKey(entry.link, entry)
    const found = present.get(key)?.peer
    if (found === undefined) return [{ action: { op: 'put-wireguard-peer', entry, keepEndpoint: false }, reason: 'missing', key, peer: entry.peer }]
    const keepEndpoint = isEndpointRight(entry.endpoint, found)
    if (keepEndpoint && sameSettings(entry, found)) return []
    return [{ action: { op: 'put-wireguard-peer', entry, keepEndpoint }, reason: 'differs', key, peer: entry.peer }]
  })
  if (!desired.complete) return [...devices, ...puts]
  const ours = new Set(desired.wireguard.map(({ link }) => link))
  const stray = [...present].filter(([key, { link }]) => ours.has(link) && !wanted.has(key))
  return [...devices, ...puts, ...stray.map(([key, { link, peer }]): Step => ({ action: { op: 'remove-wireguard-peer', link, publicKey: peer.publicKey }, reason: 'stray', key, peer: undefined }))]
}

/** The lease's endpoint, or the one that a live session roamed to since we gave it the lease's. */
function isEndpointRight(wanted: Endpoint, found: ObservedWireguardPeer): boolean {
  if (found.endpoint === undefined) return false
  if (sameEndpoint(found.endpoint, wanted)) return true
  if (found.assigned !== undefined && !sameEndpoint(found.assigned, wanted)) return false
  // Found by a process that has just started: of the other family, it is from before a change of Mode.
  if (found.assigned === undefined && found.endpoint.address.family !== wanted.address.family) return false
  return found.handshakeAgeMs !== undefined && found.handshakeAgeMs < SESSION_MS
}

const sameEndpoint = (a: Endpoint, b: Endpoint): boolean => sameAddress(a.address, b.address) && a.port === b.port

const sameSettings = (entry: DesiredWireguardPeer, found: ObservedWireguardPeer): boolean =>
  entry.presharedKey === found.presharedKey && entry.keepaliveSeconds === found.keepaliveSeconds && prefixText(entry) === prefixText(found)

const prefixText = ({ allowedIps }: Pick<DesiredWireguardPeer, 'allowedIps'>): string => allowedIps.map(formatPrefix).toSorted().join()
