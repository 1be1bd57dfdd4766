// SCTP associations (RFC 9260) through libc's one-to-one sockets, as Node has none: a server that says who it is and whom it
// sees, and a client that asks. Both run in this process with their sockets in a foreign namespace.

import { setTimeout as delay } from 'node:timers/promises'
import koffi from 'koffi'
import { addressFromBytes, addressToBytes, formatAddress, parseAddress } from '../../src/net/ip/address.ts'
import { inNetns } from '../../src/net/netns/in-netns.ts'
import { PATIENCE } from './eventually.ts'
import { formatReply, parseReply, type Reply } from './reply.ts'

const libc = koffi.load(null)
const socket = libc.func('int socket(int family, int type, int protocol)')
const bind = libc.func('int bind(int fd, uint8_t *address, uint32_t length)')
const listen = libc.func('int listen(int fd, int backlog)')
const accept = libc.func('int accept4(int fd, uint8_t *address, uint8_t *length, int flags)')
const connect = libc.func('int connect(int fd, uint8_t *address, uint32_t length)')
const send = libc.func('intptr_t send(int fd, uint8_t *bytes, size_t length, int flags)')
const recv = libc.func('intptr_t recv(int fd, uint8_t *bytes, size_t length, int flags)')
const close = libc.func('int close(int fd)')

const [AF_INET, AF_INET6, SOCK_STREAM, SOCK_NONBLOCK, IPPROTO_SCTP] = [2, 10, 1, 0o4000, 132]
const [EAGAIN, EPROTONOSUPPORT, ENOTCONN, EINPROGRESS] = [11, 93, 107, 115]
const PAUSE_MS = 5

/** Throws inside the namespace: the way back overwrites errno. */
const openSocket = (netns: string, family: 4 | 6): number =>
  inNetns(netns, () => {
    const fd = socket(family === 4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, IPPROTO_SCTP) as number
    if (fd < 0) throw new SctpError('socket', koffi.errno())
    return fd
  })

class SctpError extends Error {
  readonly errno: number

  constructor(call: string, errno: number) {
    super(`sctp: ${call}: errno ${errno}`)
    this.errno = errno
  }
}

/** Why tests of SCTP skip; undefined where the kernel has it. */
export function missingSctp(netns: string): string | undefined {
  try {
    close(openSocket(netns, 4))
    return undefined
  } catch (error) {
    if (!(error instanceof SctpError) || error.errno !== EPROTONOSUPPORT) throw error
    return 'skipped: this kernel has no SCTP; "npm run test:vm" runs it on one that has'
  }
}

export type SctpServerOptions = Readonly<{ netns: string; name: string; family: 4 | 6; port: number }>

/** Greets everyone who connects and hangs up. */
export async function openSctpServer({ netns, name, family, port }: SctpServerOptions): Promise<AsyncDisposable> {
  const fd = openSocket(netns, family)
  const stop = new AbortController()
  const any = nameOf(family === 4 ? '0.0.0.0' : '::', port)
  if (bind(fd, any, any.length) !== 0 || listen(fd, 128) !== 0) throw failure('listen')
  const serving = (async () => {
    while (!stop.signal.aborted) {
      const peer = Buffer.alloc(28)
      const length = Buffer.of(peer.length, 0, 0, 0)
      const client = accept(fd, peer, length, SOCK_NONBLOCK) as number
      if (client < 0) {
        await delay(PAUSE_MS)
        continue
      }
      const address = formatAddress(addressFromBytes(family === 4 ? peer.subarray(4, 8) : peer.subarray(8, 24)))
      const text = Buffer.from(formatReply(name, { address, port: peer.readUInt16BE(2) }))
      send(client, text, text.length, 0)
      close(client)
    }
  })()
  return {
    [Symbol.asyncDispose]: async () => {
      stop.abort()
      await serving
      close(fd)
    },
  }
}

/** Connects, reads the greeting, closes. Rejects when there is none in time. */
export async function askSctp(netns: string, { address, port, timeoutMs = 3_000 }: Readonly<{ address: string; port: number; timeoutMs?: number }>): Promise<Reply> {
  const fd = openSocket(netns, parseAddress(address, 'address').family)
  try {
    const name = nameOf(address, port)
    if (connect(fd, name, name.length) !== 0 && koffi.errno() !== EINPROGRESS) throw failure('connect')
    const answer = Buffer.alloc(512)
    for (const end = performance.now() + timeoutMs * PATIENCE; performance.now() < end; await delay(PAUSE_MS)) {
      const length = Number(recv(fd, answer, answer.length, 0))
      if (length > 0) return parseReply(answer.toString('utf8', 0, length))
      if (length < 0 && koffi.errno() !== EAGAIN && koffi.errno() !== ENOTCONN) throw failure('recv')
    }
    throw new Error(`sctp ${address}:${port}: no answer within ${timeoutMs * PATIENCE} ms`)
  } finally {
    close(fd)
  }
}

/** struct sockaddr_in or sockaddr_in6. */
function nameOf(text: string, port: number): Buffer {
  const address = parseAddress(text, 'address')
  const bytes = Buffer.alloc(address.family === 4 ? 16 : 28)
  bytes.writeUInt16LE(address.family === 4 ? AF_INET! : AF_INET6!)
  bytes.writeUInt16BE(port, 2)
  bytes.set(addressToBytes(address), address.family === 4 ? 4 : 8)
  return bytes
}

const failure = (call: string): SctpError => new SctpError(call, koffi.errno())
