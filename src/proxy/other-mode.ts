// Moving over: once this mode's rules are in force, what another mode or another program (kube-proxy) left is removed.
// Connections go on, because their translation is in conntrack, not in rules.

import { isRefusal } from '../net/netlink/netlink-error.ts'
import { Nftables } from '../net/nfnetlink/nftables.ts'
import type { Family } from '../net/ip/address.ts'
import type { Logger } from '../ops/log.ts'
import { cleanupIptables } from './iptables-backend/cleanup.ts'
import { TABLE } from './nftables/sets.ts'
import type { ProxyMode } from './config/proxy-config.ts'
import type { FamilyProxier } from './sync/family-proxier.ts'

/** kube-proxy's own table in its nftables mode. */
const KUBE_PROXY_TABLE = 'kube-proxy'

/** Every table that a service proxy makes. */
export const PROXY_TABLES: readonly string[] = [KUBE_PROXY_TABLE, TABLE]

type Call = Readonly<{ log: Logger; signal: AbortSignal }>

/** Waits for the first sync, then cleans. A failure is logged and left for the next start: our own rules are in force. */
export async function removeOtherMode(proxier: Pick<FamilyProxier, 'synced' | 'family'>, mode: ProxyMode, { log, signal }: Call): Promise<void> {
  const aborted = Promise.withResolvers<'aborted'>()
  signal.addEventListener('abort', () => aborted.resolve('aborted'), { once: true })
  if ((await Promise.race([proxier.synced, aborted.promise])) === 'aborted') return
  try {
    const tables = await removeTables(proxier.family, mode === 'nftables' ? [KUBE_PROXY_TABLE] : PROXY_TABLES, { signal })
    if (tables.length > 0) log.info({ family: proxier.family, tables }, 'tables of another mode were removed')
    if (mode === 'nftables') await cleanupIptables({ family: proxier.family, signal })
  } catch (err) {
    if (!signal.aborted) log.warn({ err, family: proxier.family }, 'rules of another mode could not be removed')
  }
}

/** Deletes nf_tables tables of one family; answers those that were there. */
export async function removeTables(family: Family, tables: readonly string[], call: Readonly<{ signal: AbortSignal }>): Promise<readonly string[]> {
  using nft = Nftables.open()
  const removed: string[] = []
  for (const table of tables) {
    try {
      await nft.commit([{ kind: 'delete-table', table: { family: family === 4 ? 'ip' : 'ip6', table } }], call)
      removed.push(table)
    } catch (error) {
      if (!isRefusal(error, 'ENOENT')) throw error
    }
  }
  return removed
}
