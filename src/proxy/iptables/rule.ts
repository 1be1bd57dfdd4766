// Rules as text, in exactly the form in which iptables-save prints them, so that a ruleset read back can be
// compared letter by letter.

import { ADDRESS_BITS, formatAddress, type Address } from '../../net/ip/address.ts'
import type { Protocol } from '../../net/ip/port.ts'
import { formatPrefix, type Prefix } from '../../net/ip/prefix.ts'

/** "10.96.0.1/32" */
export const hostText = (address: Address): string => `${formatAddress(address)}/${ADDRESS_BITS[address.family]}`

export const destination = (address: Address): string => `-d ${hostText(address)}`
export const source = (address: Address): string => `-s ${hostText(address)}`
export const sourceIn = (prefix: Prefix): string => `-s ${formatPrefix(prefix)}`

/** `-p tcp`, which must precede all matches. */
export const protocol = (value: Protocol): string => `-p ${value.toLowerCase()}`

export const destinationPort = (value: Protocol, port: number): string => `-m ${value.toLowerCase()} --dport ${port}`

/** xtables_save_string leaves a word of these characters unquoted. */
const PLAIN_WORD = /^[\w-]+$/

/** Longest text xt_comment keeps (XT_MAX_COMMENT_LEN in linux/netfilter/xt_comment.h, less the terminator). */
const MAX_COMMENT = 255

export function comment(text: string): string {
  const kept = text.slice(0, MAX_COMMENT)
  return `-m comment --comment ${PLAIN_WORD.test(kept) ? kept : `"${kept.replaceAll(/["'\\]/g, '\\$&')}"`}`
}

/** Matches with probability `part / whole`; the kernel keeps it as a 31-bit number, and this prints that number. */
export function probability(part: number, whole: number): string {
  const bits = Math.round((part / whole) * 0x8000_0000)
  return `-m statistic --mode random --probability ${(bits / 0x8000_0000).toFixed(11)}`
}

/** Joins the parts that are there. */
export const rule = (...parts: readonly (string | undefined)[]): string => parts.filter(part => part !== undefined && part !== '').join(' ')
