// What the headers of address, route, rule and neighbour messages have in common.

import { ADDRESS_BYTES, addressFromBytes, addressToBytes, type Address, type Family } from '../ip/address.ts'
import { prefixOf, networkAddress, type Prefix } from '../ip/prefix.ts'
import type { MessageWriter } from '../netlink/message-writer.ts'
import { NetlinkError } from '../netlink/netlink-error.ts'
import { AF_INET, AF_INET6 } from './constants.ts'

/** Address family of a message, or undefined for one that we do not speak (MPLS, multicast routing). */
export const familyOf = (payload: Buffer): Family | undefined =>
  payload[0] === AF_INET ? 4 : payload[0] === AF_INET6 ? 6 : undefined

export function requireBytes(payload: Buffer, bytes: number, what: string): void {
  if (payload.length < bytes) throw new NetlinkError('NETLINK_MALFORMED', `a message about ${what} has ${payload.length} bytes, fewer than ${bytes}`)
}

/** An absent destination stands for the whole address space. */
export function readPrefix(family: Family, bytes: Buffer | undefined, length: number): Prefix {
  return prefixOf(addressFromBytes(bytes ?? Buffer.alloc(ADDRESS_BYTES[family])), length)
}

export const prefixBytes = (prefix: Prefix): Uint8Array => addressToBytes(networkAddress(prefix))

export const readAddress = (bytes: Buffer | undefined): Address | undefined => (bytes === undefined ? undefined : addressFromBytes(bytes))

export const writeAddress = (message: MessageWriter, type: number, address: Address | undefined): MessageWriter =>
  address === undefined ? message : message.bytes(type, addressToBytes(address))
