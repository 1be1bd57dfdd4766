// What the proxy runs with, after flags or the file were read and checked.

import { InputError } from '../../ops/errors.ts'
import type { Address, Family } from '../../net/ip/address.ts'
import type { Prefix } from '../../net/ip/prefix.ts'

export const MODES = ['iptables', 'nftables'] as const
export type ProxyMode = (typeof MODES)[number]

export const DETECT_LOCAL_MODES = ['ClusterCIDR', 'NodeCIDR', 'BridgeInterface', 'InterfaceNamePrefix'] as const
export type DetectLocalMode = (typeof DETECT_LOCAL_MODES)[number]

export type HostPort = Readonly<{ host: string; port: number }>

export type ModeConfig = Readonly<{ masqueradeBit: number; masqueradeAll: boolean; syncPeriodMs: number; minSyncPeriodMs: number }>

export type NodePortSelection = 'all' | 'primary' | readonly Prefix[]

export type ProxyConfig = Readonly<{
  mode: ProxyMode
  /** Overrides the node's address of its family unless unspecified; nothing is bound to it. */
  bindAddress: Address
  bindAddressHardFail: boolean
  /** Undefined: not served. */
  healthz: HostPort | undefined
  metrics: HostPort | undefined
  /** Asked for kube-proxy's profiler, which is refused with a word about Node's. */
  profiling: boolean
  hostnameOverride: string
  kubeconfig: string
  master: string
  clusterCidrs: Readonly<Partial<Record<Family, Prefix>>>
  detectLocalMode: DetectLocalMode
  bridgeInterface: string
  interfaceNamePrefix: string
  nodePortAddresses: NodePortSelection
  iptables: ModeConfig & Readonly<{ localhostNodePorts: boolean }>
  nftables: ModeConfig
  conntrack: Readonly<{
    maxPerCore: number
    min: number
    tcpEstablishedTimeoutMs: number
    tcpCloseWaitTimeoutMs: number
    tcpBeLiberal: boolean
    udpTimeoutMs: number
    udpStreamTimeoutMs: number
  }>
  oomScoreAdj: number
  allowExternalIps: boolean
  verbosity: number
}>

/** Checks what single fields cannot show. Throws InputError. */
export function checkConfig(config: ProxyConfig): ProxyConfig {
  for (const mode of ['iptables', 'nftables'] as const) {
    const { masqueradeBit, syncPeriodMs, minSyncPeriodMs } = config[mode]
    range(`${mode}.masqueradeBit`, masqueradeBit, 0, 31)
    if (!(syncPeriodMs > 0)) throw new InputError(`${mode}.syncPeriod`, syncPeriodMs, 'must be greater than 0')
    if (minSyncPeriodMs < 0 || minSyncPeriodMs > syncPeriodMs) throw new InputError(`${mode}.minSyncPeriod`, minSyncPeriodMs, `must be between 0 and ${mode}.syncPeriod (in milliseconds)`)
  }
  range('oomScoreAdj', config.oomScoreAdj, -1000, 1000)
  for (const [field, value] of Object.entries(config.conntrack)) {
    if (typeof value === 'number' && !(value >= 0)) throw new InputError(`conntrack.${field.replace(/Ms$/, '')}`, value, 'must not be negative')
  }
  if (config.detectLocalMode === 'BridgeInterface') interfaceName('detectLocal.bridgeInterface', config.bridgeInterface)
  if (config.detectLocalMode === 'InterfaceNamePrefix') interfaceName('detectLocal.interfaceNamePrefix', config.interfaceNamePrefix)
  return config
}

function range(field: string, value: number, low: number, high: number): void {
  if (!Number.isInteger(value) || value < low || value > high) throw new InputError(field, value, `must be a whole number between ${low} and ${high}`)
}

/** IFNAMSIZ less the terminator; the name becomes part of a rule. */
function interfaceName(field: string, value: string): void {
  if (!/^[^\s/"'\\!+]{1,15}$/.test(value)) throw new InputError(field, value, 'must name an interface (at most 15 characters, no blanks)')
}
