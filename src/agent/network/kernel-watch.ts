// Rings the bell when the kernel tells of a change that may concern the pod network.

import { containsPrefix, type Prefix } from '../../net/ip/prefix.ts'
import { RT_TABLE_MAIN } from '../../net/rtnetlink/constants.ts'
import type { Rtnl } from '../../net/rtnetlink/rtnl.ts'
import type { RtnlEvent } from '../../net/rtnetlink/watch.ts'
import { isExpected, type Established } from '../dataplane/established.ts'
import type { Doorbell } from '../../ops/wake.ts'

export type WatchScope = Readonly<{
  /** Our own devices: whatever happens on them matters. */
  ownLinks: readonly string[]
  /** The interface between hosts, where neighbours come and go without concerning us. */
  underlay: string
  territory: readonly Prefix[]
  /** What our own passes left: word of it is no news. */
  established: Established
  /** Name of a link by index, as last seen. */
  nameOf: (ifindex: number) => string | undefined
}>

/** Returns when `signal` aborts. `scope` is asked anew for every event. */
export async function ringOnKernelChange(rtnl: Rtnl, options: Readonly<{ doorbell: Doorbell; scope: () => WatchScope; signal: AbortSignal }>): Promise<void> {
  const groups = ['link', 'neighbour', 'ipv4Address', 'ipv4Route', 'ipv6Address', 'ipv6Route'] as const
  for await (const event of rtnl.watch(groups, { signal: options.signal })) {
    const scope = options.scope()
    if (concerns(event, scope) && !isOwnDoing(event, scope)) options.doorbell.ring(`${event.kind} changed`)
  }
}

/** Word of what our own passes did. Routes between hosts are never our doing, be they new or gone. */
function isOwnDoing(event: RtnlEvent, scope: WatchScope): boolean {
  if (event.kind === 'route') {
    const { destination, linkIndex } = event.value
    const ours = scope.ownLinks.includes(scope.nameOf(linkIndex ?? 0) ?? '') || scope.territory.some(network => containsPrefix(network, destination))
    if (!ours) return false
  }
  return isExpected(event, scope.established, scope.nameOf)
}

/** Pods come and go by the hundred, and each brings links, neighbours and addresses that are nobody's concern here. */
export function concerns(event: RtnlEvent, scope: WatchScope): boolean {
  const own = (name: string | undefined): boolean => name !== undefined && scope.ownLinks.includes(name)
  const named = (name: string | undefined): boolean => own(name) || name === scope.underlay
  switch (event.kind) {
    case 'resync': return true
    case 'link': return named(event.value.name)
    case 'address': return named(scope.nameOf(event.value.linkIndex))
    case 'fdb':
    case 'neighbour': return own(scope.nameOf(event.value.linkIndex))
    case 'route': {
      const { table, destination, linkIndex } = event.value
      if (table !== RT_TABLE_MAIN) return false
      return named(linkIndex === undefined ? undefined : scope.nameOf(linkIndex)) || destination.length === 0 || scope.territory.some(network => containsPrefix(network, destination))
    }
    case 'rule': return false
    default: return event satisfies never
  }
}
