// Rings the bell when somebody changes the tables and chains that our rules live in. iptables' nft variant is told of as
// well, since it writes nf_tables; the legacy variant tells nobody, and there the period has to do.

import { once } from 'node:events'
import type { NetlinkSocket } from '../../net/netlink/netlink-socket.ts'
import { watchNftables, type NftablesEvent } from '../../net/nfnetlink/nftables.ts'
import type { Logger } from '../../ops/log.ts'
import type { Doorbell } from '../../ops/wake.ts'

/** Chains of iptables' tables that hold our jumps or our rules. */
const CHAINS = /^(?:POSTROUTING|FORWARD|FLANNEL-.*)$/

/** Every service of a cluster is a change in these tables; only those that can concern our chains are looked at. */
export function concernsRules(event: NftablesEvent): boolean {
  if (event.kind !== 'object') return event.kind === 'overrun'
  const { table, chain } = event
  if (table === undefined) return false
  if (table.startsWith('flannel-')) return true
  if (table !== 'nat' && table !== 'filter') return false
  // A message without a chain is about the table itself, or about sets, which these tables of iptables do not have.
  return chain === undefined || CHAINS.test(chain)
}

/** Returns when `signal` aborts. Without nf_tables in the kernel there is nothing to watch. */
export async function ringOnRuleChange(options: Readonly<{ doorbell: Doorbell; log: Logger; signal: AbortSignal }>): Promise<void> {
  const { doorbell, log, signal } = options
  let socket: NetlinkSocket
  try {
    socket = watchNftables(event => {
      if (concernsRules(event)) doorbell.ring('rules changed')
    })
  } catch (err) {
    log.warn({ err }, 'changes of traffic rules are noticed by the period only')
    return
  }
  try {
    if (!signal.aborted) await once(signal, 'abort')
  } finally {
    socket.close()
  }
}
