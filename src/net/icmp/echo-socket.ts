// Raw sockets that send echo requests of a given size, unfragmented, and tell how long each answer took.

import { closeSync } from 'node:fs'
import koffi from 'koffi'
import { addressToBytes, type Address, type Family } from '../ip/address.ts'
import { LibcError, openSocket, setSocketOption, SOCK_RAW } from '../libc/libc.ts'
import { ICMP_ECHO_REPLY, ICMP_FILTER, ICMP_HEADER_BYTES, IP_HEADER_BYTES, IP_PROTOCOL_ICMP, MTU_DISCOVER, PMTUDISC_PROBE, SOCKET_FAMILY, SOCK_NONBLOCK } from './constants.ts'
import { echoReply, echoRequest } from './echo-message.ts'

const libc = koffi.load(null)
const native = {
  sendto: libc.func('intptr_t sendto(int fd, uint8_t *bytes, size_t length, int flags, uint8_t *address, uint32_t addressLength)'),
  recv: libc.func('intptr_t recv(int fd, uint8_t *bytes, size_t length, int flags)'),
  poll: libc.func('int poll(uint8_t *fds, unsigned long count, int timeout)'),
  setsockopt: libc.func('int setsockopt(int fd, int level, int name, uint8_t *value, uint32_t length)'),
} as const

const POLLIN = 1
/** struct sockaddr_in and sockaddr_in6 of linux/in.h and linux/in6.h. */
const NAME_BYTES = { 4: 16, 6: 28 } as const
const ADDRESS_OFFSET = { 4: 4, 6: 8 } as const

export type EchoTarget = Readonly<{
  address: Address
  /** Of the whole packet, IP header included; sent with DF. */
  packetBytes: number
}>

/** Milliseconds until the answer, or undefined when none came, be it because the packet could not even be sent. */
export type EchoAnswer = number | undefined

/** One family's socket. The thread pool waits for it, one thread for as long as a round of questions lasts. */
export class EchoSocket implements Disposable {
  readonly #family: Family
  readonly #fd: number
  readonly #identifier: number
  #sequence = 0

  private constructor(family: Family, fd: number, identifier: number) {
    this.#family = family
    this.#fd = fd
    this.#identifier = identifier
  }

  /** Opens it in the calling thread's namespace. `identifier` (16 bits) tells our answers from those of others on this host. */
  static open(family: Family, identifier: number): EchoSocket {
    const fd = openSocket(SOCKET_FAMILY[family], SOCK_RAW | SOCK_NONBLOCK, IP_PROTOCOL_ICMP[family])
    try {
      setSocketOption(fd, MTU_DISCOVER[family].level, MTU_DISCOVER[family].name, PMTUDISC_PROBE)
      const { level, name, words } = ICMP_FILTER[family]
      const filter = Buffer.alloc(words * 4, 0xff)
      const reply = ICMP_ECHO_REPLY[family]
      filter.writeUInt32LE((~(1 << reply % 32)) >>> 0, Math.floor(reply / 32) * 4)
      if (native.setsockopt(fd, level, name, filter, filter.length) === -1) throw new LibcError('setsockopt', koffi.errno(), { level, name })
      return new EchoSocket(family, fd, identifier)
    } catch (error) {
      closeSync(fd)
      throw error
    }
  }

  /** Asks all targets at once and waits for the answers at most `timeoutMs`. Not to be called again before it has answered. */
  async ask(targets: readonly EchoTarget[], { timeoutMs, signal }: Readonly<{ timeoutMs: number; signal: AbortSignal }>): Promise<readonly EchoAnswer[]> {
    const answers: EchoAnswer[] = targets.map(() => undefined)
    const waiting = new Map<number, Readonly<{ index: number; sentMs: number }>>()
    targets.forEach((target, index) => {
      this.#sequence = (this.#sequence + 1) & 0xffff
      if (this.#send(target, this.#sequence)) waiting.set(this.#sequence, { index, sentMs: performance.now() })
    })
    const endMs = performance.now() + timeoutMs
    const packet = Buffer.alloc(65_536)
    while (waiting.size > 0 && performance.now() < endMs) {
      signal.throwIfAborted()
      await this.#readable(Math.min(MAX_POLL_MS, Math.max(1, Math.ceil(endMs - performance.now()))))
      for (let length = this.#receive(packet); length > 0; length = this.#receive(packet)) {
        const name = echoReply(this.#family, packet.subarray(0, length))
        if (name === undefined || name.identifier !== this.#identifier) continue
        const asked = waiting.get(name.sequence)
        if (asked === undefined) continue
        waiting.delete(name.sequence)
        answers[asked.index] = performance.now() - asked.sentMs
      }
    }
    return answers
  }

  #send({ address, packetBytes }: EchoTarget, sequence: number): boolean {
    const family = this.#family
    const name = Buffer.alloc(NAME_BYTES[family])
    name.writeUInt16LE(SOCKET_FAMILY[family], 0)
    name.set(addressToBytes(address), ADDRESS_OFFSET[family])
    const message = echoRequest(family, { identifier: this.#identifier, sequence }, packetBytes - IP_HEADER_BYTES[family])
    return Number(native.sendto(this.#fd, message, message.length, 0, name, name.length)) === message.length
  }

  #receive(packet: Buffer): number {
    return Number(native.recv(this.#fd, packet, packet.length, 0))
  }

  #readable(timeoutMs: number): Promise<void> {
    const table = Buffer.alloc(8)
    table.writeInt32LE(this.#fd, 0)
    table.writeInt16LE(POLLIN, 4)
    return new Promise((resolve, reject) => {
      // What poll answers does not matter: the loop looks for packets, and at the time, either way.
      native.poll.async(table, 1, timeoutMs, (error: Error | null) => (error === null ? resolve() : reject(error)))
    })
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd)
  }
}

/** How long a stop may have to wait for the thread. */
const MAX_POLL_MS = 250

/** The smallest packet that can carry an echo request. */
export const smallestEchoBytes = (family: Family): number => IP_HEADER_BYTES[family] + ICMP_HEADER_BYTES
