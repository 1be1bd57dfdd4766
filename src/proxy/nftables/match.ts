// The few matches that rules are made of, as expressions. They use register 0 (and 1 to 3 for an IPv6 address), so a rule
// matches before it loads keys.

import { addressToBytes, type Family } from '../../net/ip/address.ts'
import { networkAddress, netmask, type Prefix } from '../../net/ip/prefix.ts'
import type { Verdict } from '../../net/nfnetlink/data.ts'
import { FIB_FLAG, NAT_RANGE, type Expression } from '../../net/nfnetlink/expressions/expression.ts'
import { register, type Register } from '../../net/nfnetlink/registers.ts'
import type { LocalDetector } from '../local-traffic.ts'
import { registerNumber } from './keys.ts'

const r0 = register(0)

/** Offsets in the IP header (RFC 791, RFC 8200) and sizes. */
const ADDRESS_FIELD = { 4: { saddr: 12, daddr: 16, length: 4 }, 6: { saddr: 8, daddr: 24, length: 16 } } as const

export const loadAddress = (family: Family, field: 'saddr' | 'daddr', dreg: Register): Expression => ({
  kind: 'payload', dreg, base: 'network', offset: ADDRESS_FIELD[family][field], length: ADDRESS_FIELD[family].length,
})

export const loadProtocol = (dreg: Register): Expression => ({ kind: 'meta', dreg, key: 'l4proto' })

/** TCP, UDP and SCTP all have the destination port in bytes 2 and 3. */
export const loadDestinationPort = (dreg: Register): Expression => ({ kind: 'payload', dreg, base: 'transport', offset: 2, length: 2 })

export const verdict = (value: Verdict): Expression => ({ kind: 'verdict', verdict: value })

/** saddr or daddr lies in `prefix`, or does not. */
export function inPrefix(family: Family, field: 'saddr' | 'daddr', prefix: Prefix, op: 'eq' | 'neq'): readonly Expression[] {
  const { length } = ADDRESS_FIELD[family]
  return [
    loadAddress(family, field, r0),
    { kind: 'bitwise', sreg: r0, dreg: r0, length, mask: addressToBytes(netmask(prefix)), xor: new Uint8Array(length) },
    { kind: 'cmp', sreg: r0, op, data: addressToBytes(networkAddress(prefix)) },
  ]
}

/** IFNAMSIZ: the kernel pads interface names with zeros to this. */
const IFNAME_BYTES = 16

/** The packet comes from a pod of this node (`eq`), or not (`neq`); undefined when there is no way to know. */
export function fromPod(family: Family, detector: LocalDetector, op: 'eq' | 'neq'): readonly Expression[] | undefined {
  const iifname: Expression = { kind: 'meta', dreg: r0, key: 'iifname' }
  switch (detector.kind) {
    case 'none':
      return undefined
    case 'source':
      return inPrefix(family, 'saddr', detector.prefix, op)
    case 'interface': {
      const data = Buffer.alloc(IFNAME_BYTES)
      data.write(detector.name)
      return [iifname, { kind: 'cmp', sreg: r0, op, data }]
    }
    case 'interface-prefix':
      return [iifname, { kind: 'cmp', sreg: r0, op, data: Buffer.from(detector.prefix) }]
    default:
      return detector satisfies never
  }
}

/** RTN_LOCAL of linux/rtnetlink.h: the address is one of this node's. */
const RTN_LOCAL = 2

export const isLocalAddress = (field: 'saddr' | 'daddr'): readonly Expression[] => [
  { kind: 'fib', dreg: r0, result: 'addrtype', flags: FIB_FLAG[field] },
  { kind: 'cmp', sreg: r0, op: 'eq', data: registerNumber(RTN_LOCAL) },
]

/** IP_CT_NEW as a state bit: 1 << (IP_CT_NEW + 1). */
const CT_STATE_NEW = 8
/** IPS_DST_NAT of linux/netfilter/nf_conntrack_common.h */
const CT_STATUS_DNAT = 32

const ctBits = (key: 'state' | 'status', bits: number): readonly Expression[] => [
  { kind: 'ct', dreg: r0, key },
  { kind: 'bitwise', sreg: r0, dreg: r0, length: 4, mask: registerNumber(bits), xor: registerNumber(0) },
  { kind: 'cmp', sreg: r0, op: 'neq', data: registerNumber(0) },
]
export const isNew = ctBits('state', CT_STATE_NEW)
export const isDestinationTranslated = ctBits('status', CT_STATUS_DNAT)

/** mark = mark & ~bit | (set ? bit : 0) */
export const writeMark = (bit: number, set: boolean): readonly Expression[] => [
  { kind: 'meta', dreg: r0, key: 'mark' },
  { kind: 'bitwise', sreg: r0, dreg: r0, length: 4, mask: registerNumber(~bit >>> 0), xor: registerNumber(set ? bit : 0) },
  { kind: 'meta-set', sreg: r0, key: 'mark' },
]

export const isMarked = (bit: number): readonly Expression[] => [
  { kind: 'meta', dreg: r0, key: 'mark' },
  { kind: 'bitwise', sreg: r0, dreg: r0, length: 4, mask: registerNumber(bit), xor: registerNumber(0) },
  { kind: 'cmp', sreg: r0, op: 'neq', data: registerNumber(0) },
]

export const masquerade: Expression = { kind: 'masq', flags: NAT_RANGE.protoRandomFully }
