// The table that carries host ports and masquerading of pods: constant chains and rules, whatever the number of pods
// (but a pair of rules per distinct list of conditions, which no map can hold).
//
//   prerouting, output (nat, -95: behind kube-proxy's, so that a Service wins over a host port)
//     local destination -> translate: [conditions hold ->] address . protocol . port, else protocol . port -> pod . port
//   postrouting (nat, 105)
//     translated here, and from everywhere / the host's loopback / the pod's own subnet -> masquerade
//     from a masqueraded pod, to neither its subnet nor multicast -> masquerade

import type { Family } from '../../../src/net/ip/address.ts'
import { jump, type Verdict } from '../../../src/net/nfnetlink/data.ts'
import type { DataType } from '../../../src/net/nfnetlink/datatypes.ts'
import { FIB_FLAG, NAT_RANGE, type Expression } from '../../../src/net/nfnetlink/expressions/expression.ts'
import type { Change, Chain, Rule, TableName } from '../../../src/net/nfnetlink/objects.ts'
import { register, type Register } from '../../../src/net/nfnetlink/registers.ts'
import type { Condition } from '../config/conditions.ts'
import { conditionExpressions, conditionsId, conditionsText } from './condition-expressions.ts'
import { HEADER } from './header.ts'
import type { Conditions } from './tables.ts'

export const NAT_TABLE = { 4: { family: 'ip', table: 'weft-cni' }, 6: { family: 'ip6', table: 'weft-cni' } } as const satisfies Record<Family, TableName>

/** Base priorities: NF_IP_PRI_NAT_DST is -100 and NF_IP_PRI_NAT_SRC 100 (linux/netfilter_ipv4.h); of two, the lower one translates. */
const DNAT_PRIORITY = -95
const SNAT_PRIORITY = 105
/** NF_IP_PRI_RAW */
const RAW_PRIORITY = -300

const registersOf = (family: Family): number => HEADER[family].bytes / 4

const loadAddress = (family: Family, which: 'source' | 'destination', dreg: Register): Expression =>
  ({ kind: 'payload', dreg, base: 'network', offset: HEADER[family][which], length: HEADER[family].bytes })
/** The destination port stands in bytes 2 and 3 of TCP, UDP and SCTP headers alike. */
const loadPort = (dreg: Register): Expression => ({ kind: 'payload', dreg, base: 'transport', offset: 2, length: 2 })
const loadProtocol = (dreg: Register): Expression => ({ kind: 'meta', dreg, key: 'l4proto' })
const verdict = (value: Verdict): Expression => ({ kind: 'verdict', verdict: value })

/** RTN_LOCAL (linux/rtnetlink.h), in the host's byte order as fib stores it. */
const RTN_LOCAL = Uint8Array.from([2, 0, 0, 0])
/** IPS_DST_NAT (linux/netfilter/nf_conntrack_common.h), in the host's byte order. */
const IPS_DST_NAT = Uint8Array.from([0x20, 0, 0, 0])
const ZERO = Uint8Array.from([0, 0, 0, 0])

export function natSets(family: Family): readonly Change[] {
  const table = NAT_TABLE[family]
  const address: DataType = family === 4 ? 'ipv4_addr' : 'ipv6_addr'
  const translated: readonly DataType[] = ['inet_proto', 'inet_service', address, 'inet_service']
  return [
    { kind: 'add-set', set: { ...table, set: 'hostports', keyTypes: ['inet_proto', 'inet_service'], data: [address, 'inet_service'] } },
    { kind: 'add-set', set: { ...table, set: 'hostports-at', keyTypes: [address, 'inet_proto', 'inet_service'], data: [address, 'inet_service'] } },
    { kind: 'add-set', set: { ...table, set: 'hostports-if', keyTypes: ['inet_proto', 'inet_service', 'integer'], data: [address, 'inet_service'] } },
    { kind: 'add-set', set: { ...table, set: 'hostports-at-if', keyTypes: [address, 'inet_proto', 'inet_service', 'integer'], data: [address, 'inet_service'] } },
    { kind: 'add-set', set: { ...table, set: 'masquerade-all', keyTypes: translated } },
    { kind: 'add-set', set: { ...table, set: 'masquerade-local', keyTypes: translated } },
    { kind: 'add-set', set: { ...table, set: 'pod-subnets', keyTypes: [address, address], interval: true } },
    { kind: 'add-set', set: { ...table, set: 'masquerade-pods', keyTypes: [address] } },
  ]
}

export function natChains(family: Family): readonly Chain[] {
  const table = NAT_TABLE[family]
  return [
    { ...table, chain: 'translate' },
    { ...table, chain: 'translated' },
    { ...table, chain: 'outward' },
    { ...table, chain: 'prerouting', base: { type: 'nat', hook: 'prerouting', priority: DNAT_PRIORITY, policy: 'accept' } },
    { ...table, chain: 'output', base: { type: 'nat', hook: 'output', priority: DNAT_PRIORITY, policy: 'accept' } },
    { ...table, chain: 'postrouting', base: { type: 'nat', hook: 'postrouting', priority: SNAT_PRIORITY, policy: 'accept' } },
    ...(family === 4 ? [{ ...table, chain: 'martians', base: { type: 'filter', hook: 'prerouting', priority: RAW_PRIORITY, policy: 'accept' } } as const] : []),
  ]
}

