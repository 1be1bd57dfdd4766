// The pair of links between host and pod.

import { NLM_F_CREATE, NLM_F_EXCL } from '../../../src/net/netlink/constants.ts'
import { RTM_NEWLINK } from '../../../src/net/rtnetlink/constants.ts'
import { addVlansMessage, removeVlansMessage, VLAN_IDS } from '../../../src/net/rtnetlink/bridge-vlans.ts'
import { bridgePortMessage, linkChangeMessage, newLinkMessage } from '../../../src/net/rtnetlink/link-codec.ts'
import type { MessageWriter } from '../../../src/net/netlink/message-writer.ts'
import { isRefusal } from '../../../src/net/netlink/netlink-error.ts'
import type { Mac } from '../../../src/net/ip/mac.ts'
import type { Link } from '../../../src/net/rtnetlink/link.ts'
import { CniError } from '../cni-error.ts'
import { portVlansToSet, type PortVlans } from '../config/port-vlans.ts'
import { ensureSettings } from './host-settings.ts'
import type { HostNetwork } from './host-network.ts'

export type PairSpec = Readonly<{
  hostName: string
  hostMac: Mac
  podName: string
  podMac: Mac
  podNetnsFd: number
  mtu: number | undefined
  bridgeIndex: number
  alias: string
  hairpin: boolean
  isolated: boolean
  /** Undefined: those that the kernel gives every new port. */
  vlans: PortVlans | undefined
}>

/** Makes both ends, the host's on the bridge and up. Throws 113 when the pod has an interface of that name already. */
export async function addPair(host: HostNetwork, spec: PairSpec, options: Readonly<{ signal: AbortSignal }>): Promise<void> {
  const mtu = spec.mtu === undefined ? {} : { mtu: spec.mtu }
  const make = newLinkMessage({ type: RTM_NEWLINK, flags: NLM_F_CREATE | NLM_F_EXCL, operation: `RTM_NEWLINK ${spec.hostName} (veth)` }, {
    name: spec.hostName, mac: spec.hostMac, ...mtu, masterIndex: spec.bridgeIndex,
    info: { kind: 'veth', peer: { name: spec.podName, mac: spec.podMac, netnsFd: spec.podNetnsFd, ...mtu } },
  })
  try {
    host.quick.request(make)
  } catch (error) {
    if (!isRefusal(error, 'EEXIST')) throw error
    // A link of our name without a living record is what a killed agent left: its name belongs to this attachment alone.
    if ((await host.rtnl.links.remove(spec.hostName, options)) === 'absent') throw interfaceExists(spec.podName, error)
    try {
      host.quick.request(make)
    } catch (again) {
      throw isRefusal(again, 'EEXIST') ? interfaceExists(spec.podName, again) : again
    }
  }
  // A bridge's port needs no IPv6 of its own. Left on, each port adds a link-local address, its groups and their routes, and
  // the kernel walks the routes of all ports whenever one comes up (rt6_sync_up in net/ipv6/route.c).
  ensureSettings({ [`net/ipv6/conf/${spec.hostName}/disable_ipv6`]: '1' })
  const operation = `RTM_NEWLINK ${spec.hostName} (up)`
  const failed = host.quick.transact([
    ...portVlanMessages(host, spec),
    linkChangeMessage({ type: RTM_NEWLINK, flags: 0, operation }, spec.hostName, { up: true, alias: spec.alias }),
    bridgePortMessage({ type: RTM_NEWLINK, flags: 0, operation: `${operation}: bridge port` }, spec.hostName, { hairpin: spec.hairpin, isolated: spec.isolated }),
  ]).find(({ error }) => error !== undefined)
  if (failed?.error !== undefined) throw failed.error
}

/** Before the link is up: no frame passes in a VLAN that is not the pod's. */
function portVlanMessages(host: HostNetwork, spec: PairSpec): readonly MessageWriter[] {
  const vlans = spec.vlans && portVlansToSet(spec.vlans)
  if (vlans === undefined) return []
  const index = host.getLink(spec.hostName)?.index
  if (index === undefined) throw new CniError('CNI_TRY_AGAIN_LATER', `link ${spec.hostName} vanished while it was being put into its VLAN`)
  return [...(spec.vlans!.keepsDefault ? [] : [removeVlansMessage(index, VLAN_IDS)]), addVlansMessage(index, vlans)]
}

const interfaceExists = (name: string, cause: unknown): CniError =>
  new CniError('CNI_INTERFACE_EXISTS', `the pod's namespace has an interface named ${name} already`, undefined, { cause })

/** BR_STATE_FORWARDING (linux/if_bridge.h). */
const FORWARDING = 3

/** True when frames pass: carrier on both ends, and the bridge has noticed. */
export const isForwarding = (link: Link): boolean => link.up && link.carrier && link.port?.state === FORWARDING
