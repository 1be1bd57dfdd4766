// The leases in etcd, for an administrator. A subnet may be given as it is written elsewhere: 10.5.52.0/24 for 10.5.52.0-24.

import { formatAddress } from '../../../net/ip/address.ts'
import { formatSubnets } from '../lease.ts'
import { leaseAbsent, type LeaseEntry, type LeaseRegistry } from '../lease-registry.ts'
import { entriesOf } from '../per-family.ts'
import type { EtcdEntry, EtcdRegistry } from './etcd-registry.ts'
import { parseLeaseKey } from './lease-key.ts'
import { parseLeaseValue } from './lease-value.ts'

export class EtcdLeaseRegistry implements LeaseRegistry {
  readonly #registry: EtcdRegistry

  constructor(registry: EtcdRegistry) {
    this.#registry = registry
  }

  async list(call: { signal: AbortSignal }): Promise<readonly LeaseEntry[]> {
    const { entries } = await this.#registry.list(call)
    return Promise.all(entries.map(async entry => ({ ...describe(entry), expires: await this.#expiry(entry, call) })))
  }

  async #expiry({ leaseId }: EtcdEntry, call: { signal: AbortSignal }): Promise<string> {
    if (leaseId === '0') return 'never (reserved)'
    const seconds = await this.#registry.timeToLive(leaseId, call)
    return seconds === undefined ? 'now' : `in ${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`
  }

  async release(name: string, call: { signal: AbortSignal }): Promise<void> {
    const key = name.replaceAll('/', '-')
    const { entries } = await this.#registry.list(call)
    const entry = entries.find(candidate => candidate.name === key)
    // Only what was just read is deleted: a host that renews at this moment keeps its lease.
    if (entry === undefined || !(await this.#registry.remove({ name: entry.name, expected: entry.modRevision }, call))) throw leaseAbsent(name)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#registry[Symbol.asyncDispose]() as Promise<void>
  }
}

function describe(entry: EtcdEntry): Omit<LeaseEntry, 'expires'> {
  const base = { name: entry.name, subnets: entry.name, publicIps: '-', backend: '-', host: '-', problem: undefined }
  try {
    const subnets = parseLeaseKey(entry.name)
    if (subnets === undefined) return { ...base, problem: 'is no subnet' }
    const { attributes, nodeId, hole } = parseLeaseValue(entry.value, entry.name)
    const publicIps = entriesOf(attributes.publicIps).map(([, address]) => formatAddress(address)).join(', ')
    return { ...base, subnets: formatSubnets(subnets), publicIps: hole ? 'nobody' : publicIps, backend: attributes.backendType || '-', host: nodeId ?? '-' }
  } catch (error) {
    return { ...base, problem: (error as Error).message }
  }
}
