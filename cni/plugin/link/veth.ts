// The pair of links between host and pod.

import { isRefusal } from '../../../src/net/netlink/netlink-error.ts'
import type { Mac } from '../../../src/net/ip/mac.ts'
import type { Link } from '../../../src/net/rtnetlink/link.ts'
import { CniError } from '../cni-error.ts'
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
}>

/** Makes both ends, the host's on the bridge and up. Throws 113 when the pod has an interface of that name already. */
export async function addPair(host: HostNetwork, spec: PairSpec, options: Readonly<{ signal: AbortSignal }>): Promise<void> {
  const { links } = host.rtnl
  const mtu = spec.mtu === undefined ? {} : { mtu: spec.mtu }
  const add = (): Promise<void> =>
    links.add({
      name: spec.hostName, mac: spec.hostMac, ...mtu, masterIndex: spec.bridgeIndex,
      info: { kind: 'veth', peer: { name: spec.podName, mac: spec.podMac, netnsFd: spec.podNetnsFd, ...mtu } },
    }, options)
  try {
    await add()
  } catch (error) {
    if (!isRefusal(error, 'EEXIST')) throw error
    // A link of our name without a living record is what a killed agent left: its name belongs to this attachment alone.
    if ((await links.remove(spec.hostName, options)) === 'absent') throw interfaceExists(spec.podName, error)
    try {
      await add()
    } catch (again) {
      throw isRefusal(again, 'EEXIST') ? interfaceExists(spec.podName, again) : again
    }
  }
  ensureSettings({ [`net/ipv6/conf/${spec.hostName}/accept_ra`]: '0' })
  await links.change(spec.hostName, { up: true, alias: spec.alias, port: { hairpin: spec.hairpin, isolated: spec.isolated } }, options)
}

const interfaceExists = (name: string, cause: unknown): CniError =>
  new CniError('CNI_INTERFACE_EXISTS', `the pod's namespace has an interface named ${name} already`, undefined, { cause })

/** BR_STATE_FORWARDING (linux/if_bridge.h). */
const FORWARDING = 3

/** True when frames pass: carrier on both ends, and the bridge has noticed. */
export const isForwarding = (link: Link): boolean => link.up && link.carrier && link.port?.state === FORWARDING
