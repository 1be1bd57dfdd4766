// Moving single packets between descriptors without a promise per packet: the plain calls, for a thread that does nothing
// else. Node's own sockets and streams cost several microseconds and two allocations for each.

import koffi from 'koffi'
import { addressToBytes, type Address } from '../ip/address.ts'
import { errnoName } from '../libc/errno.ts'
import { LibcError, openSocket, setSocketOption } from '../libc/libc.ts'

const libc = koffi.load(null)
const native = {
  read: libc.func('intptr_t read(int fd, uint8_t *bytes, size_t length)'),
  write: libc.func('intptr_t write(int fd, uint8_t *bytes, size_t length)'),
  sendto: libc.func('intptr_t sendto(int fd, uint8_t *bytes, size_t length, int flags, uint8_t *address, uint32_t addressLength)'),
  bind: libc.func('int bind(int fd, uint8_t *address, uint32_t length)'),
  poll: libc.func('int poll(uint8_t *fds, unsigned long count, int timeout)'),
  eventfd: libc.func('int eventfd(uint32_t value, int flags)'),
} as const

/** sys/socket.h, asm-generic/socket.h */
const AF_INET = 2
const SOCK_DGRAM_NONBLOCK = 2 | 0o4000
const SOL_SOCKET = 1
const SO_SNDBUF = 7
const SO_RCVBUF = 8
/** sys/eventfd.h */
const EFD_CLOEXEC_NONBLOCK = 0o2000000 | 0o4000
const POLLIN = 1

const SOCKET_BUFFER_BYTES = 4 << 20

/** struct sockaddr_in { u16 family; be16 port; u8 address[4]; pad[8] } */
export function ipv4Name(address: Address, port: number): Buffer {
  const name = Buffer.alloc(16)
  name.writeUInt16LE(AF_INET, 0)
  name.writeUInt16BE(port, 2)
  name.set(addressToBytes(address), 4)
  return name
}

/** A non-blocking UDP socket bound to `address`. Close it with `closeSync`. */
export function openUdpSocket(address: Address, port: number): number {
  const fd = openSocket(AF_INET, SOCK_DGRAM_NONBLOCK, 0)
  setSocketOption(fd, SOL_SOCKET, SO_RCVBUF, SOCKET_BUFFER_BYTES)
  setSocketOption(fd, SOL_SOCKET, SO_SNDBUF, SOCKET_BUFFER_BYTES)
  if ((native.bind(fd, ipv4Name(address, port), 16) as number) === -1) throw new LibcError('bind', koffi.errno(), { port })
  return fd
}

/** A descriptor that wakes `waitReadable` when eight bytes are written to it. */
export function openWakeFd(): number {
  const fd = native.eventfd(0, EFD_CLOEXEC_NONBLOCK) as number
  if (fd === -1) throw new LibcError('eventfd', koffi.errno(), {})
  return fd
}

/** Reads one packet; 0 when there is none now, or a negative errno name's text when the descriptor is broken. */
export function readPacket(fd: number, bytes: Buffer): number | string {
  const length = Number(native.read(fd, bytes, bytes.length))
  return length >= 0 ? length : failure()
}

export function writePacket(fd: number, bytes: Buffer, length: number): number | string {
  const written = Number(native.write(fd, bytes, length))
  return written >= 0 ? written : failure()
}

export function sendPacket(fd: number, packet: Readonly<{ bytes: Buffer; length: number }>, to: Buffer): number | string {
  const sent = Number(native.sendto(fd, packet.bytes, packet.length, 0, to, to.length))
  return sent >= 0 ? sent : failure()
}

/** "" for a call that only has to be made again later, else the errno's name. */
function failure(): string {
  const name = errnoName(koffi.errno())
  return name === 'EAGAIN' || name === 'EINTR' ? '' : name
}

/** Waits until one of the descriptors is readable or broken. */
export function waitReadable(fds: readonly number[], timeoutMs: number): void {
  const table = Buffer.alloc(fds.length * 8)
  fds.forEach((fd, index) => {
    table.writeInt32LE(fd, index * 8)
    table.writeInt16LE(POLLIN, index * 8 + 4)
  })
  native.poll(table, fds.length, timeoutMs)
}
