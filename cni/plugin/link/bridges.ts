// Bridges of this host: made when missing, given their gateway addresses, and remembered while nothing changed about them.

import type { InterfaceAddress } from '../../../src/net/ip/prefix.ts'
import { formatInterfaceAddress } from '../../../src/net/ip/prefix.ts'
import { isRefusal } from '../../../src/net/netlink/netlink-error.ts'
import type { BridgeInfo, Link } from '../../../src/net/rtnetlink/link.ts'
import type { Mac } from '../../../src/net/ip/mac.ts'
import type { Logger } from '../../../src/ops/log.ts'
import { CniError } from '../cni-error.ts'
import { ensureBridgeFilter, ensureForwarding, ensureSettings, requireIpv6 } from './host-settings.ts'
import type { HostNetwork } from './host-network.ts'
import { randomMac } from './mac.ts'
import { planBridgeAddresses } from './plan-bridge-addresses.ts'
import { ensureVlanGateway, type GatewayVlan } from './vlan-gateway.ts'

export type BridgeSpec = Readonly<{
  name: string
  /** Given to a bridge that is made; an existing one keeps its own. */
  mtu: number | undefined
  promiscuous: boolean
  gateways: readonly InterfaceAddress[]
  /** The bridge keeps VLANs apart. */
  filtersVlans: boolean
  /** The gateways stand on a link of the host in this VLAN, instead of on the bridge itself. */
  gatewayVlan: GatewayVlan | undefined
  /** Whether a conflicting address of the bridge may go. */
  mayReplace: (address: InterfaceAddress) => boolean
}>

type Named = Readonly<{ index: number; name: string; mac: Mac | undefined }>
export type Bridge = Named & Readonly<{
  mtu: number
  /** Carries the gateways: the bridge itself, or the host's link in the VLAN. */
  gateway: Named
}>

export class Bridges {
  readonly #host: HostNetwork
  readonly #log: Logger
  /** What was found or made, by name and wish; forgotten as soon as the kernel reports any loss on it. */
  readonly #known = new Map<string, Bridge>()
  /** One at a time per bridge: concurrent attachments want the same one. */
  readonly #turns = new Map<string, Promise<unknown>>()

  constructor(host: HostNetwork, log: Logger) {
    this.#host = host
    this.#log = log
    host.onEvent(event => {
      if (event.kind === 'resync') this.#known.clear()
      else if (event.kind === 'link') this.#forget(event.value.index, event.change === 'removed' || !event.value.up)
      else if (event.kind === 'address') this.#forget(event.value.linkIndex, event.change === 'removed')
    })
  }

