// What `weft doctor` knows of a host. Gathered once (gather.ts), judged by pure checks (checks/), so that a check is a
// function of this and nothing else. Undefined: it could not be found out, and no check may take that for good or bad.

import type { Address } from '../../net/ip/address.ts'
import type { InterfaceAddress, Prefix } from '../../net/ip/prefix.ts'

/** `missing`: this kernel has neither the module nor the built-in; `unknown`: its modules cannot be listed here. */
export type ModuleState = 'loaded' | 'built in' | 'loadable' | 'missing' | 'unknown'

export type HostLink = Readonly<{ name: string; mtu: number; up: boolean; addresses: readonly InterfaceAddress[] }>
export type HostRoute = Readonly<{ destination: Prefix; link: string | undefined }>
export type Listener = Readonly<{ protocol: 'tcp' | 'udp'; port: number; program: string | undefined }>
/** A chain at a hook that drops what no rule takes. */
export type DroppingChain = Readonly<{ family: string; table: string; chain: string; hook: string }>

export type PeerFacts = Readonly<{
  name: string
  address: string
  machineId: string
  /** Undefined: not tried. */
  reachable: boolean | undefined
  /** Whether a packet as long as the link's MTU gets there in one piece. */
  fullPackets: boolean | undefined
}>

export type ApiFacts = Readonly<{
  url: string
  /** What went wrong; undefined: it answered. */
  problem: string | undefined
  /** Its clock minus ours. */
  skewMs: number | undefined
}>

export type UnitFacts = Readonly<{ name: string; state: string }>

export type HostFacts = Readonly<{
  kernelRelease: string
  isRoot: boolean
  modules: Readonly<Record<string, ModuleState>>
  /** Dotted names with slashes. */
  settings: Readonly<Record<string, string | undefined>>
  /** Name and whether it is found in PATH. */
  programs: Readonly<Record<string, boolean>>
  iptables: Readonly<{ variant: 'nft' | 'legacy'; version: string }> | undefined
  /** Rules of the other variant than the one in PATH, by table. */
  otherVariantTables: readonly string[]
  droppingChains: readonly DroppingChain[] | undefined
  /** Kubernetes network programs of others that run here: "flanneld", "kube-proxy". */
  foreignPrograms: readonly string[]
  /** Files in /etc/cni/net.d, by name. */
  cniFiles: readonly string[]
  links: readonly HostLink[]
  routes: readonly HostRoute[]
  listeners: readonly Listener[]
  clockSynchronised: boolean | undefined
  machineId: string
  hostName: string
  /** The port range from which this host's own connections start. */
  ephemeralPorts: readonly [first: number, last: number] | undefined
  /** Of an installation; undefined before there is one. */
  installed: Readonly<{ role: string; nodeName: string; runtime: string }> | undefined
  units: readonly UnitFacts[]
  /** Health endpoints of the daemons, and what they answered. */
  health: readonly Readonly<{ name: string; problem: string | undefined }>[]
  /** What the host is to be, or is. */
  network: Readonly<{ role: string; nodeIp: Address | undefined; pods: Prefix; services: Prefix; backend: string; proxyMode: string; apiPort: number }>
  api: ApiFacts | undefined
  peers: readonly PeerFacts[]
}>
