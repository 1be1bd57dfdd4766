// Masquerade and forward rules for iptables: flannel's chains, order and comments, so that tools and
// runbooks that know flanneld find what they expect. Pure.

import { formatPrefix, type Prefix } from '../../net/ip/prefix.ts'
import type { Family } from '../../net/ip/address.ts'
import { entriesOf, type PerFamily } from '../leases/per-family.ts'

export type RulesInput = Readonly<{
  /** Cluster networks (C) and this host's subnets (P). */
  networks: PerFamily<Prefix>
  subnets: PerFamily<Prefix>
  masquerade: boolean
  forward: boolean
  /** MASQUERADE --random-fully, where the engine knows it and the operator has not turned it off. */
  randomFully: boolean
  /** Destinations that pods reach with their own address. */
  noMasquerade: readonly Prefix[]
  /** "" for the default instance, which keeps flannel's names. */
  instance: string
}>

/** One chain with its rules and the jump that leads into it, as iptables-save words. */
export type DesiredChain = Readonly<{
  family: Family
  table: 'nat' | 'filter'
  chain: string
  /** The built-in chain from which the (appended) jump leaves. */
  from: 'POSTROUTING' | 'FORWARD'
  jump: string
  /** In order, each without "-A CHAIN". */
  rules: readonly string[]
}>

export const MASQUERADE_CHAIN = 'FLANNEL-POSTRTG'
export const FORWARD_CHAIN = 'FLANNEL-FWD'

/** "FLANNEL-POSTRTG" for the default instance, "FLANNEL-POSTRTG-blue" for the instance "blue". */
export const chainName = (base: string, instance: string): string => (instance === '' ? base : `${base}-${instance}`)

const MULTICAST = { 4: '224.0.0.0/4', 6: 'ff00::/8' } as const satisfies Record<Family, string>

/** kube-proxy marks with this bit what it will masquerade itself (KUBE-MARK-MASQ). */
const KUBE_MASQUERADE_MARK = '0x4000/0x4000'

export function planIptables(input: RulesInput): readonly DesiredChain[] {
  return entriesOf(input.subnets).flatMap(([family, subnet]) => {
    const network = input.networks[family]!
    return [
      ...(input.masquerade ? [masqueradeChain(input, { family, network, subnet })] : []),
      ...(input.forward ? [forwardChain(input, { family, network })] : []),
    ]
  })
}

function masqueradeChain(input: RulesInput, { family, network, subnet }: Readonly<{ family: Family; network: Prefix; subnet: Prefix }>): DesiredChain {
  const comment = '-m comment --comment "flanneld masq"'
  const cluster = formatPrefix(network)
  const own = formatPrefix(subnet)
  const target = `${comment} -j MASQUERADE${input.randomFully ? ' --random-fully' : ''}`
  const exempt = input.noMasquerade.filter(prefix => prefix.family === family)
  const chain = chainName(MASQUERADE_CHAIN, input.instance)
  return {
    family,
    table: 'nat',
    chain,
    from: 'POSTROUTING',
    jump: `${comment} -j ${chain}`,
    rules: [
      `-m mark --mark ${KUBE_MASQUERADE_MARK} ${comment} -j RETURN`,
      `-s ${own} -d ${cluster} ${comment} -j RETURN`,
      `-s ${cluster} -d ${own} ${comment} -j RETURN`,
      `! -s ${cluster} -d ${own} ${comment} -j RETURN`,
      ...exempt.map(prefix => `-s ${cluster} -d ${formatPrefix(prefix)} ${comment} -j RETURN`),
      `-s ${cluster} ! -d ${MULTICAST[family]} ${target}`,
      `! -s ${cluster} -d ${cluster} ${target}`,
    ],
  }
}

function forwardChain(input: RulesInput, { family, network }: Readonly<{ family: Family; network: Prefix }>): DesiredChain {
  const comment = '-m comment --comment "flanneld forward"'
  const cluster = formatPrefix(network)
  const chain = chainName(FORWARD_CHAIN, input.instance)
  return {
    family,
    table: 'filter',
    chain,
    from: 'FORWARD',
    jump: `${comment} -j ${chain}`,
    rules: [`-s ${cluster} ${comment} -j ACCEPT`, `-d ${cluster} ${comment} -j ACCEPT`],
  }
}
