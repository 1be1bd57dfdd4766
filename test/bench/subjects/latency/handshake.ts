// A TCP handshake timed by itself. Node's own sockets add the event loop, which costs more than what is measured; here
// connect(2) blocks, and the kernel answers for the listener meanwhile.

import { getSystemErrorName } from 'node:util'
import koffi from 'koffi'
import { inNetns } from '../../../../src/net/netns/in-netns.ts'

const libc = koffi.load(null)
const socket = libc.func('int socket(int domain, int type, int protocol)') as (domain: number, type: number, protocol: number) => number
const connect = libc.func('int connect(int fd, const uint8_t *address, uint32_t length)') as (fd: number, address: Uint8Array, length: number) => number
const bind = libc.func('int bind(int fd, const uint8_t *address, uint32_t length)') as (fd: number, address: Uint8Array, length: number) => number
const listen = libc.func('int listen(int fd, int backlog)') as (fd: number, backlog: number) => number
const accept = libc.func('int accept(int fd, void *address, void *length)') as (fd: number, address: null, length: null) => number
const setsockopt = libc.func('int setsockopt(int fd, int level, int name, const uint8_t *value, uint32_t length)') as (fd: number, level: number, name: number, value: Uint8Array, length: number) => number
const close = libc.func('int close(int fd)') as (fd: number) => number

const AF_INET = 2
const SOCK_STREAM_CLOEXEC = 1 | 0o2000000
const SOL_SOCKET = 1
const SO_LINGER = 13
/** Closing resets the connection, so that thousands of them leave neither ports nor timers behind. */
const RESET_ON_CLOSE = new Uint8Array(new Int32Array([1, 0]).buffer)

/** struct sockaddr_in (linux/in.h) */
function socketAddress(address: string, port: number): Uint8Array {
  const bytes = Buffer.alloc(16)
  bytes.writeUInt16LE(AF_INET, 0)
  bytes.writeUInt16BE(port, 2)
  bytes.set(address.split('.').map(Number), 4)
  return bytes
}

const failed = (call: string): Error => new Error(`${call}: ${getSystemErrorName(-koffi.errno())}`)

function tcpSocket(netns: string): number {
  const fd = inNetns(netns, () => socket(AF_INET, SOCK_STREAM_CLOEXEC, 0))
  if (fd < 0) throw failed('socket')
  return fd
}

/** A listener on every address of a namespace. */
export class Listener implements Disposable {
  readonly #fd: number

  constructor(netns: string, port: number) {
    this.#fd = tcpSocket(netns)
    const at = socketAddress('0.0.0.0', port)
    if (bind(this.#fd, at, at.length) < 0 || listen(this.#fd, 16) < 0) throw failed(`listen on port ${port}`)
  }

  /** Takes the connection that was made last; waits for nobody. */
  take(): void {
    const fd = accept(this.#fd, null, null)
    if (fd < 0) throw failed('accept')
    close(fd)
  }

  [Symbol.dispose](): void {
    close(this.#fd)
  }
}

/** Microseconds that connect(2) from inside `netns` takes, to something that leads to `listener`. */
export function handshakeMicroseconds(netns: string, address: string, port: number, listener: Listener): number {
  const to = socketAddress(address, port)
  const fd = tcpSocket(netns)
  try {
    setsockopt(fd, SOL_SOCKET, SO_LINGER, RESET_ON_CLOSE, RESET_ON_CLOSE.length)
    const start = process.hrtime.bigint()
    const result = connect(fd, to, to.length)
    const end = process.hrtime.bigint()
    if (result < 0) throw failed(`connect to ${address}:${port}`)
    listener.take()
    return Number(end - start) / 1000
  } finally {
    close(fd)
  }
}
