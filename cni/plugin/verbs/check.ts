// CHECK: does the kernel still hold what ADD answered? Only what ADD put there counts; later plugins may have added more.

import { sameAddress } from '../../../src/net/ip/address.ts'
import { formatInterfaceAddress, prefixOf, samePrefix, formatPrefix } from '../../../src/net/ip/prefix.ts'
import type { BridgeInfo, Link } from '../../../src/net/rtnetlink/link.ts'
import type { LinkAddress } from '../../../src/net/rtnetlink/addresses.ts'
import type { Route } from '../../../src/net/rtnetlink/route.ts'
import { openRtnl } from '../../../src/net/rtnetlink/rtnl.ts'
import type { Attachment } from '../attachment/attachment.ts'
import { RELEASE_LIMIT_MS } from '../attach/allocate.ts'
import { ifbName } from '../attachment/names.ts'
import { checkShape } from '../bandwidth/shape.ts'
import { readBandwidth } from '../config/bandwidth.ts'
import { CniError } from '../cni-error.ts'
import { readBridgeConfig } from '../config/bridge-config.ts'
import { readPodSettings } from '../config/pod-settings.ts'
import { checkPodSettings } from '../link/pod-settings.ts'
import { carriesVlans } from '../config/port-vlans.ts'
import type { CniHost } from '../host/cni-host.ts'
import { heldInFolder } from '../ipam/host-local-folder.ts'
import type { PodNamespace } from '../link/pod-namespace.ts'
import type { CniRequest } from '../request/parse-request.ts'
import type { CniInterface, CniResult } from '../result/result.ts'

const mismatch = (what: string, expected: string, found: string): CniError =>
  new CniError('CNI_CHECK_MISMATCH', `${what}: expected ${expected}, found ${found}`)

/** The recorded attachment, or 3: the runtime should forget it. */
export function requireAttachment(host: CniHost, request: CniRequest, role: Attachment['role']): Attachment {
  const attachment = host.store.get(role, request)
  if (attachment === undefined || attachment.state !== 'active') {
    throw new CniError('CNI_UNKNOWN_CONTAINER', `no attachment of container ${request.containerId} with interface ${request.ifname} is known`)
  }
  return attachment
}

export async function checkInterface(host: CniHost, request: CniRequest, options: Readonly<{ kind: 'weft' | 'bridge'; pod: PodNamespace; signal: AbortSignal }>): Promise<void> {
  const config = readBridgeConfig(request, options.kind)
  const attachment = requireAttachment(host, request, 'interface')
  const result = request.prevResult!
  const container = result.interfaces.find(each => each.name === request.ifname && each.sandbox !== undefined)
  if (container === undefined) throw mismatch('prevResult.interfaces', `an interface ${request.ifname} with a sandbox`, 'none')
  if (container.sandbox !== request.netns) throw mismatch(`sandbox of ${request.ifname}`, container.sandbox ?? '', request.netns)
  await checkReservation(host, attachment, options.signal)

  const bridge = await host.network.rtnl.links.get(config.bridge, options)
  if (bridge === undefined) throw mismatch(`bridge ${config.bridge}`, 'a bridge', 'no such link')
  if (bridge.info.kind !== 'bridge') throw mismatch(`bridge ${config.bridge}`, 'a bridge', bridge.info.kind)
  if (config.promiscMode && !bridge.promiscuous) throw mismatch(`bridge ${config.bridge}`, 'promiscuous mode', 'none')
  if (attachment.link?.vlans !== undefined && !(bridge.info as BridgeInfo).vlanFiltering) throw mismatch(`bridge ${config.bridge}`, 'VLANs kept apart', 'no filtering')
  const hostEnd = await checkHostEnd(host, attachment, { result, bridge, signal: options.signal })
  if (attachment.link?.vlans !== undefined) {
    const carried = (await host.network.rtnl.bridgeVlans.list(options)).get(hostEnd.index)
    if (!carriesVlans(attachment.link.vlans, carried)) throw mismatch(`VLANs of ${hostEnd.name}`, JSON.stringify(attachment.link.vlans), JSON.stringify(carried ?? []))
  }
  await using pod = openRtnl({ netns: options.pod.fd })
  const link = await pod.links.get(request.ifname, options)
  checkPodLink(link, { container, hostEnd, linkDown: config.linkDown })
  if (options.kind === 'weft') checkPodSettings(options.pod.fd, readPodSettings(request))
  if (options.kind === 'weft') await checkShape(host, readBandwidth(request.config), { hostLink: hostEnd, ifb: ifbName(request, attachment.network), signal: options.signal })
  if (!(await host.rules.holds(attachment, options))) throw mismatch('packet filter table weft-cni', 'host ports and masquerading of this attachment', 'some missing')
  checkPodAddresses(await pod.addresses.list({ signal: options.signal, linkIndex: link.index }), await pod.routes.list(options), { result, attachment, linkIndex: link.index })
}

