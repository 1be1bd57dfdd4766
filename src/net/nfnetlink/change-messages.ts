// A change as the netlink messages that make it.

import { NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL } from '../netlink/constants.ts'
import { MessageWriter } from '../netlink/message-writer.ts'
import {
  HOOK, NFNL_MSG_BATCH_BEGIN, NFNL_MSG_BATCH_END, NFNL_BATCH_GENID, NFNL_SUBSYS_NFTABLES, NFPROTO, NFT_DATA_VERDICT, NFT_MSG, NFT_SET,
  NFT_SET_ELEM_INTERVAL_END, NFTA_CHAIN, NFTA_HOOK, NFTA_LIST_ELEM, NFTA_RULE, NFTA_SET, NFTA_SET_DESC, NFTA_SET_ELEM, NFTA_SET_ELEM_LIST,
  NFTA_SET_FIELD_LEN, NFTA_TABLE, nftMessageType, VERDICT_CODE, type TableFamily,
} from './constants.ts'
import { writeValue, writeVerdict } from './data.ts'
import { keyBytes, registerBytes, typeNumber, type DataType } from './datatypes.ts'
import { writeExpressions } from './expressions/codec.ts'
import { describeChange, type Change, type Element, type Set, type TableName } from './objects.ts'
import { COMMENT, formatComment } from './userdata.ts'

/** struct nfgenmsg { u8 family; u8 version; be16 res_id } */
export function nfgenmsg(family: number, resourceId = 0): Uint8Array {
  return Uint8Array.of(family, 0, resourceId >> 8, resourceId & 255)
}

/** A request about `family` (0 for all). */
export function nftRequest(message: number, family: TableFamily | 0, operation: string, flags = 0): MessageWriter {
  return new MessageWriter({ type: nftMessageType(message), flags, operation }, nfgenmsg(family === 0 ? 0 : NFPROTO[family]))
}

/** The frame around a batch. With `generation`, the kernel refuses the batch (ERESTART) when somebody else committed since. */
export function batchFrame(generation: number | undefined): Readonly<{ begin: MessageWriter; end: MessageWriter }> {
  const frame = (type: number, operation: string): MessageWriter =>
    new MessageWriter({ type, flags: 0, operation }, nfgenmsg(0, NFNL_SUBSYS_NFTABLES))
  const begin = frame(NFNL_MSG_BATCH_BEGIN, 'nf_tables batch')
  if (generation !== undefined) begin.u32be(NFNL_BATCH_GENID, generation)
  return { begin, end: frame(NFNL_MSG_BATCH_END, 'nf_tables batch end') }
}

/** The messages of `change`; element lists that exceed one attribute's 64 KiB become several messages. */
export function changeMessages(change: Change): readonly MessageWriter[] {
  const operation = describeChange(change)
  switch (change.kind) {
    case 'add-table': {
      const { table } = change
      const writer = nftRequest(NFT_MSG.NEWTABLE, table.family, operation, NLM_F_CREATE).string(NFTA_TABLE.NAME, table.table).u32be(NFTA_TABLE.FLAGS, 0)
      return [withComment(writer, NFTA_TABLE.USERDATA, COMMENT.table, table.comment)]
    }
    case 'delete-table':
      return [nftRequest(NFT_MSG.DELTABLE, change.table.family, operation).string(NFTA_TABLE.NAME, change.table.table)]
    case 'add-chain': {
      const { chain } = change
      const writer = nftRequest(NFT_MSG.NEWCHAIN, chain.family, operation, NLM_F_CREATE)
        .string(NFTA_CHAIN.TABLE, chain.table)
        .string(NFTA_CHAIN.NAME, chain.chain)
      const { base } = chain
      if (base !== undefined) {
        writer.nested(NFTA_CHAIN.HOOK, w => w.u32be(NFTA_HOOK.HOOKNUM, HOOK[base.hook]).u32be(NFTA_HOOK.PRIORITY, base.priority >>> 0))
        writer.string(NFTA_CHAIN.TYPE, base.type).u32be(NFTA_CHAIN.POLICY, VERDICT_CODE[base.policy ?? 'accept'])
      }
      return [withComment(writer, NFTA_CHAIN.USERDATA, COMMENT.chain, chain.comment)]
    }
    case 'delete-chain':
      return [nftRequest(NFT_MSG.DELCHAIN, change.chain.family, operation).string(NFTA_CHAIN.TABLE, change.chain.table).string(NFTA_CHAIN.NAME, change.chain.chain)]
    case 'add-rule': {
      const { rule } = change
      const writer = nftRequest(NFT_MSG.NEWRULE, rule.family, operation, NLM_F_CREATE | NLM_F_APPEND)
        .string(NFTA_RULE.TABLE, rule.table)
        .string(NFTA_RULE.CHAIN, rule.chain)
        .nested(NFTA_RULE.EXPRESSIONS, w => writeExpressions(w, rule.expressions))
      return [withComment(writer, NFTA_RULE.USERDATA, COMMENT.rule, rule.comment)]
    }
    case 'delete-rules': {
      const writer = nftRequest(NFT_MSG.DELRULE, change.rule.family, operation).string(NFTA_RULE.TABLE, change.rule.table).string(NFTA_RULE.CHAIN, change.rule.chain)
      if (change.rule.handle !== undefined) writer.u64be(NFTA_RULE.HANDLE, change.rule.handle)
      return [writer]
    }
    case 'add-set':
      return [setMessage(change.set, operation)]
    case 'delete-set':
      return [nftRequest(NFT_MSG.DELSET, change.set.family, operation).string(NFTA_SET.TABLE, change.set.table).string(NFTA_SET.NAME, change.set.set)]
    case 'add-elements':
      return elementMessages(NFT_MSG.NEWSETELEM, change.in, change.elements, operation, NLM_F_CREATE | (change.create === true ? NLM_F_EXCL : 0))
    case 'delete-elements':
      return elementMessages(NFT_MSG.DELSETELEM, change.in, change.elements, operation, 0)
    case 'flush-set':
      return [
        nftRequest(NFT_MSG.DELSETELEM, change.set.family, operation)
          .string(NFTA_SET_ELEM_LIST.TABLE, change.set.table)
          .string(NFTA_SET_ELEM_LIST.SET, change.set.set),
      ]
    default:
      return change satisfies never
  }
}

