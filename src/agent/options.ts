// What the agent is told to do, after flags and environment are parsed.

import type { Address } from '../net/ip/address.ts'
import type { Prefix } from '../net/ip/prefix.ts'
import type { PerFamily } from './leases/per-family.ts'

export type InterfaceOptions = Readonly<{
  ifaces: readonly string[]
  regexes: readonly string[]
  canReach: Address | undefined
  publicIps: PerFamily<Address>
}>

export type RuleOptions = Readonly<{
  masquerade: boolean
  forward: boolean
  randomFully: boolean
  noMasquerade: readonly Prefix[]
  resyncMs: number
  /** "" for the one instance that keeps flannel's names. */
  instance: string
}>

export type DataplaneOptions = Readonly<{
  /** Set forwarding and bridge settings of the kernel. */
  sysctls: boolean
  allowOverlap: boolean
  /** Write flannel's MTU although IPv6 tunnels carry less. */
  mtuCompat: boolean
  blackholeRoute: boolean
  /** Where the private key of the wireguard backend lies; `own` when the operator did not name it. */
  wireguardKey: Readonly<{ path: string; own: boolean }>
}>

export type CniOptions = Readonly<{ confDir: string; binDir: string; socketPath: string | undefined; stateDir: string; queueDir: string }>

export type AgentOptions = Readonly<{
  underlay: InterfaceOptions
  rules: RuleOptions
  dataplane: DataplaneOptions
  /** 0: the ways to the other hosts are not probed. */
  meshProbeMs: number
  subnetFile: string
  /** Give the lease up when stopped, instead of keeping it for the next start. */
  releaseOnExit: boolean
  /** Undefined: no CNI server. */
  cni: CniOptions | undefined
  /** Undefined: no health server. */
  health: Readonly<{ host: string; port: number }> | undefined
}>
