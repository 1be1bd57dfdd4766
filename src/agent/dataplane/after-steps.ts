// The kernel state after steps that concern peers only, without asking the kernel: when nothing but the lease set changed,
// a dump of thousands of entries would cost more than the change itself. Pure.

import { samePrefix } from '../../net/ip/prefix.ts'
import type { DesiredWireguardPeer } from './desired.ts'
import type { ObservedFdbEntry, ObservedNeighbour, ObservedRoute, ObservedState, ObservedWireguard } from './observed.ts'
import { RTPROT_WEFT } from './routes-plan.ts'
import { fdbKey, neighbourKey, routeKey, type Step } from './step.ts'

/** Undefined when a step changed more than peers' entries: then only a look tells. */
export function afterSteps(observed: ObservedState, steps: readonly Step[]): ObservedState | undefined {
  const index = new Map(observed.links.map(link => [link.name, link.ifindex]))
  const nameOf = new Map(observed.links.map(link => [link.ifindex, link.name]))
  const gone = new Set<unknown>()
  const replaced = new Set<string>()
  const added: { neighbours: ObservedNeighbour[]; fdb: ObservedFdbEntry[]; routes: ObservedRoute[] } = { neighbours: [], fdb: [], routes: [] }
  let { wireguard } = observed
  for (const { action, key } of steps) {
    switch (action.op) {
      case 'put-neighbour': {
        const { link, address, mac } = action.neighbour
        if (!index.has(link)) return undefined
        replaced.add(key)
        added.neighbours.push({ ifindex: index.get(link)!, address, mac, permanent: true })
        break
      }
      case 'put-fdb': {
        const { link, mac, destination } = action.entry
        if (!index.has(link)) return undefined
        replaced.add(key)
        added.fdb.push({ ifindex: index.get(link)!, mac, destination, permanent: true })
        break
      }
      case 'put-route': {
        const { destination, gateway, link, onlink, mtu } = action.route
        // A replaced route may have stood among others of its destination: too much to guess.
        if (!index.has(link) || observed.routes.some(route => routeKey(route) === key)) return undefined
        added.routes.push({ destination, gateway, ifindex: index.get(link)!, protocol: RTPROT_WEFT, metric: destination.family === 6 ? 1024 : 0, onlink, mtu, multipath: false, blackhole: false, plain: true })
        break
      }
      case 'put-wireguard-peer':
        wireguard = wireguard.map(device => (device.link === action.entry.link ? withPeer(device, action.entry, action.keepEndpoint) : device))
        break
      case 'remove-wireguard-peer':
        wireguard = wireguard.map(device => (device.link === action.link ? { ...device, peers: device.peers.filter(({ publicKey }) => publicKey !== action.publicKey) } : device))
        break
      case 'remove-neighbour': gone.add(action.neighbour); break
      case 'remove-fdb': gone.add(action.entry); break
      case 'remove-route': gone.add(action.route); break
      default: return undefined
    }
  }
  const name = (ifindex: number): string => nameOf.get(ifindex) ?? ''
  return {
    ...observed,
    neighbours: [...observed.neighbours.filter(entry => !gone.has(entry) && (replaced.size === 0 || !replaced.has(neighbourKey(name(entry.ifindex), entry)))), ...added.neighbours],
    fdb: [...observed.fdb.filter(entry => !gone.has(entry) && (replaced.size === 0 || !replaced.has(fdbKey(name(entry.ifindex), entry)))), ...added.fdb],
    routes: [...observed.routes.filter(route => !gone.has(route)), ...added.routes],
    wireguard,
  }
}

/** A prefix leads to one peer of a device: the one that named it last. */
function withPeer(device: ObservedWireguard, { link: _link, peer: _owner, ...put }: DesiredWireguardPeer, keepEndpoint: boolean): ObservedWireguard {
  const before = device.peers.find(({ publicKey }) => publicKey === put.publicKey)
  const others = device.peers.filter(other => other !== before).map(other => ({ ...other, allowedIps: other.allowedIps.filter(prefix => !put.allowedIps.some(taken => samePrefix(taken, prefix))) }))
  return { ...device, peers: [...others, { ...put, endpoint: keepEndpoint ? before?.endpoint : put.endpoint, assigned: put.endpoint, handshakeAgeMs: before?.handshakeAgeMs }] }
}
