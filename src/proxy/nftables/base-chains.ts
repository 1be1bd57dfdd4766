// The fixed part of the table: base chains with the hooks and priorities that kube-proxy's table has (others order
// themselves by these), and the look-ups that lead to the class chains.

import { addressFromBits, addressToBytes } from '../../net/ip/address.ts'
import { parsePrefix } from '../../net/ip/prefix.ts'
import { drop, goto, jump } from '../../net/nfnetlink/data.ts'
import { LOOKUP_INVERT, type Expression } from '../../net/nfnetlink/expressions/expression.ts'
import type { Chain } from '../../net/nfnetlink/objects.ts'
import { register } from '../../net/nfnetlink/registers.ts'
import {
  inPrefix, isDestinationTranslated, isLocalAddress, isMarked, isNew, loadAddress, loadDestinationPort, loadProtocol, masquerade, verdict, writeMark,
} from './match.ts'
import { registerNumber } from './keys.ts'
import type { NftablesRulesetOptions } from './options.ts'
import { tableOf } from './sets.ts'

export type FixedChain = Readonly<{ chain: Chain; rules: readonly Readonly<{ expressions: readonly Expression[]; comment?: string }>[] }>

/** Priorities of linux/netfilter_ipv4.h: NF_IP_PRI_NAT_DST is -100, NF_IP_PRI_FILTER 0, NF_IP_PRI_NAT_SRC 100. */
const BEFORE_DNAT = -110

const LOOPBACK = { 4: parsePrefix('127.0.0.0/8', 'loopback'), 6: parsePrefix('::1/128', 'loopback') }

/** `NFT_REJECT_ICMPX_PORT_UNREACH` of linux/netfilter/nf_tables.h is 1; ICMP(v6) codes for "port unreachable" are 3 and 4. */
const PORT_UNREACHABLE = { 4: 3, 6: 4 } as const

export const REJECT_CHAIN = 'reject'

