// Opens the library's raw socket, in any namespace, with the options that its own interface does not offer.

import { readdirSync, readlinkSync } from 'node:fs'
import { RawNetlinkSocket } from 'netlink'
import { getSocketOption, LibcError, setSocketOption, socketName } from '../libc/libc.ts'
import type { NetnsReference } from '../netns/identity.ts'
import { inNetns } from '../netns/in-netns.ts'
import { AF_NETLINK, NETLINK_CAP_ACK, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK, NETLINK_NO_ENOBUFS, SK_MEMINFO_DROPS, SK_MEMINFO_VARS, SO_MEMINFO, SO_PROTOCOL, SO_RCVBUFFORCE, SO_SNDBUFFORCE, SOL_NETLINK, SOL_SOCKET } from './constants.ts'
import { NetlinkError } from './netlink-error.ts'

export type RawSocketOptions = Readonly<{
  protocol: number
  /** Namespace the socket is to live in; ours when absent. */
  netns?: NetnsReference | undefined
  /** Kernel receive buffer; beyond net.core.rmem_max with CAP_NET_ADMIN. Defaults to a megabyte, some 2,000 acknowledgements. */
  receiveBufferBytes?: number
  /** Kernel send buffer, the limit of one datagram. */
  sendBufferBytes?: number
  /** NETLINK_GET_STRICT_CHK: lets the kernel filter dumps by what the request's header and attributes say. */
  strictChecking?: boolean
}>

/** One read. The kernel sizes dump replies by what its reader offers, up to this (netlink_dump in net/netlink/af_netlink.c). */
export const READ_BYTES = 32_768

const DEFAULT_RECEIVE_BUFFER_BYTES = 1 << 20

/** The library's socket and its descriptor, valid until the socket is closed. */
export type RawSocket = Readonly<{ socket: RawNetlinkSocket; fd: number }>

/** Opens and binds a socket. Synchronous, so that it can happen inside a foreign namespace. */
export function openRawSocket(options: RawSocketOptions): RawSocket {
  return options.netns === undefined ? openHere(options) : inNetns(options.netns, () => openHere(options))
}

function openHere(options: RawSocketOptions): RawSocket {
  const before = openSockets()
  const socket = new RawNetlinkSocket(options.protocol, { messagePeeking: false, msgBufferSize: READ_BYTES, recvBufferSize: 0, sendBufferSize: 0 })
  try {
    const fd = descriptorOf(socket, options.protocol, before)
    setSocketOption(fd, SOL_NETLINK, NETLINK_EXT_ACK, 1)
    setSocketOption(fd, SOL_NETLINK, NETLINK_CAP_ACK, 1)
    // A full receive buffer is otherwise a socket error, on which the library aborts the process (it passes a null pointer
    // for the name of the call). `droppedMessages` tells of the loss instead.
    setSocketOption(fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, 1)
    if (options.strictChecking === true) setSocketOption(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1)
    const receiveBufferBytes = options.receiveBufferBytes ?? DEFAULT_RECEIVE_BUFFER_BYTES
    forceBuffer(fd, SO_RCVBUFFORCE, receiveBufferBytes, () => socket.setRecvBufferSize(receiveBufferBytes))
    if (options.sendBufferBytes !== undefined) forceBuffer(fd, SO_SNDBUFFORCE, options.sendBufferBytes, () => socket.setSendBufferSize(options.sendBufferBytes!))
    return { socket, fd }
  } catch (error) {
    socket.close()
    throw error
  }
}

/** How many messages the kernel has dropped because nobody read them in time; only ever grows. */
export const droppedMessages = (fd: number): number =>
  getSocketOption(fd, SOL_SOCKET, SO_MEMINFO, SK_MEMINFO_VARS * 4).readUInt32LE(SK_MEMINFO_DROPS * 4)

/**
 * The library hides its descriptor. It is among the sockets that appeared while it opened (other threads open theirs at the
 * same time), and the only one of them that is a netlink socket of that protocol bound to the library's port.
 */
function descriptorOf(socket: RawNetlinkSocket, protocol: number, before: ReadonlyMap<string, number>): number {
  const { port } = socket.address()
  for (const [inode, fd] of openSockets()) {
    if (!before.has(inode) && isBoundTo(fd, port) && getSocketOption(fd, SOL_SOCKET, SO_PROTOCOL, 4).readInt32LE() === protocol) return fd
  }
  throw new NetlinkError('NETLINK_CLOSED', 'the descriptor of a new netlink socket was not found under /proc/self/fd')
}

/** Our sockets: "socket:[inode]" and descriptor. */
function openSockets(): ReadonlyMap<string, number> {
  const sockets = new Map<string, number>()
  for (const name of readdirSync('/proc/self/fd')) {
    try {
      const target = readlinkSync(`/proc/self/fd/${name}`)
      if (target.startsWith('socket:')) sockets.set(target, Number(name))
    } catch (error) {
      // The listing's own descriptor, and those that other threads closed meanwhile.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }
  return sockets
}

/** struct sockaddr_nl { u16 family; u16 pad; u32 pid; u32 groups } */
function isBoundTo(fd: number, port: number): boolean {
  const name = socketName(fd)
  return name !== undefined && name.length >= 12 && name.readUInt16LE(0) === AF_NETLINK && name.readUInt32LE(4) === port
}

/** The forcing option needs CAP_NET_ADMIN in the first user namespace; without it the ordinary one takes what is allowed. */
function forceBuffer(fd: number, option: number, bytes: number, ordinary: () => void): void {
  try {
    setSocketOption(fd, SOL_SOCKET, option, bytes)
  } catch (error) {
    if (!(error instanceof LibcError) || error.errnoName !== 'EPERM') throw error
    ordinary()
  }
}
