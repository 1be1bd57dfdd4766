// From desired and observed state to the steps between them, in the order in which they must be taken:
// links, their addresses and settings, then what makes peers reachable, and removals of routes last,
// so that a destination that changes hands is replaced and never without a route.

import { sameAddress } from '../../net/ip/address.ts'
import type { DesiredState } from './desired.ts'
import type { ObservedState } from './observed.ts'
import { planLinks } from './links-plan.ts'
import { planPeers } from './peers-plan.ts'
import { planRoutes } from './routes-plan.ts'
import { planWireguardDevices } from './wireguard-plan.ts'
import { addressKey, sysctlKey, type Step } from './step.ts'

/** Pure; an empty answer means that the kernel is as desired. */
export function planDataplane(desired: DesiredState, observed: ObservedState): readonly Step[] {
  const links = planLinks(desired, observed)
  // A link that goes takes its addresses, neighbours, FDB entries and routes with it.
  const gone = new Set(links.flatMap(({ action }) => (action.op === 'remove-link' ? [action.ifindex] : [])))
  const rest: ObservedState = {
    ...observed,
    links: observed.links.filter(link => !gone.has(link.ifindex)),
    addresses: observed.addresses.filter(address => !gone.has(address.ifindex)),
    routes: observed.routes.filter(route => !gone.has(route.ifindex)),
    neighbours: observed.neighbours.filter(neighbour => !gone.has(neighbour.ifindex)),
    fdb: observed.fdb.filter(entry => !gone.has(entry.ifindex)),
    wireguard: observed.wireguard.filter(({ link }) => !observed.links.some(({ name, ifindex }) => name === link && gone.has(ifindex))),
  }
  return [...links, ...planSysctls(desired, observed), ...planAddresses(desired, rest), ...planWireguardDevices(desired, rest), ...planPeers(desired, rest), ...planRoutes(desired, rest)]
}

function planAddresses(desired: DesiredState, observed: ObservedState): readonly Step[] {
  return desired.links.flatMap((link): readonly Step[] => {
    const ifindex = observed.links.find(candidate => candidate.name === link.name)?.ifindex
    const present = observed.addresses.filter(address => address.ifindex === ifindex && address.scope !== 'link')
    const same = (a: (typeof link.addresses)[number], b: (typeof link.addresses)[number]): boolean =>
      sameAddress(a.address, b.address) && a.prefixLength === b.prefixLength
    const stray = present.filter(address => !link.addresses.some(value => same(value, address.value)))
    const missing = link.addresses.filter(value => !present.some(address => same(address.value, value)))
    return [
      ...stray.map(({ value }): Step => ({ action: { op: 'remove-address', link: link.name, value }, reason: 'stray', key: addressKey(link.name, value), peer: undefined })),
      ...missing.map((value): Step => ({ action: { op: 'add-address', link: link.name, value }, reason: 'missing', key: addressKey(link.name, value), peer: undefined })),
    ]
  })
}

/** A setting that the kernel does not have now can only come with a link that is yet to be made. */
function planSysctls(desired: DesiredState, observed: ObservedState): readonly Step[] {
  return desired.sysctls.flatMap((sysctl): readonly Step[] => {
    const value = observed.sysctls.get(sysctl.name)
    const toCome = sysctl.link !== undefined && !observed.links.some(link => link.name === sysctl.link)
    if (value === sysctl.value || (value === undefined && !toCome)) return []
    return [{ action: { op: 'set-sysctl', sysctl }, reason: value === undefined ? 'missing' : 'differs', key: sysctlKey(sysctl), peer: undefined }]
  })
}
