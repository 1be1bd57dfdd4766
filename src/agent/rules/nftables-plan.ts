// The same rules for nftables: tables and chains named as flannel's. Two faults of flannel are not
// repeated: the fourth rule there returns on everything towards the cluster, so that its last rule never
// matches, and the mark is compared whole instead of by its bit. Pure.

import { formatPrefix, type Prefix } from '../../net/ip/prefix.ts'
import type { Family } from '../../net/ip/address.ts'
import { FAMILIES } from '../leases/per-family.ts'
import type { RulesInput } from './iptables-plan.ts'

export type DesiredTable = Readonly<{
  family: Family
  /** "ip flannel-ipv4" */
  table: string
  chains: readonly Readonly<{ name: string; hook: string; comment: string; rules: readonly string[] }>[]
}>

const KEYWORD = { 4: 'ip', 6: 'ip6' } as const satisfies Record<Family, string>
const MULTICAST = { 4: '224.0.0.0/4', 6: 'ff00::/8' } as const satisfies Record<Family, string>

export const tableName = (family: Family, instance: string): string =>
  `${KEYWORD[family]} flannel-ipv${family}${instance === '' ? '' : `-${instance}`}`

/** Both tables, always, as flannel does; the one of a family that is off stays empty. */
export function planNftables(input: RulesInput): readonly DesiredTable[] {
  return FAMILIES.map(family => {
    const network = input.networks[family]
    const subnet = input.subnets[family]
    return {
      family,
      table: tableName(family, input.instance),
      chains: network === undefined || subnet === undefined ? [] : chainsOf(input, { family, network, subnet }),
    }
  })
}

function chainsOf(input: RulesInput, { family, network, subnet }: Readonly<{ family: Family; network: Prefix; subnet: Prefix }>): DesiredTable['chains'] {
  const ip = KEYWORD[family]
  const [cluster, own] = [formatPrefix(network), formatPrefix(subnet)]
  const masquerade = `masquerade${input.randomFully ? ' fully-random' : ''}`
  const exempt = input.noMasquerade.filter(prefix => prefix.family === family)
  const postrtg = {
    name: 'postrtg',
    hook: 'type nat hook postrouting priority srcnat; policy accept;',
    comment: 'chain to manage traffic masquerading by flannel',
    rules: [
      'meta mark & 0x00004000 == 0x00004000 return',
      `${ip} saddr ${own} ${ip} daddr ${cluster} return`,
      `${ip} saddr ${cluster} ${ip} daddr ${own} return`,
      `${ip} saddr != ${cluster} ${ip} daddr ${own} return`,
      ...exempt.map(prefix => `${ip} saddr ${cluster} ${ip} daddr ${formatPrefix(prefix)} return`),
      `${ip} saddr ${cluster} ${ip} daddr != ${MULTICAST[family]} ${masquerade}`,
      `${ip} saddr != ${cluster} ${ip} daddr ${cluster} ${masquerade}`,
    ],
  }
  const forward = {
    name: 'forward',
    hook: 'type filter hook forward priority filter; policy accept;',
    comment: 'chain to accept flannel traffic',
    rules: [`${ip} saddr ${cluster} accept`, `${ip} daddr ${cluster} accept`],
  }
  return [...(input.masquerade ? [postrtg] : []), ...(input.forward ? [forward] : [])]
}

/** A script for `nft -f -`: one transaction that replaces the tables' contents, and nothing else's. */
export function formatNftScript(tables: readonly DesiredTable[]): string {
  return tables
    .map(({ table, chains }) => {
      const name = table.split(' ')[1]
      const body = chains.map(chain => [
        `  chain ${chain.name} {`,
        `    comment "${chain.comment}"`,
        `    ${chain.hook}`,
        ...chain.rules.map(rule => `    ${rule}`),
        '  }',
      ].join('\n'))
      // "add" first, so that the delete never fails on a table that is not there.
      return [`add table ${table}`, `delete table ${table}`, `table ${table} {`, `  comment "rules for ${name}"`, ...body, '}'].join('\n')
    })
    .join('\n') + '\n'
}
