// Whom to ask, where and with how much: pure, from the leases in force.

import type { Address, Family } from '../../net/ip/address.ts'
import { networkAddress } from '../../net/ip/prefix.ts'
import { podMtu } from '../backends/index.ts'
import { vxlanMtu } from '../backends/vxlan/plan.ts'
import type { BackendConfig } from '../config/backend-config.ts'
import type { Lease } from '../leases/lease.ts'
import { entriesOf, type PerFamily } from '../leases/per-family.ts'
import type { Underlay } from '../underlay/underlay.ts'

export type ProbeTarget = Readonly<{
  owner: string
  family: Family
  host: Address
  /** The far end's own address inside the pod network; undefined where the backend gives it none. */
  tunnel: Address | undefined
  /** What this host's pods may send to that host's: it must pass. */
  wantedBytes: number
}>

export type TargetsInput = Readonly<{ backend: BackendConfig; peers: readonly Lease[]; subnets: PerFamily<unknown>; underlay: Underlay }>

export function planTargets({ backend, peers, subnets, underlay }: TargetsInput): readonly ProbeTarget[] {
  if (backend.kind === 'extension' || backend.kind === 'alloc') return []
  return peers.flatMap(peer => entriesOf(peer.subnets).flatMap(([family, subnet]): readonly ProbeTarget[] => {
    const host = peer.attributes.publicIps[family]
    if (host === undefined || subnets[family] === undefined) return []
    const ours = backend.kind === 'vxlan' ? vxlanMtu(backend, underlay, family) : podMtu(backend, underlay, { families: [family], compat: false })
    return [{ owner: peer.owner, family, host, tunnel: backend.kind === 'host-gw' ? undefined : networkAddress(subnet), wantedBytes: Math.min(ours, peer.attributes.podMtu ?? ours) }]
  }))
}