function withComment(writer: MessageWriter, attribute: number, type: number, comment: string | undefined): MessageWriter {
  return comment === undefined ? writer : writer.bytes(attribute, formatComment(type, comment))
}

/** The kernel wants an id for every new set, unique within the batch; sets of ours are always named, so any will do. */
const SET_ID = 1

function setMessage(set: Set, operation: string): MessageWriter {
  const concatenated = set.keyTypes.length > 1
  const flags =
    (set.interval === true ? NFT_SET.INTERVAL : 0) |
    (set.data === undefined ? 0 : NFT_SET.MAP) |
    (set.timeout === true ? NFT_SET.TIMEOUT : 0) |
    (set.dynamic === true ? NFT_SET.EVAL : 0) |
    (concatenated ? NFT_SET.CONCAT : 0)
  const writer = nftRequest(NFT_MSG.NEWSET, set.family, operation, NLM_F_CREATE)
    .string(NFTA_SET.TABLE, set.table)
    .string(NFTA_SET.NAME, set.set)
    .u32be(NFTA_SET.ID, SET_ID)
    .u32be(NFTA_SET.FLAGS, flags)
    .u32be(NFTA_SET.KEY_TYPE, typeNumber(set.keyTypes))
    .u32be(NFTA_SET.KEY_LEN, keyBytes(set.keyTypes))
  if (set.data === 'verdict') writer.u32be(NFTA_SET.DATA_TYPE, NFT_DATA_VERDICT).u32be(NFTA_SET.DATA_LEN, 0)
  else if (set.data !== undefined) writer.u32be(NFTA_SET.DATA_TYPE, typeNumber(set.data)).u32be(NFTA_SET.DATA_LEN, keyBytes(set.data))
  if (set.size !== undefined || concatenated) {
    writer.nested(NFTA_SET.DESC, desc => {
      if (set.size !== undefined) desc.u32be(NFTA_SET_DESC.SIZE, set.size)
      if (concatenated) desc.nested(NFTA_SET_DESC.CONCAT, fields => set.keyTypes.forEach(type => writeField(fields, type)))
    })
  }
  if (set.timeoutMs !== undefined) writer.u64be(NFTA_SET.TIMEOUT, set.timeoutMs)
  return withComment(writer, NFTA_SET.USERDATA, COMMENT.set, set.comment)
}

const writeField = (writer: MessageWriter, type: DataType): MessageWriter =>
  writer.nested(NFTA_LIST_ELEM, w => w.u32be(NFTA_SET_FIELD_LEN, registerBytes(type)))

/** An attribute's length is 16 bits; elements stay well below, whatever the last one weighs (comment, key, key end, data). */
const ELEMENT_LIST_BYTES = 60_000

function elementMessages(message: number, where: TableName & Readonly<{ set: string }>, elements: readonly Element[], operation: string, flags: number): readonly MessageWriter[] {
  const writers: MessageWriter[] = []
  for (let next = 0; next < elements.length; ) {
    const writer = nftRequest(message, where.family, operation, flags)
      .string(NFTA_SET_ELEM_LIST.TABLE, where.table)
      .string(NFTA_SET_ELEM_LIST.SET, where.set)
    writer.nested(NFTA_SET_ELEM_LIST.ELEMENTS, list => {
      for (let bytes = 0; next < elements.length && bytes < ELEMENT_LIST_BYTES; next += 1) bytes += writeElement(list, elements[next]!)
    })
    writers.push(writer)
  }
  return writers
}

/** Answers an upper bound of the bytes written. */
function writeElement(list: MessageWriter, element: Element): number {
  const { data } = element
  list.nested(NFTA_LIST_ELEM, w => {
    if (element.intervalEnd === true) w.u32be(NFTA_SET_ELEM.FLAGS, NFT_SET_ELEM_INTERVAL_END)
    writeValue(w, NFTA_SET_ELEM.KEY, element.key)
    if (element.keyEnd !== undefined) writeValue(w, NFTA_SET_ELEM.KEY_END, element.keyEnd)
    if (data !== undefined) {
      if ('kind' in data) writeVerdict(w, NFTA_SET_ELEM.DATA, data)
      else writeValue(w, NFTA_SET_ELEM.DATA, data)
    }
    if (element.timeoutMs !== undefined) w.u64be(NFTA_SET_ELEM.TIMEOUT, element.timeoutMs)
    withComment(w, NFTA_SET_ELEM.USERDATA, COMMENT.element, element.comment)
  })
  const dataBytes = data === undefined ? 0 : 'kind' in data ? 300 : data.length + 8
  return 64 + element.key.length + (element.keyEnd?.length ?? 0) + dataBytes + (element.comment === undefined ? 0 : 260)
}
