// One entry of the connection tracking table, as ctnetlink tells it.

import { addressFromBytes, type Address } from '../ip/address.ts'
import { Attributes } from '../netlink/attributes.ts'
import * as k from './constants.ts'

/** struct nfgenmsg in front of the attributes. */
const NFGENMSG_BYTES = 4

export type FlowEnd = Readonly<{ address: Address; port: number }>
export type Direction = Readonly<{ source: FlowEnd; destination: FlowEnd }>

export type Flow = Readonly<{
  /** IANA number. */
  protocol: number
  /** As the first packet came. */
  original: Direction
  /** As answers are expected: its source is where the first packet was sent on to. */
  reply: Direction
  /** What the kernel needs to find the very entry again. */
  handle: Readonly<{ originalTuple: Buffer; id: Buffer | undefined; zone: Buffer | undefined }>
}>

/** Answers undefined for entries without ports (ICMP). */
export function readFlow(payload: Buffer): Flow | undefined {
  const attributes = Attributes.parse(payload.subarray(NFGENMSG_BYTES))
  const originalTuple = attributes.bytes(k.CTA_TUPLE_ORIG)
  const original = attributes.nested(k.CTA_TUPLE_ORIG)
  const reply = attributes.nested(k.CTA_TUPLE_REPLY)
  if (originalTuple === undefined || original === undefined || reply === undefined) return undefined
  const there = readDirection(original)
  const back = readDirection(reply)
  const protocol = original.nested(k.CTA_TUPLE_PROTO)?.u8(k.CTA_PROTO_NUM)
  if (there === undefined || back === undefined || protocol === undefined) return undefined
  return { protocol, original: there, reply: back, handle: { originalTuple, id: attributes.bytes(k.CTA_ID), zone: attributes.bytes(k.CTA_ZONE) } }
}

function readDirection(tuple: Attributes): Direction | undefined {
  const ip = tuple.nested(k.CTA_TUPLE_IP)
  const ports = tuple.nested(k.CTA_TUPLE_PROTO)
  const source = ip?.bytes(k.CTA_IP_V4_SRC) ?? ip?.bytes(k.CTA_IP_V6_SRC)
  const destination = ip?.bytes(k.CTA_IP_V4_DST) ?? ip?.bytes(k.CTA_IP_V6_DST)
  const sourcePort = ports?.u16be(k.CTA_PROTO_SRC_PORT)
  const destinationPort = ports?.u16be(k.CTA_PROTO_DST_PORT)
  if (source === undefined || destination === undefined || sourcePort === undefined || destinationPort === undefined) return undefined
  return {
    source: { address: addressFromBytes(source), port: sourcePort },
    destination: { address: addressFromBytes(destination), port: destinationPort },
  }
}
