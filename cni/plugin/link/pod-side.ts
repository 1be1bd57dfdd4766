// The pod's end of the pair. The namespace is entered once, for the moment in which a socket is opened and settings are
// written; all else goes through that socket, whose answers are there when a request has been sent.

import { formatAddress, type Address } from '../../../src/net/ip/address.ts'
import { formatInterfaceAddress } from '../../../src/net/ip/prefix.ts'
import type { Link } from '../../../src/net/rtnetlink/link.ts'
import { newAddressMessage } from '../../../src/net/rtnetlink/addresses.ts'
import { linkChangeMessage, linkMessage, readLink } from '../../../src/net/rtnetlink/link-codec.ts'
import { describeRoute, readRoute, routeLookupMessage, routeMessage } from '../../../src/net/rtnetlink/route.ts'
import { RTM_GETLINK, RTM_GETROUTE, RTM_NEWLINK, RTM_NEWROUTE } from '../../../src/net/rtnetlink/constants.ts'
import { NETLINK_ROUTE, NLM_F_CREATE, NLM_F_EXCL } from '../../../src/net/netlink/constants.ts'
import type { MessageWriter } from '../../../src/net/netlink/message-writer.ts'
import { isRefusal } from '../../../src/net/netlink/netlink-error.ts'
import { SyncNetlink } from '../../../src/net/netlink/sync-netlink.ts'
import { IFLA_OPERSTATE } from '../../../src/net/rtnetlink/link-constants.ts'
import { openRtnl, type Rtnl } from '../../../src/net/rtnetlink/rtnl.ts'
import { inNetns } from '../../../src/net/netns/in-netns.ts'
import type { Clock } from '../../../src/ops/clock.ts'
import { CniError } from '../cni-error.ts'
import type { CniIp, CniRoute } from '../result/result.ts'
import { ensureSettings, requireIpv6 } from './host-settings.ts'
import { planPodRoutes } from './plan-pod-routes.ts'

export type PodSpec = Readonly<{
  netnsFd: number
  ifname: string
  ips: readonly CniIp[]
  routes: readonly CniRoute[]
  duplicateAddressDetection: boolean
  /** Left down, without addresses. */
  linkDown: boolean
}>

type Options = Readonly<{ clock: Clock; signal: AbortSignal }>

/** How long duplicate address detection may take: that of the upstream plugins. */
const TENTATIVE_LIMIT_MS = 5000
const TENTATIVE_POLL_MS = 20

/** Gives the pod's end settings, addresses and routes and brings it up; answers it. */
export async function configurePod(spec: PodSpec, options: Options): Promise<Link> {
  using netlink = enter(spec)
  const link = getLink(netlink, spec.ifname)
  if (spec.linkDown) return link
  carryOut(netlink, [
    // With addresses in place before the link is up, nothing is announced by halves.
    ...spec.ips.map(({ address }) => newAddressMessage({
      ...address, linkIndex: link.index, ...(address.prefixLength < 31 && { broadcast: 'network' as const }),
      // accept_dad=0 alone leaves an address tentative until a work item of the kernel has run, and unannounced meanwhile.
      noDad: address.address.family === 6 && !spec.duplicateAddressDetection,
    })),
    linkChangeMessage({ type: RTM_NEWLINK, flags: 0, operation: `RTM_NEWLINK ${spec.ifname} up` }, link.index, { up: true }),
  ])
  if (spec.duplicateAddressDetection) {
    await using pod = openRtnl({ netns: spec.netnsFd })
    await waitUntilUsable(pod, link.index, options)
  }
  const routes = planPodRoutes({ routes: spec.routes, ips: spec.ips, linkIndex: link.index })
    .map(route => routeMessage({ type: RTM_NEWROUTE, flags: NLM_F_CREATE | NLM_F_EXCL, operation: `RTM_NEWROUTE ${describeRoute(route)}` }, route))
  // A route that stands already, another interface's, stays.
  if (routes.length > 0) carryOut(netlink, routes, 'EEXIST')
  return link
}

/**
 * Lets the kernel announce the pod's addresses (gratuitous ARP, unsolicited NA) once the bridge forwards: what it sent when
 * the link came up was lost at the port. Setting the MAC that the link has already makes it announce again (dev_set_mac_address
 * notifies NETDEV_CHANGEADDR in any case), so that neighbours of a former owner of the address learn the new MAC at once.
 */
