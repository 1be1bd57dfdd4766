// Comments in NFTA_*_USERDATA: type-length-value records that nft (libnftnl, udata.h) wrote first and everybody reads.

import { NFT_USERDATA_BYTES } from './constants.ts'

/** Record type of a comment: 0 for tables, chains, rules and elements (NFTNL_UDATA_*_COMMENT), 7 for sets. */
export const COMMENT = { table: 0, chain: 0, rule: 0, element: 0, set: 7 } as const

const ELLIPSIS = '…'

/** One record with zero-terminated text; text that does not fit is cut at a character and marked. */
export function formatComment(type: number, text: string): Buffer {
  const room = Math.min(255, NFT_USERDATA_BYTES - 2) - 1
  let fitting = text
  while (Buffer.byteLength(fitting) > room) fitting = `${[...fitting].slice(0, fitting.endsWith(ELLIPSIS) ? -2 : -1).join('')}${ELLIPSIS}`
  const value = Buffer.from(`${fitting}\0`, 'utf8')
  return Buffer.concat([Buffer.from([type, value.length]), value])
}

/** The comment among the records, or undefined. */
export function parseComment(type: number, userdata: Buffer | undefined): string | undefined {
  for (let offset = 0; userdata !== undefined && offset + 2 <= userdata.length; ) {
    const length = userdata[offset + 1]!
    if (userdata[offset] === type) return userdata.toString('utf8', offset + 2, offset + 2 + length).replace(/\0.*$/s, '')
    offset += 2 + length
  }
  return undefined
}
