// Bridges and ports that somebody changed behind our back come back while pods need them.

import type { InterfaceAddress } from '../../../src/net/ip/prefix.ts'
import type { Link } from '../../../src/net/rtnetlink/link.ts'
import type { Attachment } from '../attachment/attachment.ts'
import type { CniHost } from '../host/cni-host.ts'

/** Re-makes bridges that live attachments sit on and puts their ports back. */
export async function repairBridges(host: CniHost, links: readonly Link[], options: Readonly<{ signal: AbortSignal }>): Promise<void> {
  for (const [name, attachments] of byBridge(host.store.list())) {
    host.bridges.forget(name)
    const bridge = await host.bridges.ensure({ name, mtu: host.lease()?.mtu, promiscuous: false, gateways: gatewaysOf(attachments), mayReplace: () => false }, options)
    for (const { link, containerId, ifname } of attachments) {
      const port = links.find(each => each.name === link!.host)
      if (port === undefined || port.masterIndex === bridge.index) continue
      await host.network.rtnl.links.change(port.index, { masterIndex: bridge.index, up: true, port: { hairpin: link!.hairpin, isolated: link!.isolated } }, options)
      host.log.warn({ link: port.name, bridge: name, containerId, ifname }, 'port put back on its bridge')
    }
  }
}

function byBridge(attachments: readonly Attachment[]): ReadonlyMap<string, readonly Attachment[]> {
  return Map.groupBy(attachments.filter(each => each.role === 'interface' && each.state === 'active' && each.link !== undefined), each => each.link!.bridge)
}

function gatewaysOf(attachments: readonly Attachment[]): readonly InterfaceAddress[] {
  const gateways = new Map<string, InterfaceAddress>()
  for (const { link, addresses } of attachments) {
    if (link?.gateway !== true) continue
    for (const { gateway, prefixLength } of addresses) {
      if (gateway !== undefined) gateways.set(`${gateway.family}/${gateway.bits}/${prefixLength}`, { address: gateway, prefixLength })
    }
  }
  return [...gateways.values()]
}
