// One change to the kernel. Applying a step twice, or finding it done already, is success.

import { formatAddress } from '../../net/ip/address.ts'
import type { InterfaceAddress } from '../../net/ip/prefix.ts'
import { formatInterfaceAddress, formatPrefix } from '../../net/ip/prefix.ts'
import type { WireguardKey } from '../../net/wireguard/key.ts'
import type { DesiredFdbEntry, DesiredLink, DesiredNeighbour, DesiredRoute, DesiredSysctl, DesiredWireguard, DesiredWireguardPeer } from './desired.ts'
import type { ObservedFdbEntry, ObservedNeighbour, ObservedRoute } from './observed.ts'

/** Why: the kernel lacks it, has it with other values, or has what nobody asked for. */
export type StepReason = 'missing' | 'differs' | 'stray'

export type StepAction =
  | Readonly<{ op: 'remove-link'; name: string; ifindex: number }>
  | Readonly<{ op: 'create-link'; link: DesiredLink }>
  | Readonly<{ op: 'configure-link'; link: DesiredLink; set: Readonly<{ mtu?: number; mac?: string; up?: true; txChecksum?: boolean }> }>
  | Readonly<{ op: 'remove-address'; link: string; value: InterfaceAddress }>
  | Readonly<{ op: 'add-address'; link: string; value: InterfaceAddress }>
  | Readonly<{ op: 'set-sysctl'; sysctl: DesiredSysctl }>
  | Readonly<{ op: 'put-neighbour'; neighbour: DesiredNeighbour }>
  | Readonly<{ op: 'remove-neighbour'; neighbour: ObservedNeighbour }>
  | Readonly<{ op: 'put-fdb'; entry: DesiredFdbEntry }>
  | Readonly<{ op: 'remove-fdb'; entry: ObservedFdbEntry }>
  | Readonly<{ op: 'configure-wireguard'; device: DesiredWireguard }>
  /** With `keepEndpoint` the peer stays where it was last heard from. */
  | Readonly<{ op: 'put-wireguard-peer'; entry: DesiredWireguardPeer; keepEndpoint: boolean }>
  | Readonly<{ op: 'remove-wireguard-peer'; link: string; publicKey: WireguardKey }>
  | Readonly<{ op: 'put-route'; route: DesiredRoute }>
  | Readonly<{ op: 'remove-route'; route: ObservedRoute }>

export type Step = Readonly<{
  action: StepAction
  reason: StepReason
  /** Identity of the object over time ("route 10.244.1.0/24"), for repair counting and logs. */
  key: string
  /** Owner of the peer lease concerned, where there is one. */
  peer: string | undefined
}>

export type ObjectKind = 'link' | 'address' | 'sysctl' | 'neighbour' | 'fdb' | 'wireguard' | 'wireguard-peer' | 'route'

export const objectKind = (step: Step): ObjectKind => step.key.slice(0, step.key.indexOf(' ')) as ObjectKind

export const linkKey = (name: string): string => `link ${name}`
export const addressKey = (link: string, value: InterfaceAddress): string => `address ${link} ${formatInterfaceAddress(value)}`
export const sysctlKey = (sysctl: DesiredSysctl): string => `sysctl ${sysctl.name}`
export const neighbourKey = (link: string, neighbour: Pick<DesiredNeighbour, 'address'>): string => `neighbour ${link} ${formatAddress(neighbour.address)}`
export const fdbKey = (link: string, entry: Pick<DesiredFdbEntry, 'mac'>): string => `fdb ${link} ${entry.mac}`
export const wireguardKey = (device: Pick<DesiredWireguard, 'link'>): string => `wireguard ${device.link}`
export const wireguardPeerKey = (link: string, peer: Pick<DesiredWireguardPeer, 'publicKey'>): string => `wireguard-peer ${link} ${peer.publicKey}`
export const routeKey = (route: Pick<DesiredRoute, 'destination'>): string => `route ${formatPrefix(route.destination)}`
