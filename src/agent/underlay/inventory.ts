// The interface choice's view of a kernel dump. Pure.

import { overlaps, type Prefix } from '../../net/ip/prefix.ts'
import type { ObservedState } from '../dataplane/observed.ts'
import { RTPROT_BOOT, RTPROT_WEFT } from '../dataplane/routes-plan.ts'
import { FAMILIES } from '../leases/per-family.ts'
import type { Inventory } from './choose-interface.ts'
import type { UnderlayRoute } from './underlay.ts'

/** Everything but the pod network itself: tunnel devices and routes into `territory` say nothing about the hosts' network. */
export function inventoryOf(observed: ObservedState, exclude: Readonly<{ linkNames: readonly string[]; territory: readonly Prefix[] }>): Inventory {
  const names = new Map(observed.links.map(link => [link.ifindex, link.name]))
  const foreign = observed.routes.filter(({ destination, protocol }) =>
    protocol !== RTPROT_WEFT && (destination.length === 0 || !exclude.territory.some(network => overlaps(network, destination))))
  return {
    interfaces: observed.links
      .filter(link => !exclude.linkNames.includes(link.name))
      .map(({ name, ifindex, mtu, loopback }) => ({
        name, ifindex, mtu, loopback,
        addresses: observed.addresses.filter(address => address.ifindex === ifindex).map(({ value, ...info }) => ({ ...info, address: value.address })),
      })),
    routes: foreign.filter(route => route.plain).flatMap(({ destination, gateway, ifindex, metric }): readonly UnderlayRoute[] => {
      const link = names.get(ifindex)
      return link === undefined || exclude.linkNames.includes(link) ? [] : [{ destination, gateway, link, metric }]
    }),
    multipathDefault: FAMILIES.filter(family => {
      const [first] = foreign.filter(({ destination }) => destination.family === family && destination.length === 0).toSorted((a, b) => a.metric - b.metric)
      return first?.multipath === true
    }),
  }
}

/** Interfaces and routes of others than the pod network: without Weft's routes and those a flannel left behind. */
export function strangersOf(observed: ObservedState, linkNames: readonly string[]): Inventory {
  const routes = observed.routes.filter(({ protocol, destination }) => protocol !== RTPROT_BOOT || destination.length === 0)
  return inventoryOf({ ...observed, routes }, { linkNames, territory: [] })
}
