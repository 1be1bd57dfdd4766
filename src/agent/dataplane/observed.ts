// What the kernel holds, as the planner reads it.

import type { Address } from '../../net/ip/address.ts'
import type { Mac } from '../../net/ip/mac.ts'
import type { InterfaceAddress, Prefix } from '../../net/ip/prefix.ts'
import type { Endpoint, WireguardPeerSpec } from '../../net/wireguard/device.ts'
import type { WireguardKey } from '../../net/wireguard/key.ts'

export type ObservedLink = Readonly<{
  ifindex: number
  name: string
  /** IFLA_INFO_KIND, or "" for a link without one. */
  kind: string
  up: boolean
  mtu: number
  mac: Mac | undefined
  loopback: boolean
  /** Of our own links only, where the driver has the switch. */
  txChecksum: boolean | undefined
  vxlan:
    | Readonly<{
        vni: number
        parentIfindex: number
        local: Address | undefined
        port: number
        learning: boolean
        gbp: boolean
        /** True when a flag or group is set that no vxlan link of ours has (proxy, l2miss, l3miss, group, …). */
        foreignOptions: boolean
      }>
    | undefined
  ipip: Readonly<{ local: Address | undefined; remote: Address | undefined }> | undefined
}>

export type ObservedAddress = Readonly<{
  ifindex: number
  value: InterfaceAddress
  scope: 'global' | 'link' | 'host' | 'other'
  deprecated: boolean
  temporary: boolean
  /** Its lifetime does not run out. */
  permanent: boolean
}>

export type ObservedRoute = Readonly<{
  destination: Prefix
  gateway: Address | undefined
  ifindex: number
  /** rtm_protocol: 2 kernel, 3 boot, 4 static, 119 ours. */
  protocol: number
  metric: number
  onlink: boolean
  mtu: number | undefined
  multipath: boolean
  blackhole: boolean
  /** False for multipath, blackhole and other routes that no plan of ours makes. */
  plain: boolean
}>

export type ObservedNeighbour = Readonly<{ ifindex: number; address: Address; mac: Mac | undefined; permanent: boolean }>
export type ObservedFdbEntry = Readonly<{ ifindex: number; mac: Mac; destination: Address | undefined; permanent: boolean }>

export type ObservedWireguardPeer = WireguardPeerSpec & Readonly<{
  /** The endpoint that this process gave it last; undefined when it gave none. */
  assigned: Endpoint | undefined
  /** Since the last handshake; undefined when there was none. */
  handshakeAgeMs: number | undefined
}>
export type ObservedWireguard = Readonly<{ link: string; publicKey: WireguardKey | undefined; listenPort: number; peers: readonly ObservedWireguardPeer[] }>

/** Routes are those of table main; neighbours, FDB entries and WireGuard devices those of our own links. */
export type ObservedState = Readonly<{
  links: readonly ObservedLink[]
  addresses: readonly ObservedAddress[]
  routes: readonly ObservedRoute[]
  neighbours: readonly ObservedNeighbour[]
  fdb: readonly ObservedFdbEntry[]
  wireguard: readonly ObservedWireguard[]
  /** Current values of the settings asked for; a missing name could not be read. */
  sysctls: ReadonlyMap<string, string>
}>
