// What a rule does to a packet, one expression after the other: typed values for the expressions that Weft uses.
// Names and meanings are those of linux/netfilter/nf_tables.h; the rule stops at the first `cmp` or `lookup` that fails.

import type { Verdict } from '../data.ts'
import type { Register } from '../registers.ts'

export const PAYLOAD_BASE = { link: 0, network: 1, transport: 2 } as const
export const META_KEY = { length: 0, protocol: 1, priority: 2, mark: 3, iif: 4, oif: 5, iifname: 6, oifname: 7, nfproto: 15, l4proto: 16 } as const
export const CT_KEY = { state: 0, direction: 1, status: 2, mark: 3, protocol: 10, 'proto-src': 11, 'proto-dst': 12, 'src-ip': 19, 'dst-ip': 20, 'src-ip6': 21, 'dst-ip6': 22 } as const
export const CT_DIRECTION = { original: 0, reply: 1 } as const
export const CMP_OP = { eq: 0, neq: 1, lt: 2, lte: 3, gt: 4, gte: 5 } as const
export const DYNSET_OP = { add: 0, update: 1, delete: 2 } as const
export const NAT_TYPE = { snat: 0, dnat: 1 } as const
export const NUMGEN_TYPE = { incremental: 0, random: 1 } as const
export const REJECT_TYPE = { 'icmp-unreach': 0, 'tcp-reset': 1, 'icmpx-unreach': 2 } as const
export const FIB_RESULT = { oif: 1, oifname: 2, addrtype: 3 } as const
/** Bits for `fib`'s flags (NFTA_FIB_F_*). */
export const FIB_FLAG = { saddr: 1, daddr: 2, mark: 4, iif: 8, oif: 16, present: 32 } as const
/** Bits for `nat` and `masq` (linux/netfilter/nf_nat.h). */
export const NAT_RANGE = { mapIps: 1, protoSpecified: 2, protoRandom: 4, persistent: 8, protoRandomFully: 16 } as const
/** Inverts a look-up (NFT_LOOKUP_F_INV). */
export const LOOKUP_INVERT = 1

export type Expression =
  /** Loads bytes into registers. */
  | Readonly<{ kind: 'immediate'; dreg: Register; data: Uint8Array }>
  /** Ends the rule with a verdict. */
  | Readonly<{ kind: 'verdict'; verdict: Verdict }>
  | Readonly<{ kind: 'payload'; dreg: Register; base: keyof typeof PAYLOAD_BASE; offset: number; length: number }>
  | Readonly<{ kind: 'meta'; dreg: Register; key: keyof typeof META_KEY }>
  | Readonly<{ kind: 'meta-set'; sreg: Register; key: keyof typeof META_KEY }>
  | Readonly<{ kind: 'ct'; dreg: Register; key: keyof typeof CT_KEY; direction?: keyof typeof CT_DIRECTION }>
  | Readonly<{ kind: 'cmp'; sreg: Register; op: keyof typeof CMP_OP; data: Uint8Array }>
  /** dreg = (sreg & mask) ^ xor */
  | Readonly<{ kind: 'bitwise'; sreg: Register; dreg: Register; length: number; mask: Uint8Array; xor: Uint8Array }>
  /** Ends the rule unless the set holds the key (or, inverted, if it does); a map's value goes to `dreg`. */
  | Readonly<{ kind: 'lookup'; set: string; sreg: Register; dreg?: Register | 'verdict'; flags?: number }>
  /** Adds, refreshes or removes an element from the packet path. */
  | Readonly<{ kind: 'dynset'; set: string; op: keyof typeof DYNSET_OP; sregKey: Register; sregData?: Register; timeoutMs?: bigint }>
  | Readonly<{ kind: 'numgen'; dreg: Register; modulus: number; type: keyof typeof NUMGEN_TYPE; offset: number }>
  | Readonly<{ kind: 'nat'; type: keyof typeof NAT_TYPE; family: 4 | 6; regAddress?: Register; regProto?: Register; flags?: number }>
  | Readonly<{ kind: 'masq'; flags?: number }>
  /** `code`: an ICMP(v6) or, for icmpx-unreach, an NFT_REJECT_ICMPX_* code. */
  | Readonly<{ kind: 'reject'; type: keyof typeof REJECT_TYPE; code: number }>
  | Readonly<{ kind: 'fib'; dreg: Register; result: keyof typeof FIB_RESULT; flags: number }>
  | Readonly<{ kind: 'counter'; packets: bigint; bytes: bigint }>
  /** An expression that this library does not know, as the kernel dumped it. Cannot be written. */
  | Readonly<{ kind: 'unknown'; name: string; data: Uint8Array }>

export type ExpressionKind = Expression['kind']
