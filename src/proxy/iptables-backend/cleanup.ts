// Removes everything that the iptables mode (Weft's or kube-proxy's) made, and nothing else.

import { Iptables } from '../../net/iptables/iptables.ts'
import { IptablesMissingError } from '../../net/iptables/iptables-error.ts'
import { sameRule, targetOf } from '../../net/iptables/rule-text.ts'
import type { SavedTable } from '../../net/iptables/saved-table.ts'
import type { TableChange } from '../../net/iptables/restore-input.ts'
import type { Family } from '../../net/ip/address.ts'
import { isServiceChain, KUBE_FIREWALL } from '../iptables/chain-names.ts'
import { jumps, type Jump } from '../iptables/plan-fixed.ts'

/** Chains with fixed names; KUBE-FIREWALL is the kubelet's too and stays. */
const OWN_CHAINS: ReadonlySet<string> = new Set([
  'KUBE-SERVICES', 'KUBE-EXTERNAL-SERVICES', 'KUBE-NODEPORTS', 'KUBE-POSTROUTING', 'KUBE-MARK-MASQ', 'KUBE-FORWARD',
  'KUBE-PROXY-FIREWALL', 'KUBE-PROXY-CANARY',
])

const isOurs = (chain: string): boolean => OWN_CHAINS.has(chain) || isServiceChain(chain)

/** The change that takes our part out of one table; `held`: chains that foreign rules jump to, emptied only. */
export function planCleanup(saved: SavedTable, ourJumps: readonly Jump[]): Readonly<{ change: TableChange; held: readonly string[] }> {
  const ours = [...saved.chains.values()].filter(chain => chain.policy === undefined && isOurs(chain.name)).map(chain => chain.name)
  const lines: string[] = []
  const held = new Set<string>()
  for (const chain of saved.chains.values()) {
    if (isOurs(chain.name)) continue
    for (const rule of chain.rules) {
      if (ourJumps.some(jump => jump.table === saved.table && jump.chain === chain.name && sameRule(jump.rule, rule))) lines.push(`-D ${chain.name} ${rule}`)
      else if (isOurs(targetOf(rule) ?? '')) held.add(targetOf(rule)!)
    }
  }
  return { change: { table: saved.table, chains: ours, lines, removedChains: ours.filter(chain => !held.has(chain)) }, held: [...held] }
}

export type CleanupOptions = Readonly<{ family: Family; netns?: string; lockFile?: string; signal: AbortSignal }>

/** Cleans both variants of one family. Answers the chains that had to stay because foreign rules jump to them. */
export async function cleanupIptables({ family, netns, lockFile, signal }: CleanupOptions): Promise<readonly string[]> {
  const place = { ...(netns === undefined ? {} : { netns }), ...(lockFile === undefined ? {} : { lockFile }) }
  const ourJumps = jumps({ family, masqueradeMark: 0, masqueradeAll: false, detector: { kind: 'none' }, guardLoopback: false, dropInvalid: false, randomFully: false, counters: false })
    .filter(jump => targetOf(jump.rule) !== KUBE_FIREWALL)
  const heldChains: string[] = []
  for (const variant of ['nft', 'legacy'] as const) {
    const iptables = await openVariant(family, variant, place, signal)
    if (iptables === undefined) continue
    // Only tables that exist are listed: naming one would make the kernel create it.
    for (const saved of (await iptables.saveAll({ signal })).values()) {
      const { change, held } = planCleanup(saved, ourJumps)
      await iptables.restore([change], { signal })
      heldChains.push(...held)
    }
  }
  return heldChains
}

async function openVariant(family: Family, variant: 'nft' | 'legacy', place: Readonly<{ netns?: string; lockFile?: string }>, signal: AbortSignal): Promise<Iptables | undefined> {
  try {
    return await Iptables.open({ family, variant, ...place, signal })
  } catch (error) {
    if (error instanceof IptablesMissingError) return undefined
    throw error
  }
}
