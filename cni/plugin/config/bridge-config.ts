// The configuration of an interface on a bridge: the bridge plugin's keys, with the agent's lease behind them.

import { parseMac, type Mac } from '../../../src/net/ip/mac.ts'
import { CniError } from '../cni-error.ts'
import { checkInterfaceName, type CniRequest } from '../request/parse-request.ts'
import { readDns } from '../result/read-result.ts'
import type { CniDns } from '../result/result.ts'
import { readIpamConfig, type IpamConfig } from './ipam-config.ts'
import { readPortVlans, type PortVlans } from './port-vlans.ts'

export type BridgeConfig = Readonly<{
  bridge: string
  isGateway: boolean
  isDefaultGateway: boolean
  forceAddress: boolean
  ipMasq: boolean
  /** Undefined: the lease's, else the kernel's default. */
  mtu: number | undefined
  hairpinMode: boolean
  promiscMode: boolean
  duplicateAddressDetection: boolean
  /** The pod's end stays down. */
  linkDown: boolean
  portIsolation: boolean
  /** Undefined: the bridge need not tell VLANs apart. */
  vlans: PortVlans | undefined
  /** What the pod sends passes only with the MAC that it was given. */
  macSpoofCheck: boolean
  /** Replaces what IPAM says, as a whole, when any field is set. */
  dns: CniDns
  mac: Mac | undefined
  /** Undefined: layer 2 only. */
  ipam: IpamConfig | undefined
}>

/**
 * Reads the keys. A configuration of type "weft-cni" gets the pod network's defaults (gateway, default route, hairpin,
 * addresses from the lease); one of type "bridge" gets the bridge plugin's.
 */
export function readBridgeConfig(request: CniRequest, kind: 'weft' | 'bridge'): BridgeConfig {
  const { config } = request
  checkMasqueradeBackend(request)
  const weft = kind === 'weft'
  const isDefaultGateway = config.boolean('isDefaultGateway') ?? weft
  const bridge = config.string('bridge') || 'cni0'
  checkInterfaceName(bridge)
  const layer2 = !weft && !config.object('ipam')?.string('type')
  const read: BridgeConfig = {
    bridge,
    isGateway: (config.boolean('isGateway') ?? weft) || isDefaultGateway,
    isDefaultGateway,
    forceAddress: config.boolean('forceAddress') ?? false,
    ipMasq: config.boolean('ipMasq') ?? false,
    mtu: readMtu(config.integer('mtu')),
    hairpinMode: config.boolean('hairpinMode') ?? (weft && config.boolean('promiscMode') !== true),
    promiscMode: config.boolean('promiscMode') ?? false,
    duplicateAddressDetection: config.boolean('enabledad') ?? false,
    linkDown: config.boolean('disableContainerInterface') ?? false,
    portIsolation: config.boolean('portIsolation') ?? false,
    vlans: readPortVlans(config, bridge),
    macSpoofCheck: config.boolean('macspoofchk') ?? false,
    dns: readDns(config.object('dns')),
    mac: readMac(request),
    ipam: layer2 ? undefined : readIpamConfig(request),
  }
  if (read.hairpinMode && read.promiscMode) throw invalid('hairpinMode and promiscMode exclude each other')
  if (read.linkDown && read.ipam !== undefined) throw invalid('disableContainerInterface and ipam exclude each other')
  return read
}

/** runtimeConfig.mac before args.cni.mac before CNI_ARGS. */
function readMac(request: CniRequest): Mac | undefined {
  const sources = [
    { field: 'runtimeConfig.mac', text: request.config.object('runtimeConfig')?.string('mac') },
    { field: 'args.cni.mac', text: request.config.object('args')?.object('cni')?.string('mac') },
    { field: 'CNI_ARGS: MAC', text: request.args.mac },
  ]
  const given = sources.find(source => source.text)
  return given === undefined ? undefined : parseMac(given.text!, given.field)
}

function readMtu(value: number | undefined): number | undefined {
  if (value === undefined || value === 0) return undefined
  // ETH_MIN_MTU and ETH_MAX_MTU (include/uapi/linux/if_ether.h), which veth takes.
  if (value < 68 || value > 65_535) throw invalid(`mtu: ${value} is not between 68 and 65535`)
  return value
}

/** Either is served by the table of our own; the key is still checked. */
function checkMasqueradeBackend({ config }: CniRequest): void {
  const backend = config.string('ipMasqBackend') || undefined
  if (backend !== undefined && backend !== 'iptables' && backend !== 'nftables') {
    throw invalid(`ipMasqBackend: ${JSON.stringify(backend)} is neither "iptables" nor "nftables"`)
  }
}

const invalid = (message: string): CniError => new CniError('CNI_INVALID_NETWORK_CONFIG', message)