export async function announcePod(pod: Readonly<{ netnsFd: number; link: Link; ips: readonly CniIp[] }>, options: Options): Promise<void> {
  const { index, mac, name } = pod.link
  if (mac === undefined) return
  using netlink = inNetns(pod.netnsFd, () => new SyncNetlink(NETLINK_ROUTE))
  // Until the kernel has noticed the carrier of this end too (linkwatch_do_dev), all that the pod sends is dropped.
  const deadline = options.clock.monotonicMs() + OPERATIONAL_LIMIT_MS
  const isReady = (): boolean => getLink(netlink, name).attributes.u8(IFLA_OPERSTATE) === IF_OPER_UP && pod.ips.every(({ address }) => isAnswered(netlink, address.address))
  while (!isReady() && options.clock.monotonicMs() < deadline) await options.clock.sleep(OPERATIONAL_POLL_MS, options)
  carryOut(netlink, [linkChangeMessage({ type: RTM_NEWLINK, flags: 0, operation: `RTM_NEWLINK ${name} announce` }, index, { mac })])
}

/**
 * Whether the pod takes packets to this address for its own. For IPv6 the route that says so is a work item of the kernel
 * (addrconf_dad_work), duplicate detection or not; until it has run, what comes is dropped without a word.
 */
function isAnswered(netlink: SyncNetlink, address: Address): boolean {
  if (address.family === 4) return true
  try {
    const message = routeLookupMessage({ type: RTM_GETROUTE, flags: 0, operation: `RTM_GETROUTE ${formatAddress(address)}` }, address, {})
    return readRoute(netlink.request(message)[0]!.payload)?.type === 'local'
  } catch (error) {
    if (isRefusal(error, 'ENETUNREACH', 'EHOSTUNREACH')) return false
    throw error
  }
}

const OPERATIONAL_LIMIT_MS = 2500
const OPERATIONAL_POLL_MS = 1
/** linux/if.h */
const IF_OPER_UP = 6

function carryOut(netlink: SyncNetlink, messages: readonly MessageWriter[], ...tolerated: readonly string[]): void {
  const failed = netlink.transact(messages).find(({ error }) => error !== undefined && !isRefusal(error, ...tolerated))
  if (failed?.error !== undefined) throw failed.error
}

function getLink(netlink: SyncNetlink, name: string): Link {
  try {
    return readLink(netlink.request(linkMessage({ type: RTM_GETLINK, flags: 0, operation: `RTM_GETLINK ${name}` }, name))[0]!.payload)
  } catch (cause) {
    if (!isRefusal(cause, 'ENODEV')) throw cause
    throw new CniError('CNI_TRY_AGAIN_LATER', `interface ${name} vanished from the pod's namespace while it was being wired`, undefined, { cause })
  }
}

/** Synchronous from the first line to the last: the thread is in the pod's namespace meanwhile. */
function enter(spec: PodSpec): SyncNetlink {
  return inNetns(spec.netnsFd, () => {
    const conf = (family: 4 | 6, key: string): string => `net/ipv${family}/conf/${spec.ifname}/${key}`
    if (spec.ips.length > 0) ensureSettings({
      [conf(4, 'arp_notify')]: '1',
      [conf(6, 'accept_dad')]: spec.duplicateAddressDetection ? '1' : '0',
      ...(spec.duplicateAddressDetection && { [conf(6, 'enhanced_dad')]: '1' }),
    })
    if (spec.ips.some(({ address }) => address.address.family === 6)) {
      requireIpv6('lo')
      requireIpv6(spec.ifname)
      ensureSettings({ [conf(6, 'keep_addr_on_down')]: '1', [conf(6, 'ndisc_notify')]: '1' })
    }
    return new SyncNetlink(NETLINK_ROUTE)
  })
}

async function waitUntilUsable(pod: Rtnl, linkIndex: number, options: Options): Promise<void> {
  const deadline = options.clock.monotonicMs() + TENTATIVE_LIMIT_MS
  for (;;) {
    const addresses = await pod.addresses.list({ signal: options.signal, linkIndex, family: 6 })
    const duplicate = addresses.find(address => address.duplicate)
    if (duplicate !== undefined) throw new CniError('CNI_ADDRESS_UNAVAILABLE', `another host on the link uses ${formatInterfaceAddress(duplicate)}: duplicate address detection failed`)
    if (!addresses.some(address => address.tentative)) return
    if (options.clock.monotonicMs() > deadline) throw new CniError('CNI_TRY_AGAIN_LATER', `IPv6 addresses are still tentative after ${TENTATIVE_LIMIT_MS} ms`)
    await options.clock.sleep(TENTATIVE_POLL_MS, { signal: options.signal })
  }
}

