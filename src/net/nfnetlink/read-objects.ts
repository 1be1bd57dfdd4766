// Dumped and notified messages as objects.

import { Attributes } from '../netlink/attributes.ts'
import type { Message } from '../netlink/message.ts'
import { NetlinkError } from '../netlink/netlink-error.ts'
import {
  HOOK, NFPROTO, NFT_DATA_VERDICT, NFT_SET, NFT_SET_ELEM_INTERVAL_END, NFTA_CHAIN, NFTA_HOOK, NFTA_RULE, NFTA_SET, NFTA_SET_DESC,
  NFTA_SET_ELEM, NFTA_SET_ELEM_LIST, NFTA_TABLE, type HookName, type TableFamily,
} from './constants.ts'
import { readData } from './data.ts'
import { typesOf } from './datatypes.ts'
import { readExpressions } from './expressions/codec.ts'
import type { Chain, Element, Rule, Set, Table } from './objects.ts'
import { COMMENT, parseComment } from './userdata.ts'

/** struct nfgenmsg */
const NFGENMSG_BYTES = 4

export const attributesOf = (message: Message): Attributes => Attributes.parse(message.payload.subarray(NFGENMSG_BYTES))

/** The table family of a message, or undefined for families that Weft has no business with (arp, bridge, netdev). */
export const familyOf = (message: Message): TableFamily | undefined =>
  (Object.keys(NFPROTO) as TableFamily[]).find(family => NFPROTO[family] === message.payload[0])

const text = (attributes: Attributes, type: number): string => attributes.string(type) ?? ''

/** Leaves out what is undefined: absent and undefined are not the same to exactOptionalPropertyTypes. */
const optional = <K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } =>
  (value === undefined ? {} : { [key]: value }) as { [P in K]?: V }

export function readTable(message: Message, family: TableFamily): Table {
  const a = attributesOf(message)
  return {
    family,
    table: text(a, NFTA_TABLE.NAME),
    ...optional('comment', parseComment(COMMENT.table, a.bytes(NFTA_TABLE.USERDATA))),
    ...optional('handle', a.u64be(NFTA_TABLE.HANDLE)),
  }
}

export function readChain(message: Message, family: TableFamily): Chain {
  const a = attributesOf(message)
  const hook = a.nested(NFTA_CHAIN.HOOK)
  const hookName = (Object.keys(HOOK) as HookName[]).find(name => HOOK[name] === hook?.u32be(NFTA_HOOK.HOOKNUM))
  const base =
    hook === undefined || hookName === undefined
      ? undefined
      : {
          type: text(a, NFTA_CHAIN.TYPE) as 'filter' | 'nat' | 'route',
          hook: hookName,
          priority: (hook.u32be(NFTA_HOOK.PRIORITY) ?? 0) | 0,
          policy: a.u32be(NFTA_CHAIN.POLICY) === 0 ? ('drop' as const) : ('accept' as const),
        }
  return {
    family,
    table: text(a, NFTA_CHAIN.TABLE),
    chain: text(a, NFTA_CHAIN.NAME),
    ...optional('base', base),
    ...optional('comment', parseComment(COMMENT.chain, a.bytes(NFTA_CHAIN.USERDATA))),
    ...optional('handle', a.u64be(NFTA_CHAIN.HANDLE)),
  }
}

export function readRule(message: Message, family: TableFamily): Rule {
  const a = attributesOf(message)
  return {
    family,
    table: text(a, NFTA_RULE.TABLE),
    chain: text(a, NFTA_RULE.CHAIN),
    expressions: readExpressions(a.nested(NFTA_RULE.EXPRESSIONS) ?? new Attributes([])),
    ...optional('comment', parseComment(COMMENT.rule, a.bytes(NFTA_RULE.USERDATA))),
    ...optional('handle', a.u64be(NFTA_RULE.HANDLE)),
  }
}

export function readSet(message: Message, family: TableFamily): Set {
  const a = attributesOf(message)
  const flags = a.u32be(NFTA_SET.FLAGS) ?? 0
  const types = (number: number | undefined, what: string) => {
    const known = typesOf(number ?? 0)
    if (known === undefined) throw new NetlinkError('NETLINK_MALFORMED', `set ${text(a, NFTA_SET.NAME)}: its ${what} type ${number} is not one that Weft knows`)
    return known
  }
  const dataType = a.u32be(NFTA_SET.DATA_TYPE)
  const data = (flags & NFT_SET.MAP) === 0 ? undefined : dataType === NFT_DATA_VERDICT ? ('verdict' as const) : types(dataType, 'data')
  return {
    family,
    table: text(a, NFTA_SET.TABLE),
    set: text(a, NFTA_SET.NAME),
    keyTypes: types(a.u32be(NFTA_SET.KEY_TYPE), 'key'),
    ...optional('data', data),
    ...optional('interval', (flags & NFT_SET.INTERVAL) === 0 ? undefined : true),
    ...optional('timeout', (flags & NFT_SET.TIMEOUT) === 0 ? undefined : true),
    ...optional('dynamic', (flags & NFT_SET.EVAL) === 0 ? undefined : true),
    ...optional('timeoutMs', a.u64be(NFTA_SET.TIMEOUT)),
    ...optional('size', a.nested(NFTA_SET.DESC)?.u32be(NFTA_SET_DESC.SIZE)),
    ...optional('comment', parseComment(COMMENT.set, a.bytes(NFTA_SET.USERDATA))),
    ...optional('handle', a.u64be(NFTA_SET.HANDLE)),
  }
}

/** The elements of one NFT_MSG_NEWSETELEM; a large set comes in many. Buffers are views into the message. */
export function readElements(message: Message): readonly Element[] {
  const list = attributesOf(message).nested(NFTA_SET_ELEM_LIST.ELEMENTS)
  return (list?.list ?? []).map(({ payload }) => {
    const a = Attributes.parse(payload)
    const key = readData(a, NFTA_SET_ELEM.KEY)
    if (!(key instanceof Uint8Array)) throw new NetlinkError('NETLINK_MALFORMED', 'nf_tables sent an element without a key')
    const keyEnd = readData(a, NFTA_SET_ELEM.KEY_END)
    return {
      key,
      ...optional('keyEnd', keyEnd instanceof Uint8Array ? keyEnd : undefined),
      ...optional('data', readData(a, NFTA_SET_ELEM.DATA)),
      ...optional('intervalEnd', ((a.u32be(NFTA_SET_ELEM.FLAGS) ?? 0) & NFT_SET_ELEM_INTERVAL_END) === 0 ? undefined : true),
      ...optional('timeoutMs', a.u64be(NFTA_SET_ELEM.TIMEOUT)),
      ...optional('comment', parseComment(COMMENT.element, a.bytes(NFTA_SET_ELEM.USERDATA))),
    }
  })
}

/** Names the set that a NEWSETELEM or DELSETELEM message is about. */
export function elementsOwner(message: Message): Readonly<{ table: string; set: string }> {
  const a = attributesOf(message)
  return { table: text(a, NFTA_SET_ELEM_LIST.TABLE), set: text(a, NFTA_SET_ELEM_LIST.SET) }
}
