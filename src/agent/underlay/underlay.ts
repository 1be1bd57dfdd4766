// The network between the hosts, as backends see it: one interface, its addresses, and what can be reached how.

import type { Address } from '../../net/ip/address.ts'
import { containsAddress, type Prefix } from '../../net/ip/prefix.ts'
import type { PerFamily } from '../leases/per-family.ts'

/** A route of table main that leads to hosts, not into the pod network. */
export type UnderlayRoute = Readonly<{ destination: Prefix; gateway: Address | undefined; link: string; metric: number }>

export type Underlay = Readonly<{
  link: string
  ifindex: number
  mtu: number
  /** The interface's own addresses: what tunnels send from. */
  addresses: PerFamily<Address>
  /** What peers are told to send to; differs from `addresses` behind NAT. */
  published: PerFamily<Address>
  routes: readonly UnderlayRoute[]
  /** One sentence for the log and /status: why this interface. */
  why: string
}>

export type Reach = Readonly<{ kind: 'on-link' | 'gateway'; link: string }> | Readonly<{ kind: 'none' }>

/** How table main reaches an address: the longest matching prefix, then the lowest metric (fib_lookup's order). */
export function reachOf(underlay: Underlay, address: Address): Reach {
  let best: UnderlayRoute | undefined
  for (const route of underlay.routes) {
    if (!containsAddress(route.destination, address)) continue
    const better =
      best === undefined ||
      route.destination.length > best.destination.length ||
      (route.destination.length === best.destination.length && route.metric < best.metric)
    if (better) best = route
  }
  if (best === undefined) return { kind: 'none' }
  return { kind: best.gateway === undefined ? 'on-link' : 'gateway', link: best.link }
}
