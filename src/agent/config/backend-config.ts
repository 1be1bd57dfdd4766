// The Backend object of the network configuration: one closed union, options and defaults as flannel has them.

import type { Family } from '../../net/ip/address.ts'
import { parseWireguardKey, type WireguardKey } from '../../net/wireguard/key.ts'
import { InputError } from '../../ops/errors.ts'
import type { GoObject } from './go-json.ts'

export type VxlanConfig = Readonly<{
  kind: 'vxlan'
  vni: number
  /** UDP port; 0 leaves it to the kernel, whose default is 8472. */
  port: number
  /** MTU of the underlay to assume; undefined takes the interface's. */
  mtu: number | undefined
  gbp: boolean
  learning: boolean
  directRouting: boolean
  /** Transmit checksum offload of the tunnel device. "auto" turns it off behind NAT (flannel #1279). */
  txChecksumOffload: 'auto' | 'on' | 'off'
}>
export type HostGwConfig = Readonly<{ kind: 'host-gw' }>
export type UdpConfig = Readonly<{ kind: 'udp'; port: number }>
export type IpipConfig = Readonly<{ kind: 'ipip'; directRouting: boolean }>
export type ExtensionConfig = Readonly<{
  kind: 'extension'
  /** Argument vectors; an empty one runs nothing. Never handed to a shell. */
  preStartup: readonly string[]
  postStartup: readonly string[]
  subnetAdd: readonly string[]
  subnetRemove: readonly string[]
}>
export type AllocConfig = Readonly<{ kind: 'alloc' }>

/** Which addresses of hosts the tunnels run between: of each family its own, or of one for both families of pods. */
export const WIREGUARD_MODES = ['separate', 'auto', 'ipv4', 'ipv6'] as const
export type WireguardMode = (typeof WIREGUARD_MODES)[number]

export type WireguardConfig = Readonly<{
  kind: 'wireguard'
  listenPort: number
  /** UDP port of the second device, which mode "separate" has for IPv6. */
  listenPortV6: number
  /** MTU of the underlay to assume; undefined takes the interface's. */
  mtu: number | undefined
  /** Every peer's preshared key. */
  psk: WireguardKey | undefined
  keepaliveSeconds: number
  mode: WireguardMode
}>

export type BackendConfig = VxlanConfig | HostGwConfig | UdpConfig | IpipConfig | WireguardConfig | ExtensionConfig | AllocConfig
export type BackendKind = BackendConfig['kind']

const IPV4_ONLY: ReadonlySet<BackendKind> = new Set(['udp', 'ipip', 'alloc'])

/** Parses `Backend`; flannel runs udp when the object is absent, and refuses an object without a Type. */
export function parseBackendConfig(object: GoObject | undefined, options: Readonly<{ families: readonly Family[] }>): BackendConfig {
  const backend = object === undefined ? ({ kind: 'udp', port: 8285 } as const) : parseKind(object)
  if (options.families.includes(6) && IPV4_ONLY.has(backend.kind)) {
    throw new InputError('Backend.Type', backend.kind, 'carries IPv4 only; turn EnableIPv6 off or use vxlan, host-gw or wireguard')
  }
  if (backend.kind === 'vxlan') checkVxlan(backend, options.families)
  if (backend.kind === 'wireguard') checkWireguard(backend, options.families)
  return backend
}

function parseKind(object: GoObject): BackendConfig {
  const type = object.string('Type')
  switch (type?.toLowerCase()) {
    case 'vxlan': return parseVxlan(object)
    case 'host-gw': return { kind: 'host-gw' }
    case 'udp': return { kind: 'udp', port: object.integer('Port', PORT) || 8285 }
    case 'ipip': return { kind: 'ipip', directRouting: object.boolean('DirectRouting', false) }
    case 'extension': return parseExtension(object)
    case 'alloc': return { kind: 'alloc' }
    case 'wireguard': return parseWireguard(object)
    case 'ipsec':
    case 'tencent-vpc':
      throw new InputError('Backend.Type', type, 'is a backend of flannel that Weft does not have; use wireguard where traffic must be encrypted, else vxlan, host-gw, ipip or udp')
    default:
      throw new InputError('Backend.Type', type ?? null, 'is not a backend; use vxlan, host-gw, wireguard, udp, ipip, extension or alloc')
  }
}

const PORT = { min: 0, max: 65_535 } as const

/** 576 is what every IPv4 host takes (RFC 791 section 3.1); 1280 what every IPv6 link carries (RFC 8200 section 5). */
const MTU = { min: 576, max: 65_535 } as const

