// How each field of an expression stands on the wire: attribute number and form. Writing and reading share this table.
// Attribute numbers: enum nft_*_attributes in linux/netfilter/nf_tables.h.

import {
  CMP_OP, CT_DIRECTION, CT_KEY, DYNSET_OP, FIB_RESULT, META_KEY, NAT_TYPE, NUMGEN_TYPE, PAYLOAD_BASE, REJECT_TYPE,
  type Expression, type ExpressionKind,
} from './expression.ts'

/** NFPROTO_IPV4 and NFPROTO_IPV6, by the number that `family` carries. */
const NFPROTO_OF = { 4: 2, 6: 10 } as const

export type Form =
  | 'register'
  | 'u8'
  | 'u32be'
  /** u32be whose zero the kernel dumps although nobody wrote it: read as absent */
  | 'flags'
  | 'u64be'
  /** u64be milliseconds; zero is dumped for none */
  | 'timeout'
  | 'text'
  /** nested NFTA_DATA_VALUE */
  | 'value'
  /** nested NFTA_DATA_VERDICT */
  | 'verdict'
  /** a word of `names`, on the wire its number */
  | Readonly<{ names: Readonly<Record<string, number>> }>

export type Field = Readonly<{ field: string; attribute: number; form: Form }>

/** A fixed field: on the wire always, in the value never. */
export type Fixed = Readonly<{ attribute: number; u32be: number }>

export type Layout = Readonly<{ name: string; fields: readonly Field[]; fixed?: readonly Fixed[] }>

const field = (name: string, attribute: number, form: Form): Field => ({ field: name, attribute, form })

export const LAYOUT: Readonly<Record<Exclude<ExpressionKind, 'unknown'>, Layout>> = {
  immediate: { name: 'immediate', fields: [field('dreg', 1, 'register'), field('data', 2, 'value')] },
  verdict: { name: 'immediate', fields: [field('verdict', 2, 'verdict')], fixed: [{ attribute: 1, u32be: 0 }] },
  payload: {
    name: 'payload',
    fields: [field('dreg', 1, 'register'), field('base', 2, { names: PAYLOAD_BASE }), field('offset', 3, 'u32be'), field('length', 4, 'u32be')],
  },
  meta: { name: 'meta', fields: [field('dreg', 1, 'register'), field('key', 2, { names: META_KEY })] },
  'meta-set': { name: 'meta', fields: [field('key', 2, { names: META_KEY }), field('sreg', 3, 'register')] },
  ct: { name: 'ct', fields: [field('dreg', 1, 'register'), field('key', 2, { names: CT_KEY }), field('direction', 3, { names: CT_DIRECTION })] },
  cmp: { name: 'cmp', fields: [field('sreg', 1, 'register'), field('op', 2, { names: CMP_OP }), field('data', 3, 'value')] },
  bitwise: {
    name: 'bitwise',
    fields: [field('sreg', 1, 'register'), field('dreg', 2, 'register'), field('length', 3, 'u32be'), field('mask', 4, 'value'), field('xor', 5, 'value')],
  },
  lookup: { name: 'lookup', fields: [field('set', 1, 'text'), field('sreg', 2, 'register'), field('dreg', 3, 'register'), field('flags', 5, 'flags')] },
  dynset: {
    name: 'dynset',
    fields: [
      field('set', 1, 'text'), field('op', 3, { names: DYNSET_OP }), field('sregKey', 4, 'register'),
      field('sregData', 5, 'register'), field('timeoutMs', 6, 'timeout'),
    ],
  },
  numgen: {
    name: 'numgen',
    fields: [field('dreg', 1, 'register'), field('modulus', 2, 'u32be'), field('type', 3, { names: NUMGEN_TYPE }), field('offset', 4, 'u32be')],
  },
  nat: {
    name: 'nat',
    fields: [
      field('type', 1, { names: NAT_TYPE }), field('family', 2, { names: NFPROTO_OF }), field('regAddress', 3, 'register'),
      field('regProto', 5, 'register'), field('flags', 7, 'flags'),
    ],
  },
  masq: { name: 'masq', fields: [field('flags', 1, 'flags')] },
  reject: { name: 'reject', fields: [field('type', 1, { names: REJECT_TYPE }), field('code', 2, 'u8')] },
  fib: { name: 'fib', fields: [field('dreg', 1, 'register'), field('result', 2, { names: FIB_RESULT }), field('flags', 3, 'u32be')] },
  counter: { name: 'counter', fields: [field('bytes', 1, 'u64be'), field('packets', 2, 'u64be')] },
}

/** Which layout a dumped expression has: two kinds share the names "immediate" and "meta". */
export function kindOf(name: string, has: (attribute: number) => boolean, isVerdict: boolean): keyof typeof LAYOUT | undefined {
  if (name === 'immediate') return isVerdict ? 'verdict' : 'immediate'
  if (name === 'meta') return has(3) ? 'meta-set' : 'meta'
  return (Object.keys(LAYOUT) as (keyof typeof LAYOUT)[]).find(kind => LAYOUT[kind].name === name)
}

export type { Expression }
