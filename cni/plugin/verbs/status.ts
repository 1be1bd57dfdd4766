// STATUS: can ADD be served?

import { rangeSetsOf, poolNameOf } from '../attach/allocate.ts'
import { CniError } from '../cni-error.ts'
import { readIpamConfig } from '../config/ipam-config.ts'
import type { CniHost } from '../host/cni-host.ts'
import { listFolder } from '../ipam/host-local-folder.ts'
import { formatSet } from '../ipam/plan-allocation.ts'
import { rangeContains } from '../ipam/ranges.ts'
import type { PluginKind } from '../kind/plugin-kind.ts'
import type { CniRequest } from '../request/parse-request.ts'
import { join } from 'node:path'

/** Throws 50 with the reason why ADD cannot be served. */
export async function checkStatus(host: CniHost, request: CniRequest, kind: PluginKind): Promise<void> {
  if (!(await host.store.flush())) throw new CniError('CNI_NOT_READY', 'the attachment store cannot be written: new pods cannot be recorded')
  const usesAddresses = kind === 'weft' || ((kind === 'bridge' || kind === 'ipam') && request.config.object('ipam')?.string('type') !== undefined)
  if (!usesAddresses) return
  const ipam = readIpamConfig(request)
  if (ipam.sets.length === 0 && host.lease() === undefined) throw new CniError('CNI_NOT_READY', 'this host has no pod subnet yet; the weft agent is still obtaining its lease')
  const { storage } = ipam
  const taken = storage.kind === 'own' ? undefined : await listFolder(join(storage.dataDir, request.network), { clock: host.clock, signal: AbortSignal.timeout(FOLDER_LIMIT_MS) })
  for (const set of rangeSetsOf(host, ipam)) {
    const free = taken === undefined
      ? host.store.pool(poolNameOf(request.network, ipam)).freeIn(set)
      : set.reduce((sum, range) => sum + range.end.bits - range.start.bits + 1n - (rangeContains(range, range.gateway) ? 1n : 0n), 0n) -
        BigInt(taken.filter(({ address }) => set.some(range => rangeContains(range, address))).length)
    if (free <= 0n) throw new CniError('CNI_NOT_READY', `no IP addresses available in range set: ${formatSet(set)}`)
  }
}
const FOLDER_LIMIT_MS = 1500
