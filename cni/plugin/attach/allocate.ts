// Addresses for a new attachment, recorded before anything happens in the kernel.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AddressStorage, Attachment, HeldAddress } from '../attachment/attachment.ts'
import { CniError } from '../cni-error.ts'
import type { IpamConfig } from '../config/ipam-config.ts'
import type { CniHost } from '../host/cni-host.ts'
import { releaseInFolder, reserveInFolder } from '../ipam/host-local-folder.ts'
import { planAllocation, type Allocation } from '../ipam/plan-allocation.ts'
import { wholeSubnet, type RangeSet } from '../ipam/ranges.ts'
import { parseResolvConf } from '../ipam/resolv-conf.ts'
import type { CniDns, CniIp } from '../result/result.ts'

/** Own pool of the addresses that the lease supplies; other pools are named after their network. */
export const LEASE_POOL = '#lease'

/** Addresses of records that were rebuilt from their links: whose pool they came from is no longer known, so nobody gets them. */
export const REBUILT_POOL = '#rebuilt'

/** The sets to draw from: the configuration's, else the lease's subnets. Throws 11 while there is no lease. */
export function rangeSetsOf(host: CniHost, ipam: IpamConfig): readonly RangeSet[] {
  if (ipam.sets.length > 0) return ipam.sets
  const lease = host.lease()
  if (lease === undefined) throw new CniError('CNI_TRY_AGAIN_LATER', 'this host has no pod subnet yet; the weft agent is still obtaining its lease')
  return lease.subnets.map(wholeSubnet)
}

export const poolNameOf = (network: string, ipam: IpamConfig): string => (ipam.sets.length > 0 ? network : LEASE_POOL)

/** Reserves and records; answers the record with its addresses in it. Whoever fails later must release it. */
export async function allocate(
  host: CniHost,
  options: Readonly<{ network: string; ipam: IpamConfig; draft: Attachment; signal: AbortSignal }>,
): Promise<Attachment> {
  const { ipam, draft } = options
  const sets = rangeSetsOf(host, ipam)
  if (ipam.storage.kind === 'own') {
    const pool = poolNameOf(options.network, ipam)
    const claims = host.store.pool(pool)
    const plan = planAllocation({ sets, requested: ipam.requested, lastReserved: set => claims.lastReserved(set), isTaken: address => claims.isTaken(address) || host.store.pool(REBUILT_POOL).isTaken(address) })
    // Between the plan and its record no other request runs: `put` takes the addresses before it waits for the disk.
    const record: Attachment = { ...draft, storage: { kind: 'own', pool }, addresses: plan.map(held) }
    await host.store.put(record)
    return record
  }
  const folder = join(ipam.storage.dataDir, options.network)
  const storage: AddressStorage = { kind: 'host-local', folder }
  await host.store.put({ ...draft, storage }) // names the folder in which a crash may leave files
  let plan: readonly Allocation[]
  try {
    plan = await reserveInFolder(folder, { owner: draft, sets, requested: ipam.requested }, { clock: host.clock, signal: options.signal })
  } catch (error) {
    // All or nothing: what stands there for this owner is somebody else's work, and stays.
    await host.store.remove({ ...draft, storage })
    throw error
  }
  const record: Attachment = { ...draft, storage, addresses: plan.map(held) }
  try {
    await host.store.put(record)
    return record
  } catch (error) {
    await releaseInFolder(folder, draft, { clock: host.clock, signal: AbortSignal.timeout(RELEASE_LIMIT_MS) })
    await host.store.remove({ ...draft, storage })
    throw error
  }
}

/** For the lock of a reservation folder, when the request's own time may be over. */
export const RELEASE_LIMIT_MS = 10_000

const held = ({ set, address, range }: Allocation): HeldAddress => ({ set, address, prefixLength: range.subnet.length, gateway: range.gateway })

export const ipsOf = (addresses: readonly HeldAddress[], interfaceIndex: number | undefined): readonly CniIp[] =>
  addresses.map(({ address, prefixLength, gateway }) => ({
    address: { address, prefixLength },
    ...(gateway !== undefined && { gateway }),
    ...(interfaceIndex !== undefined && { interface: interfaceIndex }),
  }))

/** What the configured resolver file says; throws 7 when there is no such file. */
export function dnsOf(ipam: IpamConfig): CniDns {
  if (ipam.resolvConf === undefined) return {}
  try {
    return parseResolvConf(readFileSync(ipam.resolvConf, 'utf8'))
  } catch (cause) {
    throw new CniError('CNI_INVALID_NETWORK_CONFIG', `ipam.resolvConf: ${JSON.stringify(ipam.resolvConf)} cannot be read: ${(cause as NodeJS.ErrnoException).code}`, undefined, { cause })
  }
}
