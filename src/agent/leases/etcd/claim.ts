// Which subnet this host may claim, given everything that is leased: pure, and the one place where ownership is judged.
// A lease of somebody else is never taken over; what counts as "our own" is stated here.

import { sameAddress, type Address } from '../../../net/ip/address.ts'
import { containsAddress, lastAddress, networkAddress, samePrefix, type Prefix } from '../../../net/ip/prefix.ts'
import type { SubnetPool } from '../../config/network-config.ts'
import { sortedJson, subnetsOverlap } from '../lease.ts'
import { entriesOf, familiesOf, type PerFamily } from '../per-family.ts'
import { chooseSubnets } from './choose-subnets.ts'
import type { LeaseValue } from './lease-value.ts'

export type StoredLease = Readonly<{
  name: string
  subnets: PerFamily<Prefix>
  /** Undefined when the value cannot be read: then the subnet is taken by someone unknown. */
  value: LeaseValue | undefined
  modRevision: string
  leaseId: string
}>

export type ClaimInput = Readonly<{
  pools: PerFamily<SubnetPool>
  stored: readonly StoredLease[]
  nodeId: string
  publicIp: Address
  /** Backend data that devices on this host show right now (a vxlan's MAC): proof of having published it. */
  shown: readonly unknown[]
  /** From subnet.env. */
  previous: PerFamily<Prefix>
  /** True when a bridge, address or route on this host still carries the previous subnet. */
  previousInUse: boolean
  takeOver: boolean
  allowRenumber: boolean
  random: () => number
}>

export type Claim =
  /** Ours already: rewrite it. */
  | Readonly<{ kind: 'renew'; lease: StoredLease }>
  /** Free: create it. */
  | Readonly<{ kind: 'create'; subnets: PerFamily<Prefix> }>
  /** Ours, but no longer within the configured network: delete it, then look again. */
  | Readonly<{ kind: 'drop'; lease: StoredLease }>
  | Readonly<{ kind: 'duplicate'; lease: StoredLease }>
  /** The subnet that pods of this host use belongs to another host by now. */
  | Readonly<{ kind: 'stranded'; lease: StoredLease }>
  | Readonly<{ kind: 'full' }>

export function planClaim(input: ClaimInput): Claim {
  const mine = input.stored.find(lease => isWrittenHere(lease, input)) ?? byPublicIp(input)
  if (mine !== undefined) {
    if (!isOurs(mine, input)) return { kind: 'duplicate', lease: mine }
    return fits(mine.subnets, input.pools) ? { kind: 'renew', lease: mine } : { kind: 'drop', lease: mine }
  }
  const { previous } = input
  if (familiesOf(previous).length > 0 && fits(previous, input.pools)) {
    const holder = input.stored.find(lease => subnetsOverlap(lease.subnets, previous))
    if (holder === undefined) return { kind: 'create', subnets: previous }
    if (input.previousInUse && !input.allowRenumber) return { kind: 'stranded', lease: holder }
  }
  const subnets = chooseSubnets(input.pools, input.stored.map(lease => lease.subnets), input.random)
  return subnets === undefined ? { kind: 'full' } : { kind: 'create', subnets }
}

/** The first in order of key, as flannel takes it. */
const byPublicIp = ({ stored, publicIp }: ClaimInput): StoredLease | undefined => stored.find(lease => hasAddress(lease, publicIp))

/**
 * By this machine. Cloned machines share their identity, so another address needs a proof that this is the
 * machine that moved and not its twin.
 */
const isWrittenHere = (lease: StoredLease, input: ClaimInput): boolean =>
  lease.value?.nodeId === input.nodeId && (hasAddress(lease, input.publicIp) || isProven(lease, input))

const hasAddress = (lease: StoredLease, address: Address): boolean =>
  lease.value?.attributes.publicIps[4] !== undefined && sameAddress(lease.value.attributes.publicIps[4], address)

/** subnet.env names the subnet, or a device here shows what the lease publishes. */
function isProven(lease: StoredLease, input: ClaimInput): boolean {
  const published = entriesOf(lease.value?.attributes.backendData ?? {}).map(([, data]) => sortedJson(data))
  return sameSubnetV4(lease.subnets, input.previous) || input.shown.some(data => published.includes(sortedJson(data)))
}

function isOurs(lease: StoredLease, input: ClaimInput): boolean {
  const { value } = lease
  if (value === undefined) return false
  if (value.nodeId !== undefined) return value.nodeId === input.nodeId || input.takeOver
  // Written by flannel, or by an operator who reserved it. A reservation names its host and nothing else.
  if (lease.leaseId === '0' && value.attributes.backendType === '') return true
  return input.takeOver || isProven(lease, input)
}

const sameSubnetV4 = (a: PerFamily<Prefix>, b: PerFamily<Prefix>): boolean => a[4] !== undefined && b[4] !== undefined && samePrefix(a[4], b[4])

/** Exactly the families in use, each with the configured length and within the configured range. */
function fits(subnets: PerFamily<Prefix>, pools: PerFamily<SubnetPool>): boolean {
  if (familiesOf(subnets).join() !== familiesOf(pools).join()) return false
  return entriesOf(subnets).every(([family, subnet]) => {
    const pool = pools[family]!
    return subnet.length === pool.subnetLength && containsAddress(pool.network, lastAddress(subnet)) && networkAddress(subnet).bits >= pool.first.bits && networkAddress(subnet).bits <= pool.last.bits
  })
}
