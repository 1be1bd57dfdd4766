// The ways of carrying pod packets, written out: what each publishes, plans and leaves to pods.

import type { Family } from '../../net/ip/address.ts'
import type { Mac } from '../../net/ip/mac.ts'
import type { Prefix } from '../../net/ip/prefix.ts'
import { vxlanLinkName, type BackendConfig } from '../config/backend-config.ts'
import type { Lease } from '../leases/lease.ts'
import { mapFamilies, type PerFamily } from '../leases/per-family.ts'
import type { Underlay } from '../underlay/underlay.ts'
import { EMPTY_PLAN, type BackendPlan } from './backend.ts'
import { planHostGw } from './host-gw/plan.ts'
import { IPIP_LINK, ipipMtu, planIpip } from './ipip/plan.ts'
import { planUdp, udpMtu } from './udp/plan.ts'
import { wireguardData } from './wireguard/data.ts'
import { planWireguard, WIREGUARD_LINKS, wireguardMtu, type WireguardIdentity } from './wireguard/plan.ts'
import { planVxlan, vxlanMtu, vxlanOverheadBytes } from './vxlan/plan.ts'
import { vtepData } from './vxlan/vtep.ts'

/** What this host's devices must show because peers were told so. */
export type Identity = Readonly<{
  macs: PerFamily<Mac>
  /** Of the wireguard backend only. */
  wireguard?: WireguardIdentity
  /** What an extension's first command said. */
  extensionData?: string
}>

export type HostPlanInput = Readonly<{
  networks: PerFamily<Prefix>
  subnets: PerFamily<Prefix>
  peers: readonly Lease[]
  underlay: Underlay
  identity: Identity
  /** The link that the backend's carrier holds. */
  carrierLink: string | undefined
}>

/** Pure: the kernel state that carries pod packets to all `peers`. */
export function planBackend(config: BackendConfig, input: HostPlanInput): BackendPlan {
  switch (config.kind) {
    case 'vxlan': return planVxlan({ ...input, config, identity: input.identity.macs })
    case 'host-gw': return planHostGw({ ...input, config, identity: undefined })
    case 'udp': return planUdp({ ...input, config, identity: input.carrierLink })
    case 'ipip': return planIpip({ ...input, config, identity: undefined })
    case 'wireguard': return input.identity.wireguard === undefined ? EMPTY_PLAN : planWireguard({ ...input, config, identity: input.identity.wireguard })
    case 'extension':
    case 'alloc': return EMPTY_PLAN
    default: return config satisfies never
  }
}

/** BackendData to publish, by family. */
export function publishedData(config: BackendConfig, { identity, families }: Readonly<{ identity: Identity; families: readonly Family[] }>): PerFamily<unknown> {
  switch (config.kind) {
    case 'vxlan': return mapFamilies(identity.macs, mac => vtepData(config.vni, mac))
    case 'wireguard': return identity.wireguard === undefined ? {} : wireguardData(config, { publicKey: identity.wireguard.publicKey, families })
    case 'extension': return identity.extensionData === undefined ? {} : { 4: identity.extensionData }
    default: return {}
  }
}

/** BackendType to publish: flannel's udp and alloc publish none. */
export const publishedType = (config: BackendConfig): string => (config.kind === 'udp' || config.kind === 'alloc' ? '' : config.kind)

/** Links that are this configuration's, whether desired now or left from before a family was turned off. */
export function ownLinkNames(config: BackendConfig): readonly string[] {
  switch (config.kind) {
    case 'vxlan': return [vxlanLinkName(4, config.vni), vxlanLinkName(6, config.vni)]
    case 'wireguard': return WIREGUARD_LINKS
    case 'ipip': return [IPIP_LINK]
    default: return []
  }
}

/** The MTU that pods get: the smallest that the devices in use carry, or with `compat` the number flannel writes. */
export function podMtu(config: BackendConfig, underlay: Pick<Underlay, 'mtu'>, options: Readonly<{ families: readonly Family[]; compat: boolean }>): number {
  switch (config.kind) {
    case 'vxlan':
      return options.compat ? (config.mtu ?? underlay.mtu) - vxlanOverheadBytes(4) : Math.min(...options.families.map(family => vxlanMtu(config, underlay, family)))
    case 'udp': return udpMtu(underlay.mtu)
    case 'ipip': return ipipMtu(underlay.mtu)
    case 'wireguard': return wireguardMtu(config, underlay)
    default: return underlay.mtu
  }
}
