// Makes the hosts of a cluster: a network namespace each, joined by a bridge in a namespace of its own, so that
// the machine's own packet rules never see the underlay. One veth leads from the machine to that bridge.

import { closeSync, openSync } from 'node:fs'
import { parseAddress, type Address } from '../../net/ip/address.ts'
import { prefixOf } from '../../net/ip/prefix.ts'
import { createNetns } from '../../net/netns/named-netns.ts'
import { openRtnl, type Rtnl } from '../../net/rtnetlink/rtnl.ts'
import { writeSysctls } from '../../net/sysctl/sysctl.ts'
import { WeftError } from '../../ops/errors.ts'
import type { ClusterPlan, HostPlan } from '../cluster-plan.ts'

type Cancel = Readonly<{ signal: AbortSignal }>

const BRIDGE = 'underlay'
/** The uplink's end inside the underlay's namespace. */
const UPLINK_PEER = 'uplink'
/** A host's only link to the others, named as on any machine. */
export const HOST_LINK = 'eth0'
const DEFAULT_ROUTE = prefixOf(parseAddress('0.0.0.0', 'destination'), 0)

/** Makes everything; nothing of it may exist. What was made when it throws is left for the tear-down. */
export async function makeUnderlay(plan: ClusterPlan, options: Cancel): Promise<void> {
  await makeUplink(plan, options)
  await Promise.all(plan.hosts.map(host => makeHost(plan, host, options)))
}

/** The bridge and the machine's way to it. Once this stands, the machine has a route to the underlay's prefix. */
async function makeUplink({ underlay }: ClusterPlan, options: Cancel): Promise<void> {
  createNetns(underlay.netns)
  using bridgeSide = openNetns(underlay.netns)
  await using inside = openRtnl({ netns: bridgeSide.fd })
  await using machine = openRtnl()
  await bringUp(inside, 'lo', options)
  // What the hosts send to the world ends here: a router without a route answers at once that there is no way, so that
  // programs which ask a name server fail instead of waiting.
  writeSysctls({ 'net/ipv4/ip_forward': '1' }, { netns: bridgeSide.fd })
  await inside.links.add({ name: BRIDGE, up: true, info: { kind: 'bridge', multicastSnooping: false } }, options)
  await setAddress(inside, BRIDGE, underlay.gateway, underlay.prefix.length, options)
  await machine.links.add({ name: underlay.uplink, info: { kind: 'veth', peer: { name: UPLINK_PEER, netnsFd: bridgeSide.fd } } }, options)
  await plugIn(inside, UPLINK_PEER, options)
  await bringUp(machine, underlay.uplink, options)
  await setAddress(machine, underlay.uplink, underlay.uplinkAddress, underlay.prefix.length, options)
}

async function makeHost({ underlay }: ClusterPlan, host: HostPlan, options: Cancel): Promise<void> {
  createNetns(host.netns)
  using hostSide = openNetns(host.netns)
  await using bridge = openRtnl({ netns: underlay.netns })
  await using inside = openRtnl({ netns: hostSide.fd })
  await bringUp(inside, 'lo', options)
  // A new namespace starts with the machine's IPv4 settings. Ours are those of a host that is a Kubernetes node:
  // it forwards, and replies may come back another way than the request went (vxlan beside the underlay).
  writeSysctls({ 'net/ipv4/ip_forward': '1', 'net/ipv4/conf/all/rp_filter': '0', 'net/ipv4/conf/default/rp_filter': '0' }, { netns: hostSide.fd })
  await bridge.links.add({ name: host.name, info: { kind: 'veth', peer: { name: HOST_LINK, netnsFd: hostSide.fd } } }, options)
  await plugIn(bridge, host.name, options)
  await bringUp(inside, HOST_LINK, options)
  await setAddress(inside, HOST_LINK, host.address, underlay.prefix.length, options)
  await inside.routes.add({ destination: DEFAULT_ROUTE, gateway: underlay.gateway }, options)
}

const bringUp = (rtnl: Rtnl, link: string, options: Cancel): Promise<void> => rtnl.links.change(link, { up: true }, options)

async function plugIn(rtnl: Rtnl, link: string, options: Cancel): Promise<void> {
  await rtnl.links.change(link, { up: true, masterIndex: await indexOf(rtnl, BRIDGE, options) }, options)
}

async function setAddress(rtnl: Rtnl, link: string, address: Address, prefixLength: number, options: Cancel): Promise<void> {
  await rtnl.addresses.add({ linkIndex: await indexOf(rtnl, link, options), address, prefixLength, broadcast: 'network' }, options)
}

async function indexOf(rtnl: Rtnl, link: string, options: Cancel): Promise<number> {
  const found = await rtnl.links.get(link, options)
  if (found === undefined) throw new WeftError('LINK_GONE', `link ${link} was just made and is gone: something else removes links on this machine`, { link })
  return found.index
}

function openNetns(path: string): Disposable & Readonly<{ fd: number }> {
  const fd = openSync(path, 'r')
  return { fd, [Symbol.dispose]: () => closeSync(fd) }
}