function parseVxlan(object: GoObject): VxlanConfig {
  const offload = object.string('TxChecksumOffload') ?? 'auto'
  if (offload !== 'auto' && offload !== 'on' && offload !== 'off') {
    throw new InputError(object.field('TxChecksumOffload'), offload, 'is not auto, on or off')
  }
  return {
    kind: 'vxlan',
    vni: object.integer('VNI', { min: 0, max: 0xff_ffff }) ?? 1,
    port: object.integer('Port', PORT) ?? 0,
    mtu: mtuOf(object),
    gbp: object.boolean('GBP', false),
    learning: object.boolean('Learning', false),
    directRouting: object.boolean('DirectRouting', false),
    txChecksumOffload: offload,
  }
}

function parseWireguard(object: GoObject): WireguardConfig {
  const mode = object.string('Mode') ?? 'separate'
  if (!(WIREGUARD_MODES as readonly string[]).includes(mode)) throw new InputError(object.field('Mode'), mode, `is none of ${WIREGUARD_MODES.join(', ')}`)
  const psk = object.string('PSK') ?? ''
  return {
    kind: 'wireguard',
    // Port 0 would be another one after every start, and peers are told 0.
    listenPort: object.integer('ListenPort', PORT) || 51_820,
    listenPortV6: object.integer('ListenPortV6', PORT) || 51_821,
    mtu: mtuOf(object),
    psk: psk === '' ? undefined : parseWireguardKey(psk, object.field('PSK')),
    keepaliveSeconds: object.integer('PersistentKeepaliveInterval', { min: 0, max: 65_535 }) ?? 0,
    mode: mode as WireguardMode,
  }
}

/** Go's zero value: MTU 0 means "take the interface's". */
const mtuOf = (object: GoObject): number | undefined =>
  object.get('MTU') === 0 ? undefined : object.integer('MTU', MTU)

/** IFNAMSIZ less the final zero (linux/if.h). */
const LINK_NAME_BYTES = 15

export const vxlanLinkName = (family: Family, vni: number): string => (family === 4 ? `flannel.${vni}` : `flannel-v6.${vni}`)

function checkVxlan(backend: VxlanConfig, families: readonly Family[]): void {
  const tooLong = families.map(family => vxlanLinkName(family, backend.vni)).find(name => name.length > LINK_NAME_BYTES)
  if (tooLong !== undefined) throw new InputError('Backend.VNI', backend.vni, `makes the device name ${tooLong}, longer than ${LINK_NAME_BYTES} bytes`)
  if (families.includes(6) && backend.mtu !== undefined && backend.mtu < 1350) {
    throw new InputError('Backend.MTU', backend.mtu, 'leaves pods less than the 1280 bytes that IPv6 needs; use 1350 or more')
  }
}

function checkWireguard({ mode, listenPort, listenPortV6, mtu }: WireguardConfig, families: readonly Family[]): void {
  const needed = mode === 'ipv4' ? 4 : mode === 'ipv6' ? 6 : undefined
  if (needed !== undefined && !families.includes(needed)) throw new InputError('Backend.Mode', mode, `needs EnableIPv${needed}: tunnels run between the addresses of that family that hosts publish`)
  if (mode === 'separate' && families.length === 2 && listenPort === listenPortV6) {
    throw new InputError('Backend.ListenPortV6', listenPortV6, 'is also ListenPort; two devices cannot share a port, so choose another one or a Mode with one device')
  }
  if (families.includes(6) && mtu !== undefined && mtu < 1360) {
    throw new InputError('Backend.MTU', mtu, 'leaves pods less than the 1280 bytes that IPv6 needs; use 1360 or more')
  }
}

const parseExtension = (object: GoObject): ExtensionConfig => ({
  kind: 'extension',
  preStartup: commandOf(object, 'PreStartupCommand'),
  postStartup: commandOf(object, 'PostStartupCommand'),
  subnetAdd: commandOf(object, 'SubnetAddCommand'),
  subnetRemove: commandOf(object, 'SubnetRemoveCommand'),
})

/** A string is split on white space, as flannel does since GHSA-vchx-5pr6-ffx2; an array is taken as it is. */
function commandOf(object: GoObject, name: string): readonly string[] {
  const value = object.get(name) ?? ''
  if (typeof value === 'string') return value.split(/\s+/).filter(word => word !== '')
  if (Array.isArray(value) && value.every(word => typeof word === 'string')) return value
  throw new InputError(object.field(name), value, 'is neither a string nor an array of strings')
}
