// From all leases a store holds to the peers this host may program: pure, so that every host that sees
// the same leases settles the same conflicts the same way, whatever the order of events.

import type { Family } from '../../net/ip/address.ts'
import { containsPrefix, type Prefix } from '../../net/ip/prefix.ts'
import { ClaimedPrefixes } from './claimed-prefixes.ts'
import { formatSubnets, sharesPublicIp, subnetsOverlap, type Lease } from './lease.ts'
import { entriesOf, type PerFamily } from './per-family.ts'

export type Conflict = Readonly<{
  kind: 'duplicate-public-ip' | 'overlapping-subnet' | 'outside-network' | 'self-overlap'
  owner: string
  /** The other party; undefined when the lease is wrong by itself. */
  other: string | undefined
  message: string
}>

export type Settlement = Readonly<{
  /** Leases of other hosts that may be programmed, oldest first. */
  peers: readonly Lease[]
  conflicts: readonly Conflict[]
}>

/**
 * Keeps the older of two leases that overlap, drops leases outside the network, and never lets a
 * peer take this host's own subnet or address.
 */
export function settleLeases(input: Readonly<{ leases: readonly Lease[]; own: Lease | undefined; networks: PerFamily<Prefix> }>): Settlement {
  const peers: Lease[] = []
  const claimed = { 4: new ClaimedPrefixes<Lease>(), 6: new ClaimedPrefixes<Lease>() }
  const conflicts: Conflict[] = []
  const { own } = input
  const byAge = input.leases.filter(lease => lease.owner !== own?.owner).sort((a, b) => a.age - b.age || (a.owner < b.owner ? -1 : 1))
  for (const lease of byAge) {
    const conflict = conflictOf(lease, claimed, input)
    if (conflict !== undefined) {
      conflicts.push(conflict)
      continue
    }
    peers.push(lease)
    for (const [family, subnet] of entriesOf(lease.subnets)) claimed[family].add(subnet, lease)
  }
  return { peers, conflicts }
}

function conflictOf(
  lease: Lease,
  claimed: Readonly<Record<Family, ClaimedPrefixes<Lease>>>,
  { own, networks }: Readonly<{ own: Lease | undefined; networks: PerFamily<Prefix> }>,
): Conflict | undefined {
  const subnets = (): string => formatSubnets(lease.subnets)
  const outside = entriesOf(lease.subnets).find(([family, subnet]) => networks[family] === undefined || !containsPrefix(networks[family], subnet))
  if (outside !== undefined && networks[outside[0]] !== undefined) {
    return { kind: 'outside-network', owner: lease.owner, other: undefined, message: `${lease.owner} holds ${subnets()}, outside the network` }
  }
  if (own !== undefined && subnetsOverlap(lease.subnets, own.subnets)) {
    return { kind: 'self-overlap', owner: lease.owner, other: own.owner, message: `${lease.owner} holds ${subnets()}, which overlaps this host's own subnet` }
  }
  if (own !== undefined && sharesPublicIp(lease.attributes, own.attributes)) {
    return { kind: 'duplicate-public-ip', owner: lease.owner, other: own.owner, message: `${lease.owner} publishes this host's own public IP; start one of them with --iface or --public-ip` }
  }
  const rival = entriesOf(lease.subnets).map(([family, subnet]) => claimed[family].ownerOverlapping(subnet)).find(owner => owner !== undefined)
  if (rival !== undefined) {
    return { kind: 'overlapping-subnet', owner: lease.owner, other: rival.owner, message: `${lease.owner} holds ${subnets()}, which overlaps the older ${formatSubnets(rival.subnets)} of ${rival.owner}` }
  }
  return undefined
}
