// Bridges and ports that somebody changed behind our back come back while pods need them.

import type { InterfaceAddress } from '../../../src/net/ip/prefix.ts'
import type { Link } from '../../../src/net/rtnetlink/link.ts'
import type { Attachment, HostLink } from '../attachment/attachment.ts'
import { carriesVlans, portVlansToSet, withDefault } from '../config/port-vlans.ts'
import type { CniHost } from '../host/cni-host.ts'

/** Re-makes bridges that live attachments sit on and puts their ports back, each into its VLANs. */
export async function repairBridges(host: CniHost, links: readonly Link[], options: Options): Promise<void> {
  for (const [name, attachments] of byBridge(host.store.list())) {
    host.bridges.forget(name)
    for (const group of Map.groupBy(attachments, each => each.link.vlans?.native).values()) await repairPorts(host, links, { ...options, name, attachments: group })
  }
}

type Options = Readonly<{ signal: AbortSignal }>
type Wired = Attachment & Readonly<{ link: HostLink }>

async function repairPorts(host: CniHost, links: readonly Link[], options: Options & Readonly<{ name: string; attachments: readonly Wired[] }>): Promise<void> {
  const { name, attachments } = options
  const gateways = gatewaysOf(attachments)
  const native = attachments[0]!.link.vlans?.native // the same for all of them
  const bridge = await host.bridges.ensure({
    name, mtu: host.lease()?.mtu, promiscuous: attachments.some(each => each.link.promiscuous), gateways, mayReplace: () => false,
    filtersVlans: attachments.some(each => each.link.vlans !== undefined),
    gatewayVlan: gateways.length === 0 || native === undefined ? undefined : { vlan: native, keepsDefault: attachments.some(each => each.link.vlans?.keepsDefault === true) },
  }, options)
  const carried = attachments.some(each => each.link.vlans !== undefined) ? await host.network.rtnl.bridgeVlans.list(options) : undefined
  for (const { link, containerId, ifname } of attachments) {
    const port = links.find(each => each.name === link.host)
    if (port === undefined) continue
    const moved = port.masterIndex !== bridge.index
    if (moved) {
      await host.network.rtnl.links.change(port.index, { masterIndex: bridge.index, up: true, port: { hairpin: link.hairpin, isolated: link.isolated } }, options)
      host.log.warn({ link: port.name, bridge: name, containerId, ifname }, 'port put back on its bridge')
    }
    if (link.vlans === undefined || (!moved && carriesVlans(link.vlans, carried?.get(port.index)))) continue
    const wanted = portVlansToSet(link.vlans)
    if (wanted === undefined) continue
    await host.network.rtnl.bridgeVlans.replace(port.index, link.vlans.keepsDefault ? withDefault(wanted) : wanted, options)
    host.log.warn({ link: port.name, bridge: name, containerId, ifname }, 'port put back into its vlans')
  }
}

function byBridge(attachments: readonly Attachment[]): ReadonlyMap<string, readonly Wired[]> {
  const wired = attachments.filter((each): each is Wired => each.role === 'interface' && each.state === 'active' && each.link !== undefined)
  return Map.groupBy(wired, each => each.link.bridge)
}

function gatewaysOf(attachments: readonly Wired[]): readonly InterfaceAddress[] {
  const gateways = new Map<string, InterfaceAddress>()
  for (const { link, addresses } of attachments) {
    if (!link.gateway) continue
    for (const { gateway, prefixLength } of addresses) {
      if (gateway !== undefined) gateways.set(`${gateway.family}/${gateway.bits}/${prefixLength}`, { address: gateway, prefixLength })
    }
  }
  return [...gateways.values()]
}
