// Elements of a dump, read straight from the message: a quarter of a million of them cost a second and half a gigabyte as
// attribute objects, and a tenth of either as text of one character per byte.

import { Attributes } from '../netlink/attributes.ts'
import { NLA_TYPE_MASK } from '../netlink/constants.ts'
import { align4, type Message } from '../netlink/message.ts'
import { NetlinkError } from '../netlink/netlink-error.ts'
import { NFT_SET_ELEM_INTERVAL_END, NFTA_DATA, NFTA_SET_ELEM, NFTA_SET_ELEM_LIST } from './constants.ts'
import { readVerdict, type Verdict } from './data.ts'
import { COMMENT, parseComment } from './userdata.ts'

/** An element with its bytes as text, one character per byte (latin1): small, comparable and a key of maps as it is. */
export type ElementText = Readonly<{
  key: string
  keyEnd: string | undefined
  data: string | Verdict | undefined
  intervalEnd: boolean
  comment: string | undefined
}>

/** struct nfgenmsg */
const NFGENMSG_BYTES = 4

/** Calls `visit` for each element of one NFT_MSG_NEWSETELEM. */
export function scanElements({ payload }: Message, visit: (element: ElementText) => void): void {
  eachAttribute(payload, NFGENMSG_BYTES, payload.length, (list, from, to) => {
    if (list !== NFTA_SET_ELEM_LIST.ELEMENTS) return
    // Whatever their type says: the kernel writes NFTA_LIST_ELEM, nft counts.
    eachAttribute(payload, from, to, (_, start, end) => visit(readElement(payload, start, end)))
  })
}

function readElement(bytes: Buffer, from: number, to: number): ElementText {
  let [key, keyEnd, comment]: (string | undefined)[] = []
  let data: string | Verdict | undefined
  let intervalEnd = false
  eachAttribute(bytes, from, to, (type, start, end) => {
    if (type === NFTA_SET_ELEM.KEY) key = readValue(bytes, start, end) as string
    else if (type === NFTA_SET_ELEM.DATA) data = readValue(bytes, start, end)
    else if (type === NFTA_SET_ELEM.KEY_END) keyEnd = readValue(bytes, start, end) as string
    else if (type === NFTA_SET_ELEM.FLAGS) intervalEnd = (bytes.readUInt32BE(start) & NFT_SET_ELEM_INTERVAL_END) !== 0
    else if (type === NFTA_SET_ELEM.USERDATA) comment = parseComment(COMMENT.element, bytes.subarray(start, end))
  })
  if (key === undefined) throw new NetlinkError('NETLINK_MALFORMED', 'nf_tables sent an element without a key')
  return { key, keyEnd, data, intervalEnd, comment }
}

/** struct nft_data: a value, or a verdict. */
function readValue(bytes: Buffer, from: number, to: number): string | Verdict | undefined {
  let value: string | Verdict | undefined
  eachAttribute(bytes, from, to, (type, start, end) => {
    value = type === NFTA_DATA.VALUE ? bytes.toString('latin1', start, end) : readVerdict(Attributes.parse(bytes.subarray(from, to)))
  })
  return value
}

function eachAttribute(bytes: Buffer, from: number, to: number, visit: (type: number, start: number, end: number) => void): void {
  for (let offset = from; offset + 4 <= to; ) {
    const length = bytes[offset]! | (bytes[offset + 1]! << 8)
    const type = (bytes[offset + 2]! | (bytes[offset + 3]! << 8)) & NLA_TYPE_MASK
    if (length < 4 || offset + length > to) throw new NetlinkError('NETLINK_MALFORMED', `attribute ${type} claims ${length} bytes where ${to - offset} are left`)
    visit(type, offset + 4, offset + length)
    offset += align4(length)
  }
}
