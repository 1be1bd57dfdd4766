// Base chains of others at the forward hook whose policy drops: an accept in our table does not overrule them, since every
// chain of a hook has its say (nft(8), "verdict statements"). Docker and many firewalls make such a chain. Pure.

import type { Family } from '../../net/ip/address.ts'
import { formatPrefix, type Prefix } from '../../net/ip/prefix.ts'
import { entriesOf, type PerFamily } from '../leases/per-family.ts'

type Listed = Readonly<{ chain?: Readonly<{ family: string; table: string; name: string; hook?: string; policy?: string }> }>

/** Families of tables that see the packets of an address family. */
const TABLE_FAMILIES = { 4: ['ip', 'inet'], 6: ['ip6', 'inet'] } as const satisfies Record<Family, readonly string[]>

/** One sentence per chain, from the output of `nft -j list chains`. */
export function droppingForwardChains(json: string, networks: PerFamily<Prefix>): readonly string[] {
  const { nftables } = JSON.parse(json) as { nftables: readonly Listed[] }
  return nftables.flatMap(({ chain }): readonly string[] => {
    if (chain?.hook !== 'forward' || chain.policy !== 'drop') return []
    const pods = entriesOf(networks).filter(([family]) => (TABLE_FAMILIES[family] as readonly string[]).includes(chain.family)).map(([, network]) => formatPrefix(network))
    if (pods.length === 0) return []
    return [`chain ${chain.name} of table ${chain.family} ${chain.table} drops what it does not accept, and with it pods' packets: let it accept ${pods.join(' and ')} in both directions, or set its policy to accept`]
  })
}
