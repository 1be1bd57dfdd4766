// What every way of carrying pod packets between hosts has in common.

import type { Prefix } from '../../net/ip/prefix.ts'
import type { BackendConfig } from '../config/backend-config.ts'
import type { DesiredFdbEntry, DesiredLink, DesiredNeighbour, DesiredRoute, DesiredSysctl, DesiredWireguard, DesiredWireguardPeer } from '../dataplane/desired.ts'
import type { Lease } from '../leases/lease.ts'
import type { PerFamily } from '../leases/per-family.ts'
import type { Underlay } from '../underlay/underlay.ts'

export type PlanInput<C extends BackendConfig, I> = Readonly<{
  config: C
  /** The pod networks of the families in use. */
  networks: PerFamily<Prefix>
  /** This host's subnets. */
  subnets: PerFamily<Prefix>
  /** Other hosts' leases, settled: none overlaps another or this host's. */
  peers: readonly Lease[]
  underlay: Underlay
  /** What this host published about itself and its devices must show (MACs, keys). */
  identity: I
}>

export type PeerProblem = Readonly<{
  owner: string
  kind: 'other-backend' | 'bad-data' | 'not-on-link' | 'no-public-ip' | 'own-address'
  message: string
}>

export type BackendPlan = Readonly<{
  links: readonly DesiredLink[]
  routes: readonly DesiredRoute[]
  neighbours: readonly DesiredNeighbour[]
  fdb: readonly DesiredFdbEntry[]
  wireguard: readonly DesiredWireguard[]
  wireguardPeers: readonly DesiredWireguardPeer[]
  sysctls: readonly DesiredSysctl[]
  /** Peers that cannot be served, each with its reason; the others are served. */
  problems: readonly PeerProblem[]
}>

export const EMPTY_PLAN: BackendPlan = { links: [], routes: [], neighbours: [], fdb: [], wireguard: [], wireguardPeers: [], sysctls: [], problems: [] }

/** Several plans (per family, per peer) as one. */
export const joinPlans = (plans: readonly BackendPlan[]): BackendPlan => ({
  links: plans.flatMap(plan => plan.links),
  routes: plans.flatMap(plan => plan.routes),
  neighbours: plans.flatMap(plan => plan.neighbours),
  fdb: plans.flatMap(plan => plan.fdb),
  wireguard: plans.flatMap(plan => plan.wireguard),
  wireguardPeers: plans.flatMap(plan => plan.wireguardPeers),
  sysctls: plans.flatMap(plan => plan.sysctls),
  problems: plans.flatMap(plan => plan.problems),
})

/** Splits the leases whose owner runs another backend from those of this one. */
export function ofBackend(peers: readonly Lease[], backendType: string): Readonly<{ peers: readonly Lease[]; problems: readonly PeerProblem[] }> {
  const others = peers.filter(peer => peer.attributes.backendType !== backendType)
  return {
    peers: peers.filter(peer => peer.attributes.backendType === backendType),
    problems: others.map(peer => ({
      owner: peer.owner,
      kind: 'other-backend',
      message: `runs the backend "${peer.attributes.backendType}", this host "${backendType}"`,
    })),
  }
}

/** The MTU for a route to a peer whose pods take less than this host's device carries. */
export const routeMtu = (peer: Lease, linkMtu: number): number | undefined =>
  peer.attributes.podMtu !== undefined && peer.attributes.podMtu < linkMtu ? peer.attributes.podMtu : undefined
