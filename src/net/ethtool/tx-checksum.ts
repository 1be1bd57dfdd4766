// Whether a link leaves transmit checksums to its hardware (or its driver): ethtool's oldest switch
// (linux/ethtool.h, struct ethtool_value { u32 cmd; u32 data } behind SIOCETHTOOL).

import { closeSync } from 'node:fs'
import koffi from 'koffi'
import { ioctl, LibcError, openSocket } from '../libc/libc.ts'

/** linux/sockios.h, linux/ethtool.h */
const SIOCETHTOOL = 0x8946
const ETHTOOL_GTXCSUM = 0x16
const ETHTOOL_STXCSUM = 0x17

const AF_INET = 2
const SOCK_DGRAM = 2
/** struct ifreq on 64-bit kernels: 16 bytes of name, then a pointer. */
const IFREQ_BYTES = 40
const NAME_BYTES = 16

/** Undefined when the link is gone or knows no such switch. Works in the calling thread's namespace. */
export const readTxChecksum = (link: string): boolean | undefined => {
  const value = exchange(link, ETHTOOL_GTXCSUM, 0)
  return value === undefined ? undefined : value !== 0
}

/** Throws LIBC_CALL_FAILED when the link refuses; a link that is gone is no error. */
export function setTxChecksum(link: string, on: boolean): void {
  exchange(link, ETHTOOL_STXCSUM, on ? 1 : 0)
}

function exchange(link: string, command: number, data: number): number | undefined {
  const value = Buffer.alloc(8)
  value.writeUInt32LE(command, 0)
  value.writeUInt32LE(data, 4)
  const request = Buffer.alloc(IFREQ_BYTES)
  request.write(link, 0, NAME_BYTES - 1, 'latin1')
  request.writeBigUInt64LE(BigInt(koffi.address(value)), NAME_BYTES)
  const socket = openSocket(AF_INET, SOCK_DGRAM, 0)
  try {
    ioctl(socket, SIOCETHTOOL, request)
    return value.readUInt32LE(4)
  } catch (error) {
    if (error instanceof LibcError && (error.errnoName === 'ENODEV' || error.errnoName === 'EOPNOTSUPP')) return undefined
    throw error
  } finally {
    closeSync(socket)
  }
}