  /** Brings the bridge into the wanted shape and answers it. */
  async ensure(spec: BridgeSpec, options: Readonly<{ signal: AbortSignal }>): Promise<Bridge> {
    const known = this.#known.get(keyOf(spec))
    if (known !== undefined) return known
    const former = this.#turns.get(spec.name) ?? Promise.resolve()
    const turn = former.catch(() => undefined).then(async () => this.#known.get(keyOf(spec)) ?? (await this.#make(spec, options)))
    this.#turns.set(spec.name, turn)
    try {
      return await turn
    } finally {
      if (this.#turns.get(spec.name) === turn) this.#turns.delete(spec.name)
    }
  }

  /** Makes the next `ensure` look at the kernel again. */
  forget(name: string): void {
    for (const [key, bridge] of this.#known) if (bridge.name === name) this.#known.delete(key)
  }

  #forget(index: number, lost: boolean): void {
    if (!lost) return
    for (const [key, bridge] of this.#known) if (bridge.index === index || bridge.gateway.index === index) this.#known.delete(key)
  }

  async #make(spec: BridgeSpec, options: Readonly<{ signal: AbortSignal }>): Promise<Bridge> {
    const { links } = this.#host.rtnl
    let link = await links.get(spec.name, options)
    if (link === undefined) {
      await this.#create(spec, options)
      link = await links.get(spec.name, options)
    }
    if (link === undefined) throw new CniError('CNI_TRY_AGAIN_LATER', `bridge ${spec.name} was removed while it was being made`)
    if (link.info.kind !== 'bridge') throw new CniError('CNI_BRIDGE_CONFLICT', `link ${spec.name} exists and is no bridge but ${link.info.kind}`)
    ensureSettings({ [`net/ipv6/conf/${spec.name}/accept_ra`]: '0' })
    if (!link.up || (spec.promiscuous && !link.promiscuous)) {
      await links.change(link.index, { up: true, ...(spec.promiscuous && { promiscuous: true }) }, options)
    }
    if (spec.filtersVlans && !(link.info as BridgeInfo).vlanFiltering) {
      await links.setBridge(link.index, { vlanFiltering: true }, options)
      this.#log.warn({ link: spec.name }, 'bridge told to keep vlans apart, as a pod on it asks for')
    }
    const gateway = spec.gatewayVlan === undefined ? link : await ensureVlanGateway(this.#host, { bridge: link, ...spec.gatewayVlan }, options)
    if (spec.gateways.length > 0) await this.#ensureGateways(gateway, spec, options)
    if (!ensureBridgeFilter()) this.#log.warn({ link: spec.name }, 'load the module br_netfilter: a Service does not answer pods on the same bridge as its endpoint')
    const named = ({ index, name, mac }: Link): Named => ({ index, name, mac })
    const bridge = { ...named(link), mtu: link.mtu, gateway: named(gateway) }
    this.#known.set(keyOf(spec), bridge)
    return bridge
  }

  /** With a MAC of its own, which the bridge keeps however its ports come and go (br_stp_recalculate_bridge_id). */
  async #create(spec: BridgeSpec, options: Readonly<{ signal: AbortSignal }>): Promise<void> {
    try {
      await this.#host.rtnl.links.add({ name: spec.name, mac: randomMac(), ...(spec.mtu !== undefined && { mtu: spec.mtu }), info: { kind: 'bridge', ...(spec.filtersVlans && { vlanFiltering: true }) } }, options)
      this.#log.info({ link: spec.name }, 'bridge made')
    } catch (error) {
      if (spec.filtersVlans && isRefusal(error, 'EOPNOTSUPP')) {
        throw new CniError('CNI_KERNEL_REFUSED', `this kernel cannot keep VLANs apart on bridge ${spec.name}`, 'it was built without CONFIG_BRIDGE_VLAN_FILTERING', { cause: error })
      }
      if (!isRefusal(error, 'EEXIST')) throw error
    }
  }

  async #ensureGateways(link: Link, spec: BridgeSpec, options: Readonly<{ signal: AbortSignal }>): Promise<void> {
    const { addresses, routes } = this.#host.rtnl
    if (spec.gateways.some(({ address }) => address.family === 6)) requireIpv6(link.name)
    const present = await addresses.list({ ...options, linkIndex: link.index })
    const plan = planBridgeAddresses({ bridge: link.name, present, wanted: spec.gateways, mayReplace: spec.mayReplace })
    for (const { address, prefixLength } of plan.remove) {
      await addresses.remove({ address, prefixLength, linkIndex: link.index }, options)
      this.#log.warn({ link: link.name, address: formatInterfaceAddress({ address, prefixLength }) }, 'conflicting bridge address removed')
    }
    for (const each of plan.add) {
      // Without duplicate detection a v6 gateway answers at once; the bridge may have no carrier to detect over anyway.
      await addresses.replace({ ...each, linkIndex: link.index, broadcast: 'network', noDad: each.address.family === 6 }, options)
    }
    const families = [...new Set(spec.gateways.map(({ address }) => address.family))]
    ensureForwarding(families, families.includes(6) ? await this.#linksWithLearnedDefault(routes, options) : [])
  }

  async #linksWithLearnedDefault(routes: HostNetwork['rtnl']['routes'], options: Readonly<{ signal: AbortSignal }>): Promise<readonly string[]> {
    const learned = (await routes.list({ ...options, family: 6, protocol: RTPROT_RA })).filter(route => route.destination.length === 0)
    const names = await Promise.all(learned.map(async route => (route.linkIndex === undefined ? undefined : (await this.#host.rtnl.links.get(route.linkIndex, options))?.name)))
    return names.filter(name => name !== undefined)
  }
}

/** Routes learned from router advertisements (linux/rtnetlink.h). */
const RTPROT_RA = 9

const keyOf = (spec: BridgeSpec): string => [spec.name, spec.promiscuous, spec.filtersVlans, spec.gatewayVlan?.vlan, spec.gatewayVlan?.keepsDefault, ...spec.gateways.map(formatInterfaceAddress)].join(' ')
