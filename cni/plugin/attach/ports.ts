// Host ports and masquerading of one attachment.

import type { Address } from '../../../src/net/ip/address.ts'
import type { Attachment, PortClaim } from '../attachment/attachment.ts'
import type { PortOptions } from '../config/port-mappings.ts'
import type { CniHost } from '../host/cni-host.ts'
import { ensureSettings } from '../link/host-settings.ts'
import { cutDatagramFlows } from './datagram-flows.ts'

/** A claim per mapping and family: of each family the pod's first address is the target. */
export function claimsFor(options: PortOptions, addresses: readonly Address[]): readonly PortClaim[] {
  const targets = ([4, 6] as const).flatMap(family => addresses.find(address => address.family === family) ?? [])
  return options.mappings.flatMap(({ protocol, hostPort, hostIp, containerPort }) =>
    targets
      .filter(target => hostIp === undefined || hostIp.family === target.family)
      .map(target => ({ protocol, hostPort, hostIp, target, containerPort, snat: options.snat, masqueradeAll: options.masqueradeAll, conditions: options.conditions[target.family] })),
  )
}

/** Puts the attachment's rules in force; it must be in the store already, since the whole table follows from there. */
export async function openPorts(host: CniHost, attachment: Attachment, options: Readonly<{ signal: AbortSignal }>): Promise<void> {
  const { ports, masquerade } = attachment
  if (ports.length === 0 && !masquerade) return
  for (const name of await linksTowards(host, ports, options)) ensureSettings({ [`net/ipv4/conf/${name}/route_localnet`]: '1' })
  await host.rules.sync(options)
  // A flow that was pinned before the rule stood would keep missing the pod.
  try {
    await cutDatagramFlows(host, ports, options)
  } catch (err) {
    host.log.warn({ err, containerId: attachment.containerId }, 'flows of a host port may still go elsewhere')
  }
}

/** Links over which a process of the host reaches pods by way of 127.0.0.1: its packets leave with that source address. */
async function linksTowards(host: CniHost, ports: readonly PortClaim[], options: Readonly<{ signal: AbortSignal }>): Promise<readonly string[]> {
  const names = new Set<string>()
  for (const target of new Set(ports.filter(claim => claim.target.family === 4 && (claim.snat || claim.masqueradeAll)).map(claim => claim.target))) {
    const route = await host.network.rtnl.routes.lookup(target, options)
    const link = route?.linkIndex === undefined ? undefined : await host.network.rtnl.links.get(route.linkIndex, options)
    if (link !== undefined) names.add(link.name)
  }
  return [...names]
}