/** Chains in an order in which each exists before it is named. Base chains come last: with them the table takes effect. */
export function fixedChains(options: NftablesRulesetOptions): readonly FixedChain[] {
  const { family, masqueradeMark } = options
  const words = family === 4 ? 1 : 4
  const r0 = register(0)
  const frontend = [loadAddress(family, 'daddr', r0), loadProtocol(register(words)), loadDestinationPort(register(words + 1))]
  const nodePort = [loadProtocol(r0), loadDestinationPort(register(1))]
  const regular = (chain: string, comment: string): Chain => ({ ...tableOf(family), chain, comment })
  const base = (chain: string, type: 'filter' | 'nat', hook: 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting', priority: number): Chain => ({
    ...tableOf(family), chain, base: { type, hook, priority, policy: 'accept' },
  })
  const rule = (comment: string, ...expressions: readonly Expression[]) => ({ comment, expressions })
  const calls = (chain: string) => ({ expressions: [...isNew, verdict(jump(chain))] })
  const isIn = (set: string): Expression => ({ kind: 'lookup', set, sreg: r0 })
  const refuse = verdict(goto(REJECT_CHAIN))
  // Why a number first, and the verdict in a rule of its own: class-numbers.ts.
  const classify = (set: string): readonly Expression[] => [{ kind: 'lookup', set, sreg: r0, dreg: r0 }, { kind: 'meta-set', sreg: r0, key: 'priority' }]
  const enter = { expressions: [{ kind: 'meta', dreg: r0, key: 'priority' }, { kind: 'lookup', set: 'classes', sreg: r0, dreg: 'verdict' }] satisfies readonly Expression[] }
  const memberOf = (set: string): readonly Expression[] => [loadAddress(family, 'daddr', r0), { kind: 'lookup', set, sreg: r0 }]
  const takesNodePorts = nodePortGuard(options)
  const sourceAt = register(words + 2)

  return [
    {
      chain: regular(REJECT_CHAIN, 'connection refused'),
      rules: [rule('port unreachable', { kind: 'reject', type: 'icmp-unreach', code: PORT_UNREACHABLE[family] })],
    },
    {
      chain: regular('firewall-check', 'source ranges of load balancers'),
      rules: [
        rule(
          'a load-balancer address from outside its source ranges',
          ...frontend,
          { kind: 'lookup', set: 'firewalled', sreg: r0 },
          loadAddress(family, 'saddr', sourceAt),
          { kind: 'lookup', set: 'source-ranges', sreg: r0, flags: LOOKUP_INVERT },
          verdict(drop),
        ),
      ],
    },
    {
      chain: regular('dispatch', 'new connections to services'),
      rules: [
        rule('cluster IPs, external and load-balancer addresses', ...frontend, ...classify('services')),
        enter,
        rule('node ports', ...takesNodePorts, ...nodePort, ...classify('node-ports')),
        enter,
      ],
    },
    {
      chain: regular('endpoints-check', 'services without endpoints'),
      rules: [rule('refused', ...frontend, isIn('no-endpoints'), refuse)],
    },
    {
      chain: regular('node-ports-check', 'node ports without endpoints'),
      rules: [rule('refused', ...takesNodePorts, ...nodePort, isIn('no-endpoint-node-ports'), refuse)],
    },
    {
      chain: regular('cluster-ips-check', 'what no service answers to'),
      rules: [
        rule('a cluster IP without that port', ...memberOf('cluster-ips'), verdict(goto(REJECT_CHAIN))),
        rule('a cluster IP that no service has', ...memberOf('service-cidrs'), verdict(drop)),
      ],
    },
    { chain: base('filter-prerouting', 'filter', 'prerouting', BEFORE_DNAT), rules: [calls('firewall-check')] },
    { chain: base('filter-output-before', 'filter', 'output', BEFORE_DNAT), rules: [calls('firewall-check')] },
    { chain: base('filter-input', 'filter', 'input', 0), rules: [calls('node-ports-check'), calls('endpoints-check')] },
    { chain: base('filter-forward', 'filter', 'forward', 0), rules: [calls('endpoints-check'), calls('cluster-ips-check')] },
    { chain: base('filter-output', 'filter', 'output', 0), rules: [calls('endpoints-check'), calls('cluster-ips-check')] },
    {
      chain: base('nat-postrouting', 'nat', 'postrouting', 100),
      rules: [
        ...(['members', 'local-members'] as const).map(set =>
          rule(
            'session affinity keeps a number in the priority; packets leave without',
            { kind: 'meta', dreg: r0, key: 'priority' },
            { kind: 'lookup', set, sreg: r0 },
            { kind: 'immediate', dreg: r0, data: registerNumber(0) },
            { kind: 'meta-set', sreg: r0, key: 'priority' },
          ),
        ),
        rule('marked for masquerade', ...isMarked(masqueradeMark), ...writeMark(masqueradeMark, false), masquerade),
        rule(
          'a pod that reached itself',
          ...isDestinationTranslated,
          loadAddress(family, 'saddr', r0),
          loadAddress(family, 'daddr', register(words)),
          { kind: 'lookup', set: 'hairpin', sreg: r0 },
          masquerade,
        ),
      ],
    },
    { chain: base('nat-output', 'nat', 'output', -100), rules: [{ expressions: [verdict(jump('dispatch'))] }] },
    { chain: base('nat-prerouting', 'nat', 'prerouting', -100), rules: [{ expressions: [verdict(jump('dispatch'))] }] },
  ]
}

/** The destination is an address of this node that takes node ports. Loopback never does in this mode, as with kube-proxy. */
function nodePortGuard(options: NftablesRulesetOptions): readonly Expression[] {
  const { family, nodePortAddresses } = options
  if (nodePortAddresses.kind === 'all') return [...inPrefix(family, 'daddr', LOOPBACK[family], 'neq'), ...isLocalAddress('daddr')]
  return [loadAddress(family, 'daddr', register(0)), { kind: 'lookup', set: 'node-port-addresses', sreg: register(0) }]
}

/** The elements of sets that hold no services: node addresses and ranges. */
export function fixedElements(options: NftablesRulesetOptions): readonly Readonly<{ set: 'node-port-addresses' | 'service-cidrs'; key: Uint8Array; intervalEnd?: boolean }>[] {
  const addresses = options.nodePortAddresses.kind === 'listed' ? options.nodePortAddresses.addresses : []
  return [
    ...addresses.map(address => ({ set: 'node-port-addresses' as const, key: addressToBytes(address) })),
    ...options.serviceCidrs.flatMap(range => {
      const size = 1n << BigInt((options.family === 4 ? 32 : 128) - range.length)
      const end = range.network + size
      const start = { set: 'service-cidrs' as const, key: addressToBytes(addressFromBits(range.family, range.network)) }
      return end >> BigInt(options.family === 4 ? 32 : 128) !== 0n
        ? [start]
        : [start, { set: 'service-cidrs' as const, key: addressToBytes(addressFromBits(range.family, end)), intervalEnd: true }]
    }),
  ]
}
