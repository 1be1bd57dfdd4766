// Writes and reads expressions by the table of fields.

import { Attributes } from '../../netlink/attributes.ts'
import type { MessageWriter } from '../../netlink/message-writer.ts'
import { NetlinkError } from '../../netlink/netlink-error.ts'
import { NFTA_EXPR, NFTA_LIST_ELEM } from '../constants.ts'
import { readData, writeValue, writeVerdict, type Verdict } from '../data.ts'
import { registerFromNumber, registerNumber, type Register } from '../registers.ts'
import type { Expression } from './expression.ts'
import { kindOf, LAYOUT, type Form } from './fields.ts'

/** Writes a rule's expressions as NFTA_LIST_ELEM entries. Throws on one that was read as `unknown`. */
export function writeExpressions(writer: MessageWriter, expressions: readonly Expression[]): void {
  for (const expression of expressions) {
    if (expression.kind === 'unknown') {
      throw new NetlinkError('NETLINK_MALFORMED', `the expression "${expression.name}" can be read but not written`)
    }
    const layout = LAYOUT[expression.kind]
    writer.nested(NFTA_LIST_ELEM, element => {
      element.string(NFTA_EXPR.NAME, layout.name)
      element.nested(NFTA_EXPR.DATA, data => {
        for (const { attribute, u32be } of layout.fixed ?? []) data.u32be(attribute, u32be)
        for (const { field, attribute, form } of layout.fields) {
          const value = (expression as Readonly<Record<string, unknown>>)[field]
          if (value !== undefined) writeField(data, attribute, form, value)
        }
      })
    })
  }
}

function writeField(writer: MessageWriter, attribute: number, form: Form, value: unknown): void {
  if (typeof form === 'object') {
    const number = form.names[value as string]
    if (number === undefined) throw new RangeError(`${String(value)} is not one of ${Object.keys(form.names).join(', ')}`)
    // Every number is big-endian but the conntrack direction, which is one octet (NFTA_CT_DIRECTION).
    if ('original' in form.names) writer.u8(attribute, number)
    else writer.u32be(attribute, number)
    return
  }
  switch (form) {
    case 'register':
      return void writer.u32be(attribute, registerNumber(value as Register | 'verdict'))
    case 'u8':
      return void writer.u8(attribute, value as number)
    case 'u32be':
    case 'flags':
      return void writer.u32be(attribute, value as number)
    case 'u64be':
    case 'timeout':
      return void writer.u64be(attribute, value as bigint)
    case 'text':
      return void writer.string(attribute, value as string)
    case 'value':
      return void writeValue(writer, attribute, value as Uint8Array)
    case 'verdict':
      return void writeVerdict(writer, attribute, value as Verdict)
    default:
      return form satisfies never
  }
}

/** Reads the entries of NFTA_RULE_EXPRESSIONS. What this library does not know comes back as `unknown`, never dropped. */
export function readExpressions(list: Attributes): readonly Expression[] {
  return list.list.map(({ payload }) => {
    const entry = Attributes.parse(payload)
    const name = entry.string(NFTA_EXPR.NAME) ?? ''
    const bytes = entry.bytes(NFTA_EXPR.DATA) ?? Buffer.alloc(0)
    const data = Attributes.parse(bytes)
    const kind = kindOf(name, attribute => data.has(attribute), name === 'immediate' && isVerdict(data))
    if (kind === undefined) return { kind: 'unknown', name, data: Buffer.from(bytes) }
    const fields = LAYOUT[kind].fields.map(({ field, attribute, form }) => [field, data.has(attribute) ? readField(data, attribute, form) : undefined] as const)
    return { kind, ...Object.fromEntries(fields.filter(([, value]) => value !== undefined)) } as Expression
  })
}

/** An immediate whose destination is the verdict register holds a verdict. */
const isVerdict = (data: Attributes): boolean => data.u32be(1) === 0

function readField(data: Attributes, attribute: number, form: Form): unknown {
  if (typeof form === 'object') {
    const number = 'original' in form.names ? data.u8(attribute) : data.u32be(attribute)
    const name = Object.entries(form.names).find(([, value]) => value === number)?.[0]
    // `family` is 4 or 6: object keys are text, the value is a number.
    return name !== undefined && /^\d+$/.test(name) ? Number(name) : name
  }
  switch (form) {
    case 'register':
      return registerFromNumber(data.u32be(attribute))
    case 'u8':
      return data.u8(attribute)
    case 'u32be':
      return data.u32be(attribute)
    case 'flags':
      return data.u32be(attribute) || undefined
    case 'u64be':
      return data.u64be(attribute)
    case 'timeout':
      return data.u64be(attribute) || undefined
    case 'text':
      return data.string(attribute)
    case 'value':
    case 'verdict':
      return readData(data, attribute)
    default:
      return form satisfies never
  }
}
