// What the machine's own routing tables take, so that a cluster keeps clear of it.

import { openRtnl } from '../../net/rtnetlink/rtnl.ts'
import { takenByRoutes, type TakenPrefix } from '../prefix-plan.ts'

/** Unicast IPv4 routes of all tables: policy routing may send packets by any of them. */
export async function listTakenPrefixes(options: Readonly<{ signal: AbortSignal }>): Promise<readonly TakenPrefix[]> {
  await using machine = openRtnl()
  const [routes, links] = await Promise.all([machine.routes.list({ family: 4, type: 'unicast', ...options }), machine.links.list(options)])
  const names = new Map(links.map(link => [link.index, link.name]))
  return takenByRoutes(routes.map(({ destination, linkIndex }) => ({ destination, link: names.get(linkIndex ?? 0) ?? 'several links' })))
}
