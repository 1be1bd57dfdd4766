// Netlink requests that take the kernel tens of milliseconds, made from another thread. rtnetlink carries a request out
// within the send, whatever the socket's mode, and removing a link waits for RCU there: 15 to 30 ms for one veth pair.

import koffi from 'koffi'
import { WeftError } from '../../ops/errors.ts'
import { refusalIn } from './acknowledgement.ts'
import { AF_NETLINK, NETLINK_CAP_ACK, NETLINK_EXT_ACK, NLM_F_ACK, NLM_F_REQUEST, NLMSG_ERROR, SOL_NETLINK } from './constants.ts'
import type { MessageWriter } from './message-writer.ts'
import { messagesIn } from './message.ts'
import { NetlinkError, refused } from './netlink-error.ts'
import { setSocketOption } from '../libc/libc.ts'

const libc = koffi.load(null)
const socket = libc.func('int socket(int domain, int type, int protocol)')
const close = libc.func('int close(int fd)')
const send = libc.func('long send(int fd, const uint8_t *bytes, unsigned long length, int flags)')
const receive = libc.func('long recv(int fd, _Out_ uint8_t *bytes, unsigned long length, int flags)')

/** asm-generic/socket.h and bits/socket_type.h */
const SOCK_RAW = 3
const SOCK_CLOEXEC = 0o2000000
const REPLY_BYTES = 8192

/** One socket in the namespace of the thread that opens it; one request at a time, in order of arrival. */
export class SlowNetlink implements AsyncDisposable {
  readonly #fd: number
  #sequence = 0
  #last: Promise<unknown> = Promise.resolve()

  constructor(protocol: number) {
    this.#fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol)
    if (this.#fd < 0) throw new WeftError('NETLINK_OPEN_FAILED', `cannot open a netlink socket: errno ${koffi.errno()}`, { protocol })
    setSocketOption(this.#fd, SOL_NETLINK, NETLINK_EXT_ACK, 1)
    setSocketOption(this.#fd, SOL_NETLINK, NETLINK_CAP_ACK, 1)
  }

  /** Resolves with the kernel's acknowledgement; rejects with NETLINK_REFUSED. Cannot be cancelled once sent. */
  async request(message: MessageWriter): Promise<void> {
    const turn = this.#last.then(() => this.#exchange(message))
    this.#last = turn.catch(() => undefined)
    await turn
  }

  async #exchange(message: MessageWriter): Promise<void> {
    this.#sequence = (this.#sequence + 1) >>> 0
    const request = message.finish(this.#sequence, message.head.flags | NLM_F_REQUEST | NLM_F_ACK)
    const { operation } = message.head
    await inThread(operation, callback => send.async(this.#fd, request, request.length, 0, callback))
    const reply = Buffer.alloc(REPLY_BYTES)
    for (;;) {
      const length = await inThread(operation, callback => receive.async(this.#fd, reply, reply.length, 0, callback))
      const answer = messagesIn(reply.subarray(0, length)).find(each => each.type === NLMSG_ERROR && each.sequence === this.#sequence)
      if (answer === undefined) continue
      const refusal = refusalIn(answer, request)
      if (refusal !== undefined) throw refused(operation, refusal)
      return
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#last
    close(this.#fd)
  }
}

function inThread(operation: string, call: (callback: (error: unknown, result: number) => void) => void): Promise<number> {
  return new Promise((resolve, reject) => {
    call((error, result) => {
      if (error !== null && error !== undefined) reject(error as Error)
      else if (result < 0) reject(new NetlinkError('NETLINK_CLOSED', `${operation}: the netlink socket failed`, { operation }, { retryable: true }))
      else resolve(result)
    })
  })
}
