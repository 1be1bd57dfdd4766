// The chains that are there whatever the services are, and the jumps into them from the built-in chains.

import type { Family } from '../../net/ip/address.ts'
import type { TableName } from '../../net/iptables/saved-table.ts'
import {
  HAIRPIN, KUBE_EXTERNAL_SERVICES, KUBE_FIREWALL, KUBE_FORWARD, KUBE_MARK_MASQ, KUBE_NODEPORTS, KUBE_POSTROUTING,
  KUBE_PROXY_CANARY, KUBE_PROXY_FIREWALL, KUBE_SERVICES, REFUSED_NODEPORTS,
} from './chain-names.ts'
import type { NodePortAddresses } from '../local-traffic.ts'
import { INVALID_COUNTER, type RulesetOptions } from './options.ts'
import { comment, destination, rule } from './rule.ts'

export type Jump = Readonly<{ table: TableName; chain: string; rule: string }>

const NEW = '-m conntrack --ctstate NEW'

/** In the order in which each is put on top of its chain, so the last of a chain ends up first. */
export function jumps({ guardLoopback }: RulesetOptions): readonly Jump[] {
  const portals = comment('kubernetes service portals')
  const external = comment('kubernetes externally-visible service portals')
  const firewall = comment('kubernetes load balancer firewall')
  const into = (table: TableName, chain: string, target: string, ...matches: readonly string[]): Jump => ({ table, chain, rule: rule(...matches, `-j ${target}`) })
  return [
    into('filter', 'INPUT', KUBE_EXTERNAL_SERVICES, NEW, external),
    into('filter', 'FORWARD', KUBE_EXTERNAL_SERVICES, NEW, external),
    into('filter', 'INPUT', KUBE_NODEPORTS, comment('kubernetes health check service ports')),
    into('filter', 'FORWARD', KUBE_SERVICES, NEW, portals),
    into('filter', 'OUTPUT', KUBE_SERVICES, NEW, portals),
    into('filter', 'FORWARD', KUBE_FORWARD, comment('kubernetes forwarding rules')),
    into('filter', 'INPUT', KUBE_PROXY_FIREWALL, NEW, firewall),
    into('filter', 'OUTPUT', KUBE_PROXY_FIREWALL, NEW, firewall),
    into('filter', 'FORWARD', KUBE_PROXY_FIREWALL, NEW, firewall),
    into('nat', 'OUTPUT', KUBE_SERVICES, portals),
    into('nat', 'PREROUTING', KUBE_SERVICES, portals),
    into('nat', 'POSTROUTING', KUBE_POSTROUTING, comment('kubernetes postrouting rules')),
    ...(guardLoopback ? [into('filter', 'INPUT', KUBE_FIREWALL), into('filter', 'OUTPUT', KUBE_FIREWALL)] : []),
  ]
}

const markText = (options: RulesetOptions): string => {
  const hex = `0x${options.masqueradeMark.toString(16)}`
  return `${hex}/${hex}`
}

/** Chains with constant content; the roots of the dispatch trees are not among them. */
export function fixedChains(options: RulesetOptions): readonly Readonly<{ table: TableName; chain: string; rules: readonly string[] }>[] {
  const mark = `0x${options.masqueradeMark.toString(16)}`
  const unmarked = `-m mark ! --mark ${markText(options)}`
  return [
    { table: 'mangle', chain: KUBE_PROXY_CANARY, rules: [] },
    { table: 'nat', chain: KUBE_PROXY_CANARY, rules: [] },
    { table: 'filter', chain: KUBE_PROXY_CANARY, rules: [] },
    { table: 'nat', chain: KUBE_MARK_MASQ, rules: [`-j MARK --set-xmark ${mark}/${mark}`] },
    {
      table: 'nat',
      chain: KUBE_POSTROUTING,
      rules: [
        `${unmarked} -j ${HAIRPIN}`,
        `${unmarked} -j RETURN`,
        // Cleared, so that an encapsulated packet that passes here again is not masqueraded twice.
        `-j MARK --set-xmark ${mark}/0x0`,
        rule(comment('kubernetes service traffic requiring SNAT'), '-j MASQUERADE', options.randomFully ? '--random-fully' : undefined),
      ],
    },
    { table: 'filter', chain: KUBE_FORWARD, rules: forwardRules(options) },
    ...(options.guardLoopback ? [{ table: 'filter' as const, chain: KUBE_FIREWALL, rules: [LOOPBACK_GUARD] }] : []),
  ]
}

function forwardRules(options: RulesetOptions): readonly string[] {
  const counted = options.counters ? `-m nfacct --nfacct-name ${INVALID_COUNTER}` : undefined
  const rules = [
    rule(comment('kubernetes forwarding rules'), `-m mark --mark ${markText(options)}`, '-j ACCEPT'),
    rule(comment('kubernetes forwarding conntrack rule'), '-m conntrack --ctstate RELATED,ESTABLISHED', '-j ACCEPT'),
  ]
  // A segment outside the window is not translated; passing it on makes the client reset a healthy connection.
  return options.dropInvalid ? [rule('-m conntrack --ctstate INVALID', counted, '-j DROP'), ...rules] : rules
}

/** The kubelet writes the same rule, so the text must stay. */
const LOOPBACK_GUARD = '! -s 127.0.0.0/8 -d 127.0.0.0/8 -m comment --comment "block incoming localnet connections" -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP'

const LOOPBACK = { 4: '127.0.0.0/8', 6: '::1/128' } as const

/** Rules that send what is meant for a node port to `target`, one per accepted address or one for all. */
export function nodePortJumps(family: Family, addresses: NodePortAddresses, target: string): readonly string[] {
  const note = comment('kubernetes service nodeports; NOTE: this must be the last rule in this chain')
  if (addresses.kind === 'listed') return addresses.addresses.map(address => rule(destination(address), note, `-j ${target}`))
  const excluded = addresses.loopback ? undefined : `! -d ${LOOPBACK[family]}`
  return [rule(excluded, note, '-m addrtype --dst-type LOCAL', `-j ${target}`)]
}

/** How each root chain ends. */
export const rootTails = (family: Family, addresses: NodePortAddresses): Readonly<{ services: readonly string[]; refused: readonly string[]; externalRefused: readonly string[] }> => ({
  services: nodePortJumps(family, addresses, KUBE_NODEPORTS),
  // External addresses are refused to processes of this node too (kube-proxy's iptables mode lets them leak out). A jump
  // from here, not from OUTPUT, so that kube-proxy's own clean-up finds no rule it does not know.
  refused: [`-m addrtype --src-type LOCAL -j ${KUBE_EXTERNAL_SERVICES}`],
  externalRefused: nodePortJumps(family, addresses, REFUSED_NODEPORTS),
})