export function natRules(family: Family, conditions: Conditions): readonly Rule[] {
  const width = registersOf(family)
  const rule = (chain: string, ...expressions: readonly Expression[]): Rule => ({ ...NAT_TABLE[family], chain, expressions })
  const toLocal: readonly Expression[] = [
    { kind: 'fib', dreg: register(0), result: 'addrtype', flags: FIB_FLAG.daddr },
    { kind: 'cmp', sreg: register(0), op: 'eq', data: RTN_LOCAL },
  ]
  // The kernel sets both flags by itself when it is given registers; stated here, what it dumps equals what we wrote.
  const translate: Expression = { kind: 'nat', type: 'dnat', family, regAddress: register(0), regProto: register(width), flags: NAT_RANGE.mapIps | NAT_RANGE.protoSpecified }
  const isTranslated = (set: string): readonly Expression[] => [
    loadProtocol(register(0)),
    { kind: 'ct', dreg: register(1), key: 'proto-dst', direction: 'original' },
    loadAddress(family, 'destination', register(2)),
    loadPort(register(2 + width)),
    { kind: 'lookup', set, sreg: register(0) },
  ]
  const fromOwnSubnet: readonly Expression[] = [
    loadAddress(family, 'destination', register(0)),
    loadAddress(family, 'source', register(width)),
    { kind: 'lookup', set: 'pod-subnets', sreg: register(0) },
  ]
  const conditionId = (list: readonly Condition[], index: number): Expression => ({ kind: 'immediate', dreg: register(index), data: conditionsId(list) })
  // Host ports that count only under conditions come first, since they say more; of these, those of one address.
  const under = (list: readonly Condition[], ...expressions: readonly Expression[]): Rule => ({ ...rule('translate', ...conditionExpressions(list), ...expressions), comment: conditionsText(list) })
  const conditional = [
    ...conditions.map(list => under(list, loadAddress(family, 'destination', register(0)), loadProtocol(register(width)), loadPort(register(width + 1)),
      conditionId(list, width + 2), { kind: 'lookup', set: 'hostports-at-if', sreg: register(0), dreg: register(0) }, translate)),
    ...conditions.map(list => under(list, loadProtocol(register(0)), loadPort(register(1)),
      conditionId(list, 2), { kind: 'lookup', set: 'hostports-if', sreg: register(0), dreg: register(0) }, translate)),
  ]
  return [
    ...conditional,
    rule('translate', loadAddress(family, 'destination', register(0)), loadProtocol(register(width)), loadPort(register(width + 1)),
      { kind: 'lookup', set: 'hostports-at', sreg: register(0), dreg: register(0) }, translate),
    rule('translate', loadProtocol(register(0)), loadPort(register(1)), { kind: 'lookup', set: 'hostports', sreg: register(0), dreg: register(0) }, translate),
    rule('prerouting', ...toLocal, verdict(jump('translate'))),
    rule('output', ...toLocal, verdict(jump('translate'))),
    rule('postrouting',
      { kind: 'ct', dreg: register(0), key: 'status' },
      { kind: 'bitwise', sreg: register(0), dreg: register(0), length: 4, mask: IPS_DST_NAT, xor: ZERO },
      { kind: 'cmp', sreg: register(0), op: 'neq', data: ZERO },
      verdict(jump('translated'))),
    rule('postrouting', loadAddress(family, 'source', register(0)), { kind: 'lookup', set: 'masquerade-pods', sreg: register(0) }, verdict(jump('outward'))),
    rule('translated', ...isTranslated('masquerade-all'), { kind: 'masq' }),
    ...(family === 4 ? [rule('translated', ...isTranslated('masquerade-local'), ...fromLoopback, { kind: 'masq' })] : []),
    rule('translated', ...isTranslated('masquerade-local'), ...fromOwnSubnet, { kind: 'masq' }),
    rule('outward', ...toMulticast(family), verdict({ kind: 'return' })),
    rule('outward', loadAddress(family, 'source', register(0)), loadAddress(family, 'destination', register(width)), { kind: 'lookup', set: 'pod-subnets', sreg: register(0) }, verdict({ kind: 'return' })),
    rule('outward', { kind: 'masq' }),
    ...(family === 4 ? [martians] : []),
  ]
}

const fromLoopback: readonly Expression[] = [
  { kind: 'payload', dreg: register(0), base: 'network', offset: HEADER[4].source, length: 1 },
  { kind: 'cmp', sreg: register(0), op: 'eq', data: Uint8Array.from([127]) },
]

/** 224.0.0.0/4 (RFC 1112), ff00::/8 (RFC 4291 section 2.7). */
const toMulticast = (family: Family): readonly Expression[] => [
  { kind: 'payload', dreg: register(0), base: 'network', offset: HEADER[family].destination, length: 1 },
  ...(family === 4
    ? ([{ kind: 'bitwise', sreg: register(0), dreg: register(0), length: 1, mask: Uint8Array.from([0xf0]), xor: Uint8Array.from([0]) }, { kind: 'cmp', sreg: register(0), op: 'eq', data: Uint8Array.from([0xe0]) }] as const)
    : ([{ kind: 'cmp', sreg: register(0), op: 'eq', data: Uint8Array.from([0xff]) }] as const)),
]

/** route_localnet, which lets the host reach host ports through 127.0.0.1, would also let neighbours in there (CVE-2020-8558). */
const martians: Rule = {
  ...NAT_TABLE[4], chain: 'martians',
  expressions: [
    { kind: 'meta', dreg: register(0), key: 'iifname' },
    { kind: 'cmp', sreg: register(0), op: 'neq', data: Uint8Array.from(Buffer.from('lo'.padEnd(16, '\0'))) },
    { kind: 'payload', dreg: register(4), base: 'network', offset: HEADER[4].destination, length: 1 },
    { kind: 'cmp', sreg: register(4), op: 'eq', data: Uint8Array.from([127]) },
    { kind: 'verdict', verdict: { kind: 'drop' } },
  ],
}
