// --ip-blackhole-route: traffic to addresses of the own subnet that nobody has ends here instead of leaving by the default
// route. Where a bridge has the subnet its connected route does that already, and a blackhole would only stand in its way.

import { samePrefix, type Prefix } from '../../net/ip/prefix.ts'
import { entriesOf, type PerFamily } from '../leases/per-family.ts'
import type { DesiredRoute } from './desired.ts'
import type { ObservedState } from './observed.ts'

export const planBlackholes = (subnets: PerFamily<Prefix>, observed: Pick<ObservedState, 'routes'>): readonly DesiredRoute[] =>
  entriesOf(subnets)
    .filter(([, subnet]) => !observed.routes.some(route => route.plain && route.gateway === undefined && samePrefix(route.destination, subnet)))
    .map(([, destination]) => ({ destination, blackhole: true, gateway: undefined, link: '', onlink: false, mtu: undefined, scope: 'global', peer: undefined }))
