// Routes of table main. Ours carry protocol 119; those a flannel left behind carry "boot" and lie
// inside the pod network: adopted when right, pruned when not. Nothing else is touched.

import { sameAddress, type Address } from '../../net/ip/address.ts'
import { containsPrefix, formatPrefix, samePrefix } from '../../net/ip/prefix.ts'
import type { DesiredRoute, DesiredState } from './desired.ts'
import type { ObservedRoute, ObservedState } from './observed.ts'
import { routeKey, type Step } from './step.ts'

/** rtm_protocol of routes that Weft makes; our choice, outside the numbers of linux/rtnetlink.h and of iproute2's rt_protos. */
export const RTPROT_WEFT = 119
/** linux/rtnetlink.h: what the kernel makes by itself, and what flannel (like every caller that names nothing else) makes. */
const RTPROT_KERNEL = 2
export const RTPROT_BOOT = 3

export function planRoutes(desired: DesiredState, observed: ObservedState): readonly Step[] {
  const nameOf = new Map(observed.links.map(link => [link.ifindex, link.name]))
  const ownLinks = new Set(desired.links.map(link => link.name))
  const byDestination = new Map<string, ObservedRoute[]>()
  for (const route of observed.routes) {
    const key = formatPrefix(route.destination)
    const others = byDestination.get(key)
    if (others === undefined) byDestination.set(key, [route])
    else others.push(route)
  }
  const kept = new Set<ObservedRoute>()
  const changes = desired.routes.flatMap((route): readonly Step[] => {
    const found = (byDestination.get(formatPrefix(route.destination)) ?? []).filter(hasOurMetric)
    const equal = found.find(candidate => sameRoute(route, candidate, nameOf))
    if (equal !== undefined) {
      kept.add(equal)
      // The kernel uses the first of several routes of equal destination and metric, and refuses to replace
      // the first by one that stands behind it (fib_table_insert), so what is in front must go.
      const inFront = found.slice(0, found.indexOf(equal))
      inFront.forEach(candidate => kept.add(candidate))
      return inFront.map((candidate): Step => ({ action: { op: 'remove-route', route: candidate }, reason: 'differs', key: routeKey(route), peer: route.peer }))
    }
    // A replacement takes the place of the first: it is no stray any more.
    if (found[0] !== undefined) kept.add(found[0])
    return [{ action: { op: 'put-route', route }, reason: found.length === 0 ? 'missing' : 'differs', key: routeKey(route), peer: route.peer }]
  })
  if (!desired.complete) return changes
  const stray = observed.routes.filter(route => !kept.has(route) && isOurs(route, { desired, ownLinks, nameOf }))
  return [...changes, ...stray.map((route): Step => ({ action: { op: 'remove-route', route }, reason: 'stray', key: routeKey(route), peer: undefined }))]
}

/** IPv6 gives routes without a metric 1024 (IP6_RT_PRIO_USER); IPv4 leaves them at 0. */
const hasOurMetric = (route: ObservedRoute): boolean => route.metric === (route.destination.family === 6 ? 1024 : 0)

const sameGateway = (a: Address | undefined, b: Address | undefined): boolean => (a === undefined || b === undefined ? a === b : sameAddress(a, b))

const sameRoute = (route: DesiredRoute, present: ObservedRoute, nameOf: ReadonlyMap<number, string>): boolean =>
  samePrefix(route.destination, present.destination) &&
  present.blackhole === (route.blackhole === true) &&
  (present.blackhole || present.plain) &&
  sameGateway(route.gateway, present.gateway) &&
  (present.blackhole || nameOf.get(present.ifindex) === route.link) &&
  present.onlink === route.onlink &&
  present.mtu === route.mtu

function isOurs(
  route: ObservedRoute,
  { desired, ownLinks, nameOf }: Readonly<{ desired: DesiredState; ownLinks: ReadonlySet<string>; nameOf: ReadonlyMap<number, string> }>,
): boolean {
  if (route.protocol === RTPROT_KERNEL) return false
  const link = nameOf.get(route.ifindex)
  // Whatever leads into a link of ours is ours to judge, even a default route that someone put there.
  if (link !== undefined && ownLinks.has(link)) return true
  if (!desired.territory.some(network => containsPrefix(network, route.destination))) return false
  if (route.protocol === RTPROT_WEFT) return true
  return route.protocol === RTPROT_BOOT && link === desired.underlay && route.gateway !== undefined && route.plain && hasOurMetric(route)
}
