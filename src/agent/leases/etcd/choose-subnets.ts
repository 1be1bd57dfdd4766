// A free subnet per family, picked at random so that hosts that start together seldom want the same. Pure.

import { addressFromBits, ADDRESS_BITS } from '../../../net/ip/address.ts'
import { overlaps, prefixOf, type Prefix } from '../../../net/ip/prefix.ts'
import type { SubnetPool } from '../../config/network-config.ts'
import { mapFamilies, familiesOf, type PerFamily } from '../per-family.ts'

/** Tries at random before the pool is walked from its start. */
const RANDOM_TRIES = 100
const WALK_LIMIT = 1n << 17n

/** Undefined when a pool is full. `random` answers numbers in [0, 1). */
export function chooseSubnets(pools: PerFamily<SubnetPool>, taken: readonly PerFamily<Prefix>[], random: () => number): PerFamily<Prefix> | undefined {
  const chosen = mapFamilies(pools, (pool, family) => chooseSubnet(pool, taken.flatMap(subnets => subnets[family] ?? []), random))
  return familiesOf(chosen).length === familiesOf(pools).length ? chosen : undefined
}

function chooseSubnet(pool: SubnetPool, taken: readonly Prefix[], random: () => number): Prefix | undefined {
  const { family } = pool.network
  const size = 1n << BigInt(ADDRESS_BITS[family] - pool.subnetLength)
  const count = (pool.last.bits - pool.first.bits) / size + 1n
  const at = (index: bigint): Prefix => prefixOf(addressFromBits(family, pool.first.bits + index * size), pool.subnetLength)
  const free = (subnet: Prefix): boolean => !taken.some(other => overlaps(subnet, other))
  for (let attempt = 0; attempt < RANDOM_TRIES; attempt += 1) {
    // 2^53 places are spread enough even for pools of 2^64 subnets.
    const place = BigInt(Math.floor(random() * Number.MAX_SAFE_INTEGER))
    const subnet = at((place * count) / BigInt(Number.MAX_SAFE_INTEGER))
    if (free(subnet)) return subnet
  }
  // A pool nearly full: the first free place. A pool too large to walk cannot be full of leases either.
  for (let index = 0n; index < count && index < WALK_LIMIT; index += 1n) {
    if (free(at(index))) return at(index)
  }
  return undefined
}