async function checkReservation(host: CniHost, attachment: Attachment, signal: AbortSignal): Promise<void> {
  if (attachment.storage.kind !== 'host-local') return
  const held = await heldInFolder(attachment.storage.folder, attachment, { clock: host.clock, signal: AbortSignal.any([signal, AbortSignal.timeout(RELEASE_LIMIT_MS)]) })
  const lost = attachment.addresses.find(({ address }) => !held.some(each => sameAddress(each, address)))
  if (lost !== undefined) throw mismatch('reservation', formatInterfaceAddress(lost), 'none')
}

async function checkHostEnd(host: CniHost, attachment: Attachment, options: Readonly<{ result: CniResult; bridge: Link; signal: AbortSignal }>): Promise<Link> {
  const name = attachment.link?.host ?? ''
  if (!options.result.interfaces.some(each => each.name === name && each.sandbox === undefined)) throw mismatch('prevResult.interfaces', `the host's link ${name}`, 'none')
  const link = await host.network.rtnl.links.get(name, options)
  if (link === undefined) throw mismatch(`host link ${name}`, 'a veth', 'no such link')
  if (link.info.kind !== 'veth') throw mismatch(`host link ${name}`, 'a veth', link.info.kind)
  if (link.masterIndex !== options.bridge.index) throw mismatch(`master of ${name}`, options.bridge.name, link.masterIndex === undefined ? 'none' : `link ${link.masterIndex}`)
  return link
}

function checkPodLink(link: Link | undefined, options: Readonly<{ container: CniInterface; hostEnd: Link; linkDown: boolean }>): asserts link is Link {
  const { name, mac } = options.container
  if (link === undefined) throw mismatch(`interface ${name}`, 'a veth', 'no such link')
  if (link.info.kind !== 'veth') throw mismatch(`interface ${name}`, 'a veth', link.info.kind)
  if (!link.up && !options.linkDown) throw mismatch(`interface ${name}`, 'up', 'down')
  if (mac !== undefined && link.mac !== mac.toLowerCase()) throw mismatch(`MAC of ${name}`, mac, link.mac ?? 'none')
  if (link.parentIndex !== options.hostEnd.index) throw mismatch(`other end of ${name}`, `${options.hostEnd.name} (link ${options.hostEnd.index})`, `link ${link.parentIndex ?? 'none'}`)
}

function checkPodAddresses(addresses: readonly LinkAddress[], routes: readonly Route[], options: Readonly<{ result: CniResult; attachment: Attachment; linkIndex: number }>): void {
  const { interfaces } = options.result
  for (const ip of options.result.ips) {
    if (ip.interface !== undefined && interfaces[ip.interface]?.name !== options.attachment.ifname) continue
    const { address, prefixLength } = ip.address
    if (!addresses.some(each => sameAddress(each.address, address) && each.prefixLength === prefixLength)) {
      throw mismatch(`addresses of ${options.attachment.ifname}`, formatInterfaceAddress(ip.address), addresses.map(formatInterfaceAddress).join(', ') || 'none')
    }
    const subnet = prefixOf(address, prefixLength)
    if (!routes.some(route => samePrefix(route.destination, subnet) && route.linkIndex === options.linkIndex)) throw mismatch('routes', formatPrefix(subnet), 'none')
  }
  for (const { dst, gw } of options.result.routes) {
    const destination = prefixOf(dst.address, dst.prefixLength)
    const found = routes.filter(route => samePrefix(route.destination, destination))
    if (found.length === 0) throw mismatch('routes', formatPrefix(destination), 'none')
    if (gw !== undefined && !found.some(route => route.gateway !== undefined && sameAddress(route.gateway, gw))) throw mismatch(`gateway of ${formatPrefix(destination)}`, 'as in prevResult', 'another')
  }
}
