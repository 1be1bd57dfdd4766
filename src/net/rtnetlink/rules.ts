// Routing policy rules: struct fib_rule_hdr { u8 family, dst_len, src_len, tos, table, res1, res2, action; u32 flags } and FRA_*.

import type { Family } from '../ip/address.ts'
import { formatPrefix, type Prefix } from '../ip/prefix.ts'
import { Attributes } from '../netlink/attributes.ts'
import { NLM_F_CREATE, NLM_F_EXCL } from '../netlink/constants.ts'
import { MessageWriter, type MessageHead } from '../netlink/message-writer.ts'
import { isRefusal } from '../netlink/netlink-error.ts'
import type { NetlinkSocket, RequestOptions } from '../netlink/netlink-socket.ts'
import * as k from './constants.ts'
import { familyOf, prefixBytes, readPrefix, requireBytes } from './header.ts'

/** FR_ACT_*, by number; those in between are unused or need a target rule. */
const ACTIONS = { lookup: 1, blackhole: 6, unreachable: 7, prohibit: 8 } as const
export type RuleAction = keyof typeof ACTIONS

export type Rule = Readonly<{
  family: Family
  priority: number
  /** Undefined for actions that Weft does not write (goto, nop). */
  action: RuleAction | undefined
  table: number
  source: Prefix | undefined
  destination: Prefix | undefined
  mark: Readonly<{ value: number; mask: number }> | undefined
  inputLink: string | undefined
  outputLink: string | undefined
  inverted: boolean
  protocol: number
  attributes: Attributes
}>

export type RuleSpec = Readonly<{
  family: Family
  priority: number
  action?: RuleAction
  table?: number
  source?: Prefix
  destination?: Prefix
  mark?: Readonly<{ value: number; mask: number }>
  inputLink?: string
  outputLink?: string
  inverted?: boolean
  protocol?: number
}>

const HEADER_BYTES = 12

export function readRule(payload: Buffer): Rule | undefined {
  requireBytes(payload, HEADER_BYTES, 'a rule')
  const family = familyOf(payload)
  if (family === undefined) return undefined
  const attributes = Attributes.parse(payload.subarray(HEADER_BYTES))
  const prefix = (type: number, length: number): Prefix | undefined => (attributes.has(type) ? readPrefix(family, attributes.bytes(type), length) : undefined)
  const action = payload.readUInt8(7)
  const mark = attributes.u32(k.FRA_FWMARK)
  return {
    family,
    priority: attributes.u32(k.FRA_PRIORITY) ?? 0,
    action: (Object.keys(ACTIONS) as RuleAction[]).find(name => ACTIONS[name] === action),
    table: attributes.u32(k.FRA_TABLE) ?? payload.readUInt8(4),
    source: prefix(k.FRA_SRC, payload.readUInt8(2)),
    destination: prefix(k.FRA_DST, payload.readUInt8(1)),
    mark: mark === undefined ? undefined : { value: mark, mask: attributes.u32(k.FRA_FWMASK) ?? 0xffff_ffff },
    inputLink: attributes.string(k.FRA_IIFNAME),
    outputLink: attributes.string(k.FRA_OIFNAME),
    inverted: (payload.readUInt32LE(8) & k.FIB_RULE_INVERT) !== 0,
    protocol: attributes.u8(k.FRA_PROTOCOL) ?? 0,
    attributes,
  }
}

export function ruleMessage(head: MessageHead, spec: RuleSpec): MessageWriter {
  const bytes = Buffer.alloc(HEADER_BYTES)
  const table = spec.table ?? 0
  bytes.set([k.AF_OF_FAMILY[spec.family], spec.destination?.length ?? 0, spec.source?.length ?? 0, 0, table > 255 ? 0 : table, 0, 0, ACTIONS[spec.action ?? 'lookup']])
  bytes.writeUInt32LE(spec.inverted === true ? k.FIB_RULE_INVERT : 0, 8)
  const message = new MessageWriter(head, bytes).u32(k.FRA_PRIORITY, spec.priority)
  if (table > 255) message.u32(k.FRA_TABLE, table)
  if (spec.destination !== undefined) message.bytes(k.FRA_DST, prefixBytes(spec.destination))
  if (spec.source !== undefined) message.bytes(k.FRA_SRC, prefixBytes(spec.source))
  if (spec.mark !== undefined) message.u32(k.FRA_FWMARK, spec.mark.value).u32(k.FRA_FWMASK, spec.mark.mask)
  if (spec.inputLink !== undefined) message.string(k.FRA_IIFNAME, spec.inputLink)
  if (spec.outputLink !== undefined) message.string(k.FRA_OIFNAME, spec.outputLink)
  if (spec.protocol !== undefined) message.u8(k.FRA_PROTOCOL, spec.protocol)
  return message
}

function describe(verb: string, spec: RuleSpec): string {
  const source = spec.source === undefined ? '' : ` from ${formatPrefix(spec.source)}`
  const destination = spec.destination === undefined ? '' : ` to ${formatPrefix(spec.destination)}`
  return `${verb} IPv${spec.family} ${spec.priority}:${source}${destination} ${spec.action ?? 'lookup'} ${spec.table ?? ''}`.trimEnd()
}

export class Rules {
  readonly #socket: NetlinkSocket

  constructor(socket: NetlinkSocket) {
    this.#socket = socket
  }

  async list(options: RequestOptions & Readonly<{ family?: Family }>): Promise<readonly Rule[]> {
    const found: Rule[] = []
    for (const family of options.family === undefined ? ([4, 6] as const) : [options.family]) {
      const header = Buffer.alloc(HEADER_BYTES)
      header.writeUInt8(k.AF_OF_FAMILY[family], 0)
      try {
        const answers = await this.#socket.dump(new MessageWriter({ type: k.RTM_GETRULE, flags: 0, operation: `RTM_GETRULE (all, IPv${family})` }, header), options)
        found.push(...answers.map(answer => readRule(answer.payload)).filter(rule => rule !== undefined))
      } catch (error) {
        // A kernel without IPv6, or without policy routing for the family.
        if (!isRefusal(error, 'EAFNOSUPPORT', 'EOPNOTSUPP')) throw error
      }
    }
    return found
  }

  /** Adds a rule. EEXIST when the very same one stands. */
  async add(spec: RuleSpec, options: RequestOptions): Promise<void> {
    await this.#socket.request(ruleMessage({ type: k.RTM_NEWRULE, flags: NLM_F_CREATE | NLM_F_EXCL, operation: describe('RTM_NEWRULE', spec) }, spec), options)
  }

  /** Removes a rule that matches all that `spec` states; one that is gone already is success. */
  async remove(spec: RuleSpec, options: RequestOptions): Promise<'removed' | 'absent'> {
    try {
      await this.#socket.request(ruleMessage({ type: k.RTM_DELRULE, flags: 0, operation: describe('RTM_DELRULE', spec) }, spec), options)
      return 'removed'
    } catch (error) {
      if (isRefusal(error, 'ENOENT', 'EAFNOSUPPORT')) return 'absent'
      throw error
    }
  }
}
