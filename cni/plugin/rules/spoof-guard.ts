// The table that holds pods to their MAC: what comes in at a guarded port with another source address is dropped before
// the bridge learns from it. Constant rules; ports and their MACs are elements.

import { jump } from '../../../src/net/nfnetlink/data.ts'
import type { Change, Chain, Rule, TableName } from '../../../src/net/nfnetlink/objects.ts'
import { LOOKUP_INVERT } from '../../../src/net/nfnetlink/expressions/expression.ts'
import { register } from '../../../src/net/nfnetlink/registers.ts'

export const GUARD_TABLE = { family: 'bridge', table: 'weft-cni' } as const satisfies TableName

/** NF_BR_PRI_NAT_DST_BRIDGED (linux/netfilter_bridge.h), where the upstream plugin's check stands. */
const PRIORITY = -300
/** Source address in an Ethernet header. */
const SENDER_OFFSET = 6
const MAC_BYTES = 6
/** Registers that an interface name takes. */
const NAME_REGISTERS = 4

export const guardSets: readonly Change[] = [
  { kind: 'add-set', set: { ...GUARD_TABLE, set: 'guarded-ports', keyTypes: ['ifname'] } },
  { kind: 'add-set', set: { ...GUARD_TABLE, set: 'port-senders', keyTypes: ['ifname', 'ether_addr'] } },
]

export const guardChains: readonly Chain[] = [
  { ...GUARD_TABLE, chain: 'senders' },
  { ...GUARD_TABLE, chain: 'prerouting', base: { type: 'filter', hook: 'prerouting', priority: PRIORITY, policy: 'accept' } },
]

export const guardRules: readonly Rule[] = [
  {
    ...GUARD_TABLE, chain: 'prerouting',
    expressions: [
      { kind: 'meta', dreg: register(0), key: 'iifname' },
      { kind: 'lookup', set: 'guarded-ports', sreg: register(0) },
      { kind: 'verdict', verdict: jump('senders') },
    ],
  },
  {
    ...GUARD_TABLE, chain: 'senders',
    expressions: [
      { kind: 'meta', dreg: register(0), key: 'iifname' },
      { kind: 'payload', dreg: register(NAME_REGISTERS), base: 'link', offset: SENDER_OFFSET, length: MAC_BYTES },
      { kind: 'lookup', set: 'port-senders', sreg: register(0), flags: LOOKUP_INVERT },
      { kind: 'verdict', verdict: { kind: 'drop' } },
    ],
  },
]
